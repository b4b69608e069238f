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
        (
            "certificate",
            f"{label}. On the first pictures the program's forward pass and captions are held "
            "against the library's own, check by check below. It is about the program, not about "
            "what is concluded.",
        ),
        (
            "floor",
            f"{towers} towers with permuted weights, {counts['floor_images']} images each, "
            "stand in grey beside captions. What is no better than they are is not shown to come "
            "from the picture; what is better may still owe them a part. Uniqueness, a corpus's "
            "BLEU, answers and the judge have no floor."
            if towers
            else "None was made ([floor] in the configuration): how much of a caption's quality "
            "the decoder has without the picture is not known.",
        ),
        (
            "null heads",
            f"In {layers} layers captions were also made with all heads off: a head whose caption "
            "is no better is not shown to do anything by it."
            if layers
            else "None were decoded ([heads] or [[pruning]]): what a head that does nothing "
            "scores is not known.",
        ),
        (
            "chance",
            f"Algorithm 1 stands beside {random} random choices of as many heads, so that no p can "
            f"be below {1 / (random + 1):.3f}. Each measure is tested by itself."
            if random
            else "No pruning stands beside random choices of as many heads.",
        ),
        (
            "coverage",
            "95% intervals are over images like these: they say nothing of other data sets, "
            f"prompts or models. Means over fewer than {intervals.LEAST_IMAGES} images have none. "
            "How often they hold the truth was simulated on made-up numbers, not on this run: of "
            "few images and rare values less often than they say (docs/method.md).",
        ),
        (
            "comparisons",
            "Intervals are pointwise unless a page says simultaneous. Adjusted p-values are for "
            "all conditions, or all heads, of one measure; for several measures, and for what a "
            "reader picks out, nothing is adjusted. "
            + (
                f"Curves of {counts['banded_curves']} measures have simultaneous bands."
                if counts["banded_curves"]
                else "Publish again to have simultaneous bands."
            ),
        ),
    ]
