"""What a captioner is: a vision tower, and a way from one of its states to a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from PIL import Image
from torch import Tensor

from precompute.config import Generation
from precompute.models.tower import VisionTower


@dataclass(frozen=True)
class Placement:
    """Where and how a model is loaded.

    Attributes:
        device: `cpu` or `cuda`.
        dtype: of the weights.
        gpus: over how many GPUs the language model is spread.
        deepstack: of Qwen3-VL alone: what comes from taps above the layer that is read.
        aspect: of Qwen2.5-VL and Qwen3-VL alone: whether pictures keep their shape.
        tiles: of SmolVLM and Idefics3 alone: how many tiles a picture's longer side has.
        texts: of CLIP alone: what its states are read against.
    """

    device: str
    dtype: torch.dtype
    gpus: int = 1
    deepstack: Literal["drop", "from-state", "keep"] = "drop"
    aspect: Literal["keep", "square"] = "square"
    tiles: int = 1
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Memory:
    """What the decoder reads of one state and one prompt.

    It is computed once and serves the caption and every teacher-forced score of it.

    Attributes:
        hidden: what the decoder's cross-attention reads.
        mask: 1 where `hidden` counts.
        prefix: the prompt as the first tokens of the decoder, in models without an encoder to
            read it; a caption goes on from there and does not hold them.
    """

    hidden: Float[Tensor, "batch source model"]
    mask: Int[Tensor, "batch source"]
    prefix: tuple[int, ...] = ()


class Forced(NamedTuple):
    """What a decoder makes of captions that it is given, word by word.

    Attributes:
        logits: of each token, given those before it.
        tokens: ids of the captions.
        kept: 1 or true where a token counts; at least once a row.
    """

    logits: Float[Tensor, "batch token vocabulary"]
    tokens: Int[Tensor, "batch token"]
    kept: Int[Tensor, "batch token"] | Bool[Tensor, "batch token"]


class OwnCheck(NamedTuple):
    """A measurement of the certificate that one family alone has.

    Attributes:
        name: of the check.
        value: a difference; relative to the largest magnitude, where it need not be 0.
        exact: whether it has to be 0, not only within rounding.
        detail: what was held against what.
    """

    name: str
    value: float
    exact: bool
    detail: str


@runtime_checkable
class Captioner(Protocol):
    """A model that says what a state of its vision tower shows.

    The `library_` methods run the library's own code, untouched: the parity certificate holds
    everything else against them.
    """

    @property
    def tower(self) -> VisionTower:
        """The vision tower."""
        ...

    def pixels(self, images: Sequence[Image.Image]) -> Float[Tensor, "batch 3 y x"]:
        """The images as the tower takes them, on the tower's device."""
        ...

    def model_input(self, pixels: Float[Tensor, "batch 3 y x"]) -> list[Image.Image]:
        """The pictures as the model saw them: `pixels` with the normalisation undone."""
        ...

    def read(self, states: Float[Tensor, "batch token parts"], prompt: str) -> Memory:
        """Final norm, Q-Former, projection and the language model's encoder.

        Of states as `as_read` gives them: Z^l, in most models.
        """
        ...

    def generate(self, memory: Memory, generation: Generation) -> list[list[int]]:
        """Token ids of one caption a row: no start token, the end token included if reached."""
        ...

    def forced(self, memory: Memory, captions: Sequence[Sequence[int]]) -> Forced:
        """The scores of all words at every token of a given caption a row, teacher-forced."""
        ...

    def logprob(self, memory: Memory, captions: Sequence[Sequence[int]]) -> Float[Tensor, " batch"]:
        """Mean log-probability a token of a given caption a row, teacher-forced, in nats."""
        ...

    def text(self, token_ids: Sequence[int]) -> str:
        """A caption's words."""
        ...

    def token_ids(self, text: str) -> list[int]:
        """The tokens of a caption of somebody's own, as `generate` would give them."""
        ...

    def library_final_state(
        self, pixels: Float[Tensor, "batch 3 y x"]
    ) -> Float[Tensor, "batch token width"]:
        """Z^L by the library's own forward."""
        ...

    def library_patterns(
        self, pixels: Float[Tensor, "batch 3 y x"]
    ) -> list[Float[Tensor, "batch head token"]]:
        """The CLS token's attention in every block, by the library's own softmax.

        In a tower without CLS: what each patch receives, the mean over queries.
        """
        ...

    def library_captions(
        self, images: Sequence[Image.Image], prompt: str, generation: Generation
    ) -> list[list[int]]:
        """Captions by the library's own processor and `generate`."""
        ...

    def own_checks(self, images: Sequence[Image.Image], prompt: str) -> Sequence[OwnCheck]:
        """What is true of this family alone, measured."""
        ...


