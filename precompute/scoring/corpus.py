"""The images of a run, as the metrics know them, and which images stand in for which."""

import hashlib
import json
import random
from collections.abc import Mapping, Sequence

from precompute.config import Config, local_path
from precompute.images import imagenet_classes
from precompute.metrics import Corpus
from store.parts import Part, iter_tables

SEED = 20240228
"""Of the derangements."""


def read_corpus(captions: Sequence[Part], synonyms: Mapping[str, Sequence[str]]) -> Corpus:
    """References and labels of all images of a run.

    Args:
        captions: the parts of its capture.
        synonyms: label -> all names of that class.
    """
    references: dict[str, tuple[str, ...]] = {}
    names: dict[str, tuple[str, ...]] = {}
    for _, table in iter_tables(captions, "image"):
        for row in table.select(["image_id", "refs", "label"]).to_pylist():
            texts = tuple(text for text in row["refs"] or () if text.strip())
            if texts:
                references[row["image_id"]] = texts
            if row["label"]:
                names[row["image_id"]] = tuple(synonyms.get(row["label"], (row["label"],)))
    content = json.dumps([references, names], sort_keys=True).encode()
    return Corpus(references, names, hashlib.sha256(content).hexdigest(), captions)


def synonyms(config: Config, dataset: str) -> dict[str, list[str]]:
    """Label -> all names of that class and of its kinds."""
    for one in config.datasets:
        if one.name == dataset and one.kind == "imagenet":
            return imagenet_classes.synonyms(None if one.hub else local_path(one.path))
    return {}


def derangements(
    texts: Mapping[str, tuple[str, ...]], count: int, seed: int = SEED
) -> list[dict[str, str]]:
    """Who stands in for whom: each image gets another one, whose texts differ from its own.

    The images are put into a random circle, and each takes the next that differs: without equal
    texts this is a derangement, in which every image stands in once.

    Args:
        texts: image -> its references, or its class's names.
        count: how many derangements.
        seed: of the circles.

    Returns:
        `count` maps from image to image; an image that differs from none is in no map.
    """
    chance = random.Random(seed)
    orders = []
    for _ in range(count):
        circle = sorted(texts)
        chance.shuffle(circle)
        orders.append(dict(zip(circle, _next_that_differs(circle, texts), strict=True)))
    return [{one: other for one, other in order.items() if other} for order in orders]


def _next_that_differs(circle: Sequence[str], texts: Mapping[str, tuple[str, ...]]) -> list[str]:
    """For every image the next one on the circle with other texts; "" if all have the same."""
    there: list[str] = [""] * len(circle)
    candidate = ""  # the first after the image at hand whose texts are not those of its neighbour
    for k in range(2 * len(circle) - 1, -1, -1):
        here = circle[k % len(circle)]
        after = circle[(k + 1) % len(circle)]
        if texts[after] != texts[here]:
            candidate = after
        there[k % len(circle)] = candidate
    return there
