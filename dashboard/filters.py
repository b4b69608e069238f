"""The filters of the Images page: one text in the link, and widgets that write it."""

import streamlit as st

from dashboard import charts, data, plain, presets, words
from dashboard.data import Key
from dashboard.selection import IN_URL
from store.predicates import OPERATORS, Predicate, Quantity, format_predicates, parse_predicates

_ANY = "any layer"


def named(name: str) -> Quantity:
    """The quantity of a name such as `rouge_l:final`."""
    metric, _, against = name.partition(":")
    return Quantity(metric, against or None)


def _read(key: Key) -> tuple[Predicate, ...]:
    """The predicates of the text; a text that cannot be read is said so, and counts as none."""
    text = st.session_state.get("filter") or ""
    try:
        predicates = parse_predicates(text)
    except ValueError as error:
        plain.line(f"The filter cannot be read: {error}", "small")
        return ()
    known = data.quantities(key)
    if unknown := [p.quantity.name for p in predicates if p.quantity.name not in known]:
        plain.line(f"The filter asks for {', '.join(unknown)}, which this run does not have; "
                   "that part is left out.", "small")
    return tuple(p for p in predicates if p.quantity.name in known)


def _write(predicates: tuple[Predicate, ...]) -> None:
    st.session_state["filter"] = format_predicates(predicates)
    st.session_state["page"] = 1


def choose(key: Key, condition: str, top: int) -> tuple[Predicate, ...]:
    """Draw the filters; the predicates that are set."""
    text, ready, add = st.columns([3.4, 1.1, 1.2], vertical_alignment="bottom")
    text.text_input("Filters", key="filter", bind=IN_URL,
                    placeholder="none; for instance |delta_attn| > 0.1; rouge_l:final@2 < 0.5",
                    help="metric[:against][@layer] < number; bars for the absolute value, no "
                         "layer for any layer, several joined by a semicolon.")
    predicates = _read(key)
    with ready, st.popover("Presets", icon=":material/filter_alt:", width="stretch"):
        _presets(key, condition, top)
    with add, st.popover("Add a filter", icon=":material/add:", width="stretch"):
        _builder(key, condition, top, predicates)
    for start in range(0, len(predicates), 3):
        for column, i in zip(st.columns(3), range(start, len(predicates)), strict=False):
            with column.container(border=True):
                _card(key, condition, predicates, i)
    return predicates


def _presets(key: Key, condition: str, top: int) -> None:
    for i, preset in enumerate(presets.presets(key, condition, top)):
        st.button(preset.name, key=f"preset-{i}", width="stretch", disabled=bool(preset.lacks),
                  on_click=_write, args=(preset.predicates,))
        plain.line(preset.meaning, "small")
        plain.line(preset.lacks or "; ".join(map(str, preset.predicates)), "small")


def _builder(key: Key, condition: str, top: int, predicates: tuple[Predicate, ...]) -> None:
    names = data.quantities(key)
    name = st.selectbox("Metric", names, key="new_metric",
                        format_func=lambda name: words.title(*name.split(":")))
    quantity = named(name)
    plain.line(words.word(quantity.metric).meaning, "small")
    at, how = st.columns(2, vertical_alignment="bottom")
    layer = at.selectbox("Layer", [_ANY, *range(top, -1, -1)], key="new_layer",
                         disabled=not data.has_layers(quantity))
    absolute = how.toggle("Absolute value", key="new_absolute")
    op_at, threshold_at = st.columns(2)
    op = op_at.selectbox("Comparison", OPERATORS, index=2, key="new_op")
    threshold = threshold_at.number_input("Threshold", value=0.0, step=0.05, format="%.4g",
                                          key="new_threshold")
    new = Predicate(
        Quantity(quantity.metric, quantity.against,
                 None if layer == _ANY or not data.has_layers(quantity) else int(layer),
                 absolute), op, float(threshold))
    st.altair_chart(charts.histogram(data.histogram(key, new, condition), new),
                    alt="How the metric spreads over all images.")
    st.button("Add", type="primary", width="stretch", on_click=_write,
              args=((*predicates, new),))


def _card(key: Key, condition: str, predicates: tuple[Predicate, ...], i: int) -> None:
    predicate = predicates[i]
    quantity = predicate.quantity
    others = predicates[:i] + predicates[i + 1:]
    name, remove = st.columns([6, 1], vertical_alignment="top")
    with name:
        label = words.title(quantity.metric, quantity.against)
        label = f"|{label}|" if quantity.absolute else label
        where = _ANY if quantity.layer is None else f"layer {quantity.layer}"
        plain.line(label if not data.has_layers(quantity) else f"{label}, {where}")
    remove.button("", icon=":material/close:", key=f"drop-{i}", type="tertiary",
                  help="Take this filter away.", on_click=_write, args=(others,))
    st.altair_chart(charts.histogram(data.histogram(key, predicate, condition), predicate),
                    key=f"histogram-{i}", alt=f"How {label} spreads over all images.")

    def moved() -> None:
        value = float(st.session_state[f"threshold-{i}"])
        changed = Predicate(quantity, predicate.op, value)
        _write((*predicates[:i], changed, *predicates[i + 1:]))

    st.session_state[f"threshold-{i}"] = predicate.threshold
    st.number_input(f"passes if {predicate.op}", key=f"threshold-{i}", step=0.05, format="%.4g",
                    on_change=moved)
