"""What every number of a run is called and means: label, unit, range, which way is better, rank.

The lowest folder: it knows no tables and no run. `store.schema` takes the columns of heads from it,
`precompute.metrics` computes what it names, and the dashboard has from it every label, every list
of preference, and which section a curve stands in.
"""

from store.metrics.inside import CAPTIONS, HEADS, LAYERS, head_columns, head_menu
from store.metrics.judges import CRITERIA, JUDGED
from store.metrics.metric import CAPTION_SECTION, Metric
from store.metrics.scores import ANSWERS, FAMILIES, GAIN, ONSET, OTHERS, SCORES, STATE_COSINE

__all__ = [
    "CAPTION_SECTION",
    "CRITERIA",
    "FAMILIES",
    "GAIN",
    "HEADS",
    "JUDGED",
    "METRICS",
    "ONSET",
    "SCORES",
    "STATE_COSINE",
    "Metric",
    "gains",
    "head_columns",
    "head_menu",
    "likeness",
    "quality",
    "yes_or_no",
]

METRICS: dict[str, Metric] = {
    **LAYERS,
    **CAPTIONS,
    **{name: statistic.metric for name, statistic in HEADS.items()},
    **ANSWERS,
    **SCORES,
    **OTHERS,
}
"""Every metric that has a name of its own, in the order of the sections of the page Layers."""


def quality() -> tuple[str, ...]:
    """Scores that tell how good captions are against references, the preferred one first."""
    return _ranked({name: metric.quality for name, metric in METRICS.items()})


def likeness() -> tuple[str, ...]:
    """Scores that tell how alike two captions are, the preferred one first."""
    return _ranked({name: metric.likeness for name, metric in METRICS.items()})


def gains() -> tuple[str, ...]:
    """What grounding is read from, on every page: the first of these that a run has."""
    return tuple(GAIN + name for name in quality())


def yes_or_no() -> list[str]:
    """Metrics that are 0 or 1 of every image: their means are shares of images."""
    return [name for name, metric in METRICS.items() if metric.yes_or_no]


def _ranked(ranks: dict[str, int | None]) -> tuple[str, ...]:
    return tuple(
        name for _, name in sorted((rank, name) for name, rank in ranks.items() if rank is not None)
    )
