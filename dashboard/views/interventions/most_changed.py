"""Images in the order of how much a condition changed them, old and new caption side by side."""

import math

import pandas as pd
import streamlit as st

from dashboard.captions import text as caption_text
from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.figures import files
from dashboard.names import intervals, metrics
from dashboard.widgets import menus, navigation, two_captions
from dashboard.widgets import text as plain_text
from dashboard.widgets.thumbnail import thumbnail
from store.query import conditions as condition_queries
from store.schema import BASELINE

_PER_PAGE = 8
_SHOWN = {"images": "Images", "measures": "All measures"}


def show(key: Key, condition: str | None, metric: str, against: str) -> None:
    """Draw the ranking and the changes of all measures.

    Args:
        key: which run.
        condition: the edited model; None if none was measured.
        metric: the score that ranks.
        against: what it is held against.
    """
    st.subheader("What it changed, image by image")
    if condition is None:
        plain_text.line("No condition was measured so.", "small")
        return
    plain_text.line(f"Condition {condition}; the sidebar chooses another one.")
    total = int(
        run_data.asked(key, condition_queries.count_scored, condition, metric, against)["n"][0]
    )
    if (
        menus.menu(
            "Show",
            list(_SHOWN),
            name="changed",
            look="segments",
            shown=_SHOWN.__getitem__,
        )
        == "measures"
    ):
        _changes(key, condition)
    elif total == 0:
        plain_text.line(
            f"{metrics.title(metric, against)} is no score of single images; choose "
            "another measure above to rank them.",
            "small",
        )
    else:
        _images(key, condition, metric, against, total)


def _images(key: Key, condition: str, metric: str, against: str, total: int) -> None:
    order = (
        "least first"
        if against == BASELINE
        else "the condition's minus the baseline's, least first"
    )
    plain_text.line(f"{metrics.title(metric, against)}, {order}.", "small")
    rows_at = st.container()
    pages = math.ceil(total / _PER_PAGE)
    number = menus.pages(pages, "ranked")
    rows = run_data.asked(
        key,
        condition_queries.most_changed,
        condition,
        metric,
        against,
        _PER_PAGE,
        (number - 1) * _PER_PAGE,
    )
    with rows_at:
        for row in rows.astype(object).to_dict("records"):
            picture, text = st.columns([1, 8], vertical_alignment="center", gap="small")
            image_id = str(row["image_id"])
            picture.image(
                thumbnail(key, image_id),
                width=88,
                alt=f"Picture {image_id} as the model saw it.",
            )
            with text:
                two_captions.side_by_side(
                    caption_text.text(row["before"]),
                    caption_text.text(row["after"]),
                    ("baseline", f"{condition}: {row['value']:.3f}"),
                )
                navigation.to_image(key, image_id, condition)


def _changes(key: Key, condition: str) -> None:
    changes = run_data.asked(key, condition_queries.changes, condition)
    over = run_data.asked(key, condition_queries.conditions)
    plain_text.line(
        "All measures, paired over the same images. "
        f"{intervals.adjusted(f'the {len(over):,} conditions of this run')}"
        f"{intervals.few(changes)}",
        "small",
    )
    if changes.empty:
        plain_text.line("None yet: they come with the next python -m precompute publish.", "small")
        return
    table = pd.DataFrame(
        {
            "measure": [
                metrics.title(metric, against)
                for metric, against in zip(changes["metric"], changes["against"], strict=True)
            ],
            **{
                name: changes[name]
                for name in ("baseline", "edited", "difference", "low", "high", "n")
            },
            intervals.EFFECT: [
                intervals.effect(low, high, p)
                for low, high, p in zip(
                    changes["low"], changes["high"], changes["adjusted_p"], strict=True
                )
            ],
            "adjusted p": changes["adjusted_p"],
        }
    )
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            name: st.column_config.NumberColumn(format="%.3f")
            for name in ("baseline", "edited", "difference", "low", "high", "adjusted p")
        },
    )
    files.download_row(None, changes.assign(condition_id=condition), "changes")