@runtime_checkable
class HasTaps(Captioner, Protocol):
    """A captioner whose language model gets states from within the tower beside the last.

    Its `read` takes them with the state, side by side, as `tapped` puts them.
    """

    def tapped(
        self, layer: int, states: Sequence[Float[Tensor, "batch token width"]]
    ) -> Float[Tensor, "batch token parts"]:
        """What `read` takes of Z^layer, of the states Z^0, Z^1, ... of one pass."""
        ...


def as_read(
    captioner: Captioner, layer: int, states: Sequence[Float[Tensor, "batch token width"]]
) -> Float[Tensor, "batch token parts"]:
    """What a captioner's `read` takes of Z^layer: itself, and what its taps give beside it.

    Args:
        captioner: the model.
        layer: 0..L.
        states: Z^0, Z^1, ... of one pass, up to `layer` at least; to L where taps keep what lies
            above.
    """
    return captioner.tapped(layer, states) if isinstance(captioner, HasTaps) else states[layer]


def all_as_read(
    captioner: Captioner, states: Sequence[Float[Tensor, "batch token width"]]
) -> Sequence[Float[Tensor, "batch token parts"]]:
    """The same of every state Z^0..Z^L of a pass."""
    if not isinstance(captioner, HasTaps):
        return states
    return [captioner.tapped(layer, states) for layer in range(len(states))]


@runtime_checkable
class HasInnerWords(Captioner, Protocol):
    """A captioner whose language model takes an image as tokens among others."""

    @property
    def n_language_blocks(self) -> int:
        """Blocks of the language model."""
        ...

    @property
    def token_grid(self) -> tuple[int, int]:
        """How the image's tokens lie: rows and columns, each a patch or several merged ones."""
        ...

    def inner_words(
        self, memory: Memory, blocks: Sequence[int], top: int
    ) -> tuple[Float[Tensor, "batch block token top"], Int[Tensor, "batch block token top"]]:
        """Probabilities and ids of the most probable words of an image's own tokens."""
        ...


def logprobs_of(
    logits: Float[Tensor, "batch token vocabulary"],
    tokens: Int[Tensor, "batch token"],
    kept: Int[Tensor, "batch token"] | Bool[Tensor, "batch token"],
) -> Float[Tensor, "batch token"]:
    """Log-probabilities of given tokens, in nats; 0 of those that do not count.

    Args:
        logits: of each token, given those before it.
        tokens: ids.
        kept: 1 or true where a token counts.
    """
    chosen: Tensor = logits.float().log_softmax(-1).gather(2, tokens[..., None])[..., 0]
    return chosen * kept


def mean_logprob(
    logits: Float[Tensor, "batch token vocabulary"],
    tokens: Int[Tensor, "batch token"],
    kept: Int[Tensor, "batch token"] | Bool[Tensor, "batch token"],
) -> Float[Tensor, " batch"]:
    """The mean of `logprobs_of` over the tokens that count, at least one a row."""
    total: Tensor = logprobs_of(logits, tokens, kept).sum(1) / kept.sum(1)
    return total


def to_end(ids: list[int], *ends: int) -> list[int]:
    """A caption's tokens without what follows the first of its end tokens."""
    at = [ids.index(end) for end in ends if end in ids]
    return ids[: min(at) + 1] if at else ids
