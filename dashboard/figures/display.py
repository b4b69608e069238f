"""Charts and figures on a page. A chart is made once for the same numbers: Altair takes its time.

It checks and writes a chart of three layers in some 50 ms, at every rerun, and a page has several.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.charts import pruning_tables
from dashboard.charts.base import Chart
from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.figures import files
from dashboard.figures.files import Spec
from dashboard.figures.paper import About, Figure
from dashboard.names import intervals
from dashboard.widgets import text as plain_text


def spec(make: Callable[..., Chart], *values: object, **named: object) -> Spec:
    """A chart as Vega-Lite.

    Args:
        make: a pure function of a chart, at the top of its module.
        *values: its arguments.
        **named: its arguments that have names.
    """
    return _spec(_name(make), make, values, named)


def chart(made: Spec, alt: str) -> None:
    """Draw a chart where it is called; `alt` says what it shows."""
    st.vega_lite_chart(spec={**made}, alt=alt)  # a copy: Streamlit takes the numbers out


def made(key: Key, make: Callable[..., Any], about: About, *values: object) -> list[Figure]:
    """A run's figures of one kind, their charts as Vega-Lite.

    Args:
        key: which run.
        make: of `paper`: gives a figure, several, or None.
        about: how the run is called.
        *values: the other arguments.
    """
    return _made(key, _name(make), make, about, *values)


def show(figure: Figure) -> None:
    """Draw a figure where it is called: its picture or table, its caption, its files."""
    plain_text.line(figure.title, "heading")
    if figure.chart is None:
        table1(figure.frame)
    elif isinstance(figure.chart, str):
        plain_text.picture(figure.chart, figure.title)
    else:
        chart(files.spec(figure.chart), f"{figure.title}. {figure.caption}")
    plain_text.line(figure.caption, "small")
    files.download_row(figure.chart, figure.frame, figure.name)


def table1(frame: pd.DataFrame) -> None:
    """Draw Table 1 where it is called.

    Args:
        frame: of `pruning_tables.table1`.
    """
    groups: dict[str, list[tuple[str, ...]]] = {}
    for row in pruning_tables.readable(frame).to_dict("records"):
        before, after, difference = (
            "" if pd.isna(row[name]) else f"{row[name]:.3f}"
            for name in ("before", "after", "difference")
        )
        groups.setdefault(row["measure"], []).append(
            (
                row["heads chosen by"],
                before,
                after,
                difference,
                intervals.ends(row["95% from"], row["95% to"], ".3f"),
                f"{row['images']:,}",
            )
        )
    plain_text.table(
        ("heads chosen by", "before", "after", "difference", "95% interval", "images"), groups
    )


def chance(frame: pd.DataFrame) -> None:
    """Draw the comparison with random heads where it is called.

    Args:
        frame: of `chance_tables.beside_chance`.
    """
    groups: dict[str, list[tuple[str, ...]]] = {}
    for row in frame.to_dict("records"):
        groups.setdefault(row["measure"], []).append(
            (
                row["heads chosen by"],
                f"{row['minus random heads']:z.3f}",
                intervals.ends(row["95% from"], row["95% to"], "z.3f"),
                "" if pd.isna(row["p"]) else f"{row['p']:.3f}",
                str(row["random choices"]),
                f"{row['images']:,}",
            )
        )
    plain_text.table(
        (
            "heads chosen by",
            "minus random heads",
            "95% interval",
            "p",
            "random choices",
            "images",
        ),
        groups,
    )


def _name(make: Callable[..., Any]) -> str:
    return f"{make.__module__}.{make.__name__}"


@st.cache_data(max_entries=256, show_spinner=False)
def _spec(name: str, _make: Callable[..., Chart], values: Any, named: Any) -> Spec:
    # Streamlit cannot hash a function: its name stands for it in the cache's key.
    return files.spec(_make(*values, **named))


@st.cache_data(max_entries=64, show_spinner=False)
def _made(
    key: Key, name: str, _make: Callable[..., Any], about: About, *values: object
) -> list[Figure]:
    result = _make(partial(run_data.asked, key), about, *values)
    several = result if isinstance(result, list) else [result] if result else []
    return [
        replace(one, chart=files.spec(one.chart))
        if one.chart is not None and not isinstance(one.chart, str)
        else one
        for one in several
    ]
