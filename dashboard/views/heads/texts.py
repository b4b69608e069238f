"""The texts that explain what each head of a CLIP adds, beside as many random directions."""

import streamlit as st

from dashboard.charts import head_tables
from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.figures import files
from dashboard.widgets import making
from dashboard.widgets import text as plain_text
from store.query import conditions as condition_queries
from store.schema import BASELINE

_STAGE = "head_texts"
_HEIGHT = 420


def show(key: Key, condition: str) -> None:
    """Draw the table, where a run was asked for it.

    Args:
        key: the run.
        condition: the one that is chosen; heads are explained of the baseline alone.
    """
    if _STAGE not in run_data.run_row(key)["info"].get("stages", {}):
        return
    st.subheader("Texts that explain heads")
    frame = run_data.asked(key, condition_queries.head_texts)
    if frame.empty:
        making.partly(key.path, "Texts that explain heads")
        return
    if condition != BASELINE:
        plain_text.line(
            "Of the baseline: heads were explained of the unedited model alone.", "note"
        )
    table = head_tables.explained(frame)
    beyond = int((table["explained"] > table["random, at most"]).sum())
    plain_text.line(
        "What a head adds to CLS differs from picture to picture; here over "
        f"{frame['n'].max():,}. Of the run's texts those {frame['rank'].max()} are shown along "
        "which it differs most, one after the other (TextSpan), and how much of its variance they "
        "explain together. Of many directions some always fit: beside them stand random ones, "
        f"chosen from as long a list in the same way. In {beyond} of {len(table)} heads the texts "
        "explain more than any of these.",
        "small",
    )
    plain_text.line(
        "Heads of which the image embedding varies most come first. A text says along what a head "
        "differs, not that it sees it, nor in which direction; of a head that texts explain no "
        "better than random directions, its texts tell nothing.",
        "small",
    )
    percent = st.column_config.NumberColumn(format="%.0f%%")
    st.dataframe(
        table,
        hide_index=True,
        height=_HEIGHT,
        column_config={
            **{name: st.column_config.Column(width=58) for name in ("layer", "head")},
            **dict.fromkeys(table.columns[3:], percent),
            "texts, the best first": st.column_config.TextColumn(width="large"),
        },
    )
    files.download_row(None, frame, "head-texts")
