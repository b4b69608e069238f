"""What is done to a picture before the tower sees it: noise, blur, holes, disorder, attack.

`edits` are values with readable ids, which `read_edits` reads back; `corruptions` are ImageNet-C's;
`patches` covers or mixes the picture's patches; `attack` changes pixels along the gradient of a
caption's log-probability. `break_pixels` does any of them to a batch. The same picture, id and seed
give the same broken picture. Conditions on layers, captions and runs they must not know.
"""

from precompute.inputs.broken import Clean, break_pixels
from precompute.inputs.edits import EXAMPLES, SEPARATOR, InputEdit, read_edits, specification

__all__ = [
    "EXAMPLES",
    "SEPARATOR",
    "Clean",
    "InputEdit",
    "break_pixels",
    "read_edits",
    "specification",
]
