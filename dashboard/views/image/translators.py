"""The switch of readers on the Image page: the same states, read as they are or translated."""

import streamlit as st

from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.names import translators as reader_names
from dashboard.widgets import link
from dashboard.widgets import text as plain_text
from store.interventions import read_spec
from store.query import translators as reader_queries
from store.schema import BASELINE

_KEPT_OUT = (
    "This picture is not read by {}: it is one of those that the translators were fitted on, or "
    "that chose among them, which would read too well."
)


def names(key: Key) -> dict[str, str]:
    """Condition -> name of the native reader and all others; empty of a run without others.

    Where there are readers of several translators, a name says whose it is.
    """
    rows = run_data.asked(key, reader_queries.readers).to_dict("records")
    if not rows:
        return {}
    specs = {str(row["condition_id"]): read_spec(row["spec"]) for row in rows}
    owners = {
        condition: str(reader_names.about(spec).get("of")) for condition, spec in specs.items()
    }
    several = len(set(owners.values())) > 1
    named = {
        condition: reader_names.name(spec, condition)
        + (f" ({owners[condition]})" if several else "")
        for condition, spec in specs.items()
    }
    order = list(reader_names.NAMES.values())
    ranked = sorted(
        named, key=lambda c: (order.index(named[c]) if named[c] in order else len(order), c)
    )
    return {BASELINE: reader_names.NATIVE} | {condition: named[condition] for condition in ranked}


def show(key: Key, condition: str) -> None:
    """Draw the switch, where the run has readers and nothing in the model is edited."""
    known = names(key)
    if condition not in known:
        return
    name = "read by"
    st.session_state[name] = condition

    def chosen() -> None:
        link.write(condition=st.session_state[name])

    st.segmented_control(
        "Read by",
        list(known),
        key=name,
        required=True,
        on_change=chosen,
        format_func=lambda one: plain_text.label(known[one]),
        help="What the decoder is given of each layer: its state as it is, or translated into the "
        "last layer's basis. Beside a translator stand its controls. Words are compared with the "
        "native reader's; the page Layers has the numbers.",
    )


def remark(key: Key, condition: str, n_captions: int) -> str | None:
    """What has to be known of a picture under a reader; None of other conditions."""
    known = names(key)
    if condition == BASELINE or condition not in known:
        return None
    if not n_captions:
        return _KEPT_OUT.format(known[condition])
    return "Maps and measures are the tower's own: a reader changes nothing in it."
