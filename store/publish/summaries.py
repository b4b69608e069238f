"""What publish computes from the tables of the parts, in the order in which it depends."""

from pathlib import Path

import duckdb

from store.publish import build
from store.statistics import (
    N_BOOTSTRAP,
    SEED,
    add_chance,
    add_changes,
    add_convergence,
    add_curves,
    add_foretold,
    add_head_curves,
    add_landmarks,
    add_patching,
    add_questions,
    add_reader_gains,
    bootstrap_weights,
    judged,
    prepare,
)

__all__ = ["COMPUTED", "N_BOOTSTRAP", "SEED", "VERSION", "add_summaries", "bootstrap_weights"]

VERSION = 11
"""Goes up when a summary is computed differently, so that publish makes a new generation."""

COMPUTED = (
    "image_stat",
    "question",
    "curve",
    "band",
    "floor_curve",
    "head_curve",
    "change",
    "landmark",
    "reader_gain",
    "chance",
    "foretold",
    "patch_curve",
)
"""The tables filled here; parts may have rows of some of them, too."""


def add_summaries(con: duckdb.DuckDBPyConnection, scratch: Path) -> None:
    """Fill the tables of `COMPUTED`, sorted as the schema says.

    Args:
        con: the generation being built; all other tables are filled.
        scratch: a folder for the weights of the bootstrap.

    Raises:
        PublishRefused: rows with the same key.
    """
    add_convergence(con)
    add_questions(con)
    add_patching(con)
    judged.add_image_stats(con)
    if n_images := prepare(con):
        weights = bootstrap_weights(n_images, scratch / "weights.u1")
        for add in (
            add_curves,
            add_landmarks,
            add_head_curves,
            add_foretold,
            add_changes,
            add_chance,
            add_reader_gains,
        ):
            add(con, weights)
    for name in COMPUTED:
        build.settle(con, name)
