"""Where the numbers come from: provenance, certificate, counts, sizes, and what was given up."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.names import metrics, provenance
from dashboard.views import trust
from dashboard.widgets import copy_command, link, making, menus
from dashboard.widgets import text as plain_text
from dashboard.widgets.link import Place
from store.disk import read_run
from store.parts import read_failures
from store.query import Selection
from store.query import images as image_queries

_PER_PAGE = 20  # skipped pictures
_DETAILS = ("generation", "texts", "config", "versions", "decides")


def show(place: Place) -> None:
    """Draw the page."""
    st.header("Runs")
    link.show_notes()
    plain_text.line(
        "Where the numbers come from: what was run, on which pictures, and what it was held "
        "against.",
        "small",
    )
    _given_up(place.run)
    info = read_run(place.run)
    if place.key is not None:
        trust.show(place.key, info.get("parity"))
    _certificate(info.get("parity"))
    left, right = st.columns([1.5, 1], gap="large")
    with left:
        _provenance(info)
    with right:
        if place.key is None and not making.instead(place.run, "Tables"):
            plain_text.line(
                "Nothing is published yet: the tables come with the first generation. This "
                "publishes what there is:"
            )
            copy_command.show("python -m precompute publish")
        elif place.key is not None:
            _counts(place.key)
            _sizes(place.key)
    if place.key is not None:
        _skipped(place.key)


def _given_up(run: Path) -> None:
    failures = read_failures(run)
    if not failures:
        return
    st.subheader("Parts that were given up")
    plain_text.line(
        f"{len(failures)} parts could not be made, and what needs them was left out. The "
        "same command tries them again; run.log tells more.",
        "small",
    )
    st.dataframe(
        pd.DataFrame(map(asdict, failures)),
        hide_index=True,
        column_config={"error": st.column_config.TextColumn("what was wrong", width="large")},
    )


def _certificate(parity: dict[str, Any] | None) -> None:
    st.subheader("Certificate")
    label, icon, color = metrics.certificate(parity)
    st.badge(label, icon=icon, color=color)
    if not parity:
        plain_text.line(
            "This run says nothing about whether its numbers are the model's own; one that "
            "is made by python -m precompute run does.",
            "small",
        )
        return
    plain_text.line(
        "Before it started, the run compared its own forward pass with the library's.", "small"
    )
    if not parity.get("passed"):
        plain_text.line(
            "At least one check failed: take this run's numbers as those of another model. "
            "The failed checks say by how much; another dtype or attention implementation "
            "under [model] may pass.",
            "note",
        )
    plain_text.facts(
        [
            (str(check["name"]).replace("_", " "), _check(check))
            for check in parity.get("checks") or []
        ]
    )


def _check(check: Mapping[str, Any]) -> str:
    return (
        f"{'passed' if check['passed'] else 'FAILED'}: found {check['value']:.2g}, at most "
        f"{check['bound']:.2g} allowed. {check.get('detail') or ''}"
    )


def _provenance(info: dict[str, Any]) -> None:
    st.subheader("Provenance")
    plain_text.facts(provenance.facts(info))
    for name in _DETAILS:
        if info.get(name):
            with st.expander(name):
                st.code(json.dumps(info[name], indent=2, ensure_ascii=False), language="json")


def _counts(key: Key) -> None:
    st.subheader("Counts")
    tables = run_data.tables(key)
    st.dataframe(
        tables[tables["rows"] > 0],
        hide_index=True,
        column_config={
            "table_name": "table",
            "rows": st.column_config.NumberColumn(format="localized"),
        },
    )
    plain_text.line(f"Generation {key.generation}.", "small")


def _sizes(key: Key) -> None:
    st.subheader("On disk")
    sizes = run_data.sizes(key)
    st.dataframe(
        pd.DataFrame(sizes.items(), columns=["what", "MB"]),
        hide_index=True,
        column_config={"MB": st.column_config.NumberColumn(format="%.1f")},
    )
    if len(sizes) == 1:
        plain_text.line("What the stages take is counted when a run is published next.", "small")


def _skipped(key: Key) -> None:
    st.subheader("Skipped pictures")
    n = int(run_data.asked(key, image_queries.count_skipped)["n"][0])
    if n == 0:
        plain_text.line("None.", "small")
        return
    read = n + run_data.count(key, Selection())
    plain_text.line(
        f"{n:,} of {read:,} pictures ({n / read:.1%}) could not be opened and are in no "
        "number of this run. Mended, they make another run.",
        "small",
    )
    rows_at = st.container()
    number = menus.pages(math.ceil(n / _PER_PAGE), "skipped")
    rows_at.dataframe(
        run_data.asked(key, image_queries.skipped, _PER_PAGE, (number - 1) * _PER_PAGE),
        hide_index=True,
        height="content",
        column_config={
            "source": st.column_config.TextColumn("picture", width="medium"),
            "reason": st.column_config.TextColumn("why", width="large"),
        },
    )
