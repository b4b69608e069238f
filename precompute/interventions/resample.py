"""Another image's state where an edit would take a mean: every image has its own, by a seed.

A mean is a state that no image has; another image's is one that the layers above know how to read.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import pyarrow as pa
import torch
from torch import Tensor

from precompute.forward import run_states
from precompute.images import ImageItem
from precompute.interventions.apply import Prepared, layer_edits
from precompute.models import Captioner, squashed


class Others:
    """Which image stands in for which: by every seed each once, and none for itself.

    Attributes:
        ids: the images of the run that can be opened, sorted.
    """

    def __init__(self, items: Iterable[ImageItem], images: pa.Table) -> None:
        """From the items of a run, and the rows of `image` of all parts of its capture."""
        self.ids = sorted(images["image_id"].to_pylist())
        self._items = {item.image_id: item for item in items}

    def in_place(self, seed: int) -> dict[str, str]:
        """Image -> who stands in for it: the next on a random circle of all.

        Raises:
            ValueError: the run has a single image.
        """
        if len(self.ids) < 2:
            raise ValueError(f"resample needs another image; the run has {len(self.ids)}.")
        circle = list(self.ids)
        random.Random(seed).shuffle(circle)
        return dict(zip(circle, [*circle[1:], circle[0]], strict=True))

    def of(self, ids: Sequence[str], seed: int) -> list[ImageItem]:
        """Those who stand in for some images, in their order."""
        other = self.in_place(seed)
        return [self._items[other[image_id]] for image_id in ids]


@torch.no_grad()
def resampled(
    captioner: Captioner,
    prepared: Iterable[Prepared],
    ids: Sequence[str],
    others: Callable[[], Others],
) -> Iterator[Prepared]:
    """Conditions for a batch of images: those that resample with the states of their others.

    The others of a seed go through the tower once, as a batch of their own.

    Args:
        captioner: the model, in the layout of the batch; the others are brought to it.
        prepared: all conditions.
        ids: the images of the batch.
        others: gives those who stand in for them; called only if a condition resamples.
    """
    tower, states = captioner.tower, dict[int, list[Tensor]]()
    for p in prepared:
        source = p.condition.mean
        if source is None or not source.resamples:
            yield p
            continue
        if source.seed not in states:
            pictures = [other.open() for other in others().of(ids, source.seed)]
            embedded = tower.embed(captioner.pixels(squashed(captioner, pictures)))
            states[source.seed] = [embedded, *run_states(tower, embedded)]
        there = {state: states[source.seed][state] for state in p.condition.means}
        yield replace(p, edits=layer_edits(tower, p.condition, there))
