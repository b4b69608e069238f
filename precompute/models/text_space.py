"""The way from a CLIP's CLS token to its image embedding, as a linear map.

The final norm divides by a length that depends on the whole state. With that length held fixed, as
in Gandelsman, Efros, Steinhardt, "Interpreting CLIP's image representation via text-based
decomposition" (ICLR 2024), the way is linear: what embeddings, heads, biases and MLPs have given to
CLS, each taken through it, sum to the image embedding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from precompute.models.captioner import Memory


@dataclass(frozen=True)
class TextSpace:
    """An image embedding is `z / scale(z) @ matrix + offset`, before it is made a unit vector.

    Attributes:
        matrix: the norm's centring and weights, then the projection; float32.
        offset: the norm's bias through the projection.
        eps: of the norm.
    """

    matrix: Float[Tensor, "width embedding"]
    offset: Float[Tensor, " embedding"]
    eps: float

    def scale(self, final: Float[Tensor, "batch width"]) -> Float[Tensor, "batch 1"]:
        """What the norm divides a CLS token of Z^L by: its standard deviation."""
        variance = final.float().var(-1, unbiased=False, keepdim=True)
        return torch.sqrt(variance + self.eps)


@runtime_checkable
class HasTexts(Protocol):
    """A captioner that reads states against a list of texts."""

    @property
    def texts(self) -> Sequence[str]:
        """The list."""
        ...

    def read(self, states: Float[Tensor, "batch token width"], prompt: str) -> Memory:
        """The logit of every text for a state: `hidden` [batch, 1, text]."""
        ...

    def text_embeddings(self, prompt: str) -> Float[Tensor, "text embedding"]:
        """Unit vectors of the texts, each in the template, of the model's dtype."""
        ...

    def text_space(self) -> TextSpace:
        """The way from CLS to an image embedding.

        Raises:
            ValueError: there is none that is linear.
        """
        ...


def text_space(norm: torch.nn.LayerNorm, projection: torch.nn.Linear) -> TextSpace:
    """The linear way through a final norm and a projection without a bias."""
    through = projection.weight.detach().float().T
    weighted = norm.weight.detach().float()[:, None] * through
    # (z - mean z) W is z (W - the mean of W's rows).
    return TextSpace(
        weighted - weighted.mean(0), norm.bias.detach().float() @ through, float(norm.eps)
    )
