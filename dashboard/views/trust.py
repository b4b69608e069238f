"""What a run was held against, in plain words: the section of the page Runs."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.names import metrics
from dashboard.widgets import text as plain_text
from store.statistics import intervals


def show(key: Key, parity: dict[str, Any] | None) -> None:
    """Draw the section.

    Args:
        key: the run.
        parity: its certificate, as run.json has it.
    """
    st.subheader("What was checked")
    plain_text.facts(facts(run_data.checks(key), parity))


def facts(counts: Mapping[str, int], parity: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Each check and what it says, of a run that has it and of one that has not.

    Args:
        counts: of `store.query.checks`.
        parity: the certificate.
    """
    label, _, _ = metrics.certificate(parity)
    towers, layers, random = (counts[name] for name in ("towers", "null_layers", "random_choices"))
    return [
        ("certificate", f"{label}. It is below, check by check."),
        (
            "floor",
            f"{towers} towers with permuted weights, {counts['floor_images']} images each: grey "
            "under every curve of captions. What is no better than it needs no picture."
            if towers
            else "None was made ([floor] in the configuration): how much of a caption's quality "
            "the decoder has without the picture is not known.",
        ),
        (
            "null heads",
            f"{layers} layers were decoded with all heads off: a head that says no more than that "
            "does nothing that its caption shows."
            if layers
            else "None were decoded ([heads] or [[pruning]]): what a head that does nothing "
            "scores is not known.",
        ),
        (
            "chance",
            f"Algorithm 1 stands beside {random} random choices of as many heads."
            if random
            else "No pruning stands beside random choices of as many heads.",
        ),
        (
            "coverage",
            "Intervals are 95% over images, and say nothing of other data sets. Means over fewer "
            f"than {intervals.LEAST_IMAGES} images have none. How often they hold the truth was "
            "simulated: docs/method.md has the tables.",
        ),
        (
            "comparisons",
            "Intervals are pointwise unless a page says simultaneous; p-values in tables of "
            "conditions and heads are adjusted for all of them. "
            + (
                f"Curves of {counts['banded_curves']} measures have simultaneous bands."
                if counts["banded_curves"]
                else "Publish again to have simultaneous bands."
            ),
        ),
    ]
