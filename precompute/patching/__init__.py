"""What carries the difference between two pictures: states of the one put into the other.

`pairs` reads them, `sites` says where is patched, `effects` measures it by gradients and exactly,
`stage` makes the parts. It needs no capture: the pairs are pictures of their own. States of a
picture of the run are put into all others by a condition (`interventions.graft`), which takes
`record` from here.
"""

from precompute.patching.effects import Recorded, record
from precompute.patching.pairs import read_pairs
from precompute.patching.stage import patch_pairs

__all__ = ["Recorded", "patch_pairs", "read_pairs", "record"]
