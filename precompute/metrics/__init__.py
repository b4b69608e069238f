"""Metrics over captions: one a file, each a pure function, registered here by one line.

A metric takes n texts, none of them empty, and for each its references, at least one. It gives n
values. What cannot be scored never reaches a metric (`precompute.score`).
"""

from collections.abc import Callable, Sequence

from precompute.metrics.exact import exact
from precompute.metrics.rouge_l import rouge_l

Metric = Callable[[Sequence[str], Sequence[Sequence[str]]], list[float]]

METRICS: dict[str, Metric] = {
    "exact": exact,
    "rouge_l": rouge_l,
}
