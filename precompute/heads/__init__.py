"""What heads say and do for the caption, what texts explain them, which Algorithm 1 removes.

Conditions are computed by `interventions`, likeness by `scoring`; this folder knows which heads,
and on what grounds.
"""

from precompute.heads.captions import caption_heads
from precompute.heads.effect import measure_heads
from precompute.heads.pruning import prune, require_prunable
from precompute.heads.texts import explain_heads, require_text_space

__all__ = [
    "caption_heads",
    "explain_heads",
    "measure_heads",
    "prune",
    "require_prunable",
    "require_text_space",
]
