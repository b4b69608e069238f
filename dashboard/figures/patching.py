"""What carries the difference between two pictures, over all pairs of a run."""

from dashboard.charts import base as base_charts
from dashboard.charts import patching as patching_charts
from dashboard.figures.paper import About, Ask, Figure
from dashboard.names import intervals
from store.query import patching as patching_queries

EFFECT = "effect (0: as it is, 1: as the other picture)"
"""The title of every axis of effects."""


def patching(ask: Ask, about: About) -> Figure | None:
    """Effects of whole sites by layer, over all pairs; None if no pair was patched."""
    frame = about.numbered(ask(patching_queries.curves))
    if frame.empty:
        return None
    frame = patching_charts.curves(frame)
    n = int(frame["n"].max())
    chart = base_charts.bands(
        frame,
        EFFECT,
        height=320,
        first=int(frame["layer"].min()),
        colors=patching_charts.COLORS,
        across=about.axis,
    )
    return Figure(
        "patching",
        "What carries the difference between two pictures",
        (
            "States of one picture put into the other, one site and layer at a time: of the state "
            "Z^l the patches whose pixels differ, all other patches, or CLS; of a block what its "
            "attention or its MLP adds. The effect is on how much likelier the other picture's "
            "final caption is than the picture's own (log-probability, nats a token): 0 nothing "
            f"changes, 1 the model is as the other picture makes it. Means over {n:,} "
            f"pair{'s' * (n != 1)}, a pair with the mean of its two ways. "
            f"{intervals.sentence(frame).replace('images', 'pairs')} Run {about.run}."
        ),
        chart,
        frame,
    )
