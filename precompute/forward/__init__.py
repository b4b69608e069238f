"""The instrumented forward: states of a borrowed tower, edited or not, and what they say.

`layers` runs blocks under edits, `attention` and `capture` make numbers of what is seen, `decode`
turns states into captions, `batches` halves what the GPU does not hold, `parity` holds all of it
against the library. Nothing here knows runs, parts, data sets, or why a block is edited.
"""

from precompute.forward.batches import BatchSize, DoesNotFit, by_image, fitting, together
from precompute.forward.capture import Capture, Columns, capture, capture_edited
from precompute.forward.decode import Caption, decode_layers, decode_states
from precompute.forward.layers import (
    NO_EDIT,
    Attention,
    LayerEdit,
    attend,
    constant,
    contribution_norms,
    full_pattern,
    pattern_of,
    run_layers,
    run_states,
)
from precompute.forward.parity import certificate
from precompute.forward.put import Put, mixed

__all__ = [
    "NO_EDIT",
    "Attention",
    "BatchSize",
    "Caption",
    "Capture",
    "Columns",
    "DoesNotFit",
    "LayerEdit",
    "Put",
    "attend",
    "by_image",
    "capture",
    "capture_edited",
    "certificate",
    "constant",
    "contribution_norms",
    "decode_layers",
    "decode_states",
    "fitting",
    "full_pattern",
    "mixed",
    "pattern_of",
    "run_layers",
    "run_states",
    "together",
]
