"""What heads say, what they do for the caption, and which of them Algorithm 1 removes.

Conditions are computed by `interventions`, likeness by `scoring`; this folder knows which heads,
and on what grounds.
"""

from precompute.heads.captions import caption_heads
from precompute.heads.effect import measure_heads
from precompute.heads.pruning import prune, require_prunable

__all__ = [
    "caption_heads",
    "measure_heads",
    "prune",
    "require_prunable",
]
