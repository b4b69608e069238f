"""Translators: maps of every layer's states into the basis of Z^L, and captions by them.

A caption of a low layer is read by a decoder that never saw such states. A translator, fitted to
the tower's own Z^L and never to captions, says which of its nonsense is another basis. `sums` and
`ridge` fit one, `lens` takes the tower's derivative in its place, `storage` keeps them, `stage`
and `readers` are the stages. Metrics, and what is published, it must not know.
"""

from precompute.translators.memory import file_bytes, memory_of, require_memory
from precompute.translators.native import measure_native
from precompute.translators.readers import conditions_of, read_layers
from precompute.translators.readings import MEASURED, copies_last
from precompute.translators.refine import BATCH
from precompute.translators.split import shares
from precompute.translators.stage import check_translators, fit_translators, kinds_of

__all__ = [
    "BATCH",
    "MEASURED",
    "check_translators",
    "conditions_of",
    "copies_last",
    "file_bytes",
    "fit_translators",
    "kinds_of",
    "measure_native",
    "memory_of",
    "read_layers",
    "require_memory",
    "shares",
]
