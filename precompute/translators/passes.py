"""Passes over images: their states in one tower beside Z^L in the same or another one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from precompute.forward import BatchSize, fitting, run_states
from precompute.images import ImageItem, readable
from precompute.models import Captioner, VisionTower
from precompute.runner import Advance

See = Callable[[list[Tensor], Tensor], None]


@dataclass(frozen=True)
class Towers:
    """From whose states to whose last one a map leads.

    Attributes:
        captioner: makes pixels of pictures.
        source: the tower whose Z^l are translated.
        target: the tower whose Z^L they are translated into.
    """

    captioner: Captioner
    source: VisionTower
    target: VisionTower

    @property
    def layers(self) -> range:
        """The layers that have a map: Z^L itself needs none, unless it is another tower's."""
        return range(self.source.n_layers + (self.source is not self.target))


def all_states(
    tower: VisionTower, pixels: Float[Tensor, "batch 3 y x"]
) -> list[Float[Tensor, "batch token width"]]:
    """Z^0..Z^L of a batch."""
    embedded = tower.embed(pixels)
    return [embedded, *run_states(tower, embedded)]


@torch.inference_mode()
def pass_over(
    towers: Towers, items: Sequence[ImageItem], batch_size: int, see: See, advance: Advance
) -> None:
    """Show the states of all images that can be opened, a batch at a time.

    Args:
        towers: whose.
        items: the images.
        batch_size: images that go through the towers together; halved where memory runs out.
        see: called with Z^0..Z^L of the source and Z^L of the target.
        advance: called with the number of images done, after every batch.

    Raises:
        ValueError: none can be opened.
    """

    def work(batch: list[tuple[ImageItem, Image.Image]]) -> None:
        pixels = towers.captioner.pixels([picture for _, picture in batch])
        states = all_states(towers.source, pixels)
        same = towers.source is towers.target
        see(states, states[-1] if same else all_states(towers.target, pixels)[-1])

    n = 0
    size = BatchSize(batch_size, "capture.batch_size")
    for batch, _ in fitting(readable(items), size, work):
        n += len(batch)
        advance(len(batch))
    if not n:
        raise ValueError(
            f"translators are fitted on pictures; none of the {len(items)} named for it opens. "
            "Look at the first of them with an image viewer."
        )
