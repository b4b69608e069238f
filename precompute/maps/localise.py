"""A map against the mask of what is named: does it point there?"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from precompute.images import ImageItem, Masks
from precompute.metrics import wordnet
from precompute.models import Captioner

HALF = 0.5
"""A patch is a thing's where at least so much of it is; where there is none, the one with most."""

Array = NDArray[np.float64]


class Target(NamedTuple):
    """What one word names in one picture.

    Attributes:
        word: of the caption.
        patches: which patches are the thing's, at least one, not all.
    """

    word: str
    patches: NDArray[np.bool_]


def targets(
    captioner: Captioner, masks: Masks | None, item: ImageItem, words: Sequence[str]
) -> list[Target]:
    """Where the words of a caption are seen, of those that name a thing with a mask.

    Several things of one name count together. The mask goes the picture's own way into the model,
    cropped and scaled alike. What is nowhere in the model's picture, or everywhere, has no target.

    Args:
        captioner: the model.
        masks: of the data set, if there are any.
        item: the picture.
        words: of its caption.

    Raises:
        ValueError: a mask cannot be read, or is of another size than its picture.
    """
    known = None if masks is None else masks.of(item)
    if known is None:
        return []
    things, values = known
    if values.shape[::-1] != (size := item.open().size):
        raise ValueError(
            f"expected the mask of {item.image_id} to be as large as the picture, {size}; got "
            f"{values.shape[::-1]}. Scale it without mixing its values (docs/maps.md)."
        )
    found = []
    for word in dict.fromkeys(words):
        named = [thing.value for thing in things if names(thing.names, word)]
        if not named:
            continue
        inside = patches_of(captioner, np.isin(values, named))
        if inside is not None and not inside.all():
            found.append(Target(word, inside))
    return found


def names(of_thing: frozenset[str], word: str) -> bool:
    """Whether a word names a thing, in the singular or the plural; a word of a name counts."""
    lemma = wordnet.nouns().lemma
    said = {word, lemma(word)} - {None}
    return any(said & {part, lemma(part)} for name in of_thing for part in name.split())


def patches_of(captioner: Captioner, mask: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """The patches where at least half is covered, or the one with most; None if none has any."""
    picture = Image.fromarray(np.repeat(mask[..., None], 3, 2).astype(np.uint8) * 255)
    (seen,) = captioner.model_input(captioner.pixels([picture]))
    rows, columns = captioner.tower.grid
    pixels = np.asarray(seen.convert("L"), np.float64) / 255
    high, wide = pixels.shape[0] // rows, pixels.shape[1] // columns
    pixels = pixels[: rows * high, : columns * wide]
    cover = pixels.reshape(rows, high, columns, wide).mean((1, 3)).ravel()
    if cover.max() < 1e-3:
        return None
    return np.asarray(cover >= HALF if cover.max() >= HALF else cover == cover.max())


def scores(values: Array, inside: NDArray[np.bool_]) -> dict[str, float]:
    """How well a map points at a target; each 0..1, and by chance the target's share of patches.

    `pointing`: whether the largest value lies in it (Zhang et al. 2018). `mass`: the part of what
    is positive that lies in it. `rank`: of as many largest values as it has patches, the share in
    it (Arras et al. 2022). Of equal values the first counts as larger.

    Args:
        values: of every patch.
        inside: of every patch, whether it is the target's.

    Returns:
        Nothing for a map without a positive value: it points nowhere.
    """
    positive = np.maximum(values, 0)
    if not positive.sum() > 0:
        return {}
    order = np.argsort(-values, kind="stable")
    return {
        "pointing": float(inside[order[0]]),
        "mass": float(positive[inside].sum() / positive.sum()),
        "rank": float(inside[order[: int(inside.sum())]].mean()),
    }
