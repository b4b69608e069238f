"""Every parameter that a link to a page may have.

A value is a short id, never the label of a menu: labels are reworded, and links live on. Where a
name or a value itself was changed, the old one still leads to the same place.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Parameter:
    """One parameter of links.

    Attributes:
        what: it in words, for the note of a value that does not exist.
        resets: parameters that mean nothing any more once this one changes, such as a page.
        formerly: what it was called, in links that still have that name.
        old_values: values of such links -> those of today.
    """

    what: str
    resets: tuple[str, ...] = ()
    formerly: str | None = None
    old_values: Mapping[str, str] = field(default_factory=dict)


PARAMETERS = {
    # The selection that all pages share.
    "run": Parameter("the run"),
    "condition": Parameter("the condition"),
    "versus": Parameter("the condition to compare with", ("apart",)),
    "with_run": Parameter("the run to compare with"),
    "image": Parameter(
        "the image", ("layer", "head", "patch", "word")
    ),  # begins at its strongest cell
    "layer": Parameter("layer", ("apart",)),
    "head": Parameter("head"),
    "numbers": Parameter("the numbers of layers"),
    # Which images, in which order.
    "filter": Parameter("the filters", ("page",)),
    "find": Parameter("the words", ("page",)),
    "find_in": Parameter("layer", ("page",)),
    "category": Parameter("the category", ("page",)),
    "label": Parameter("the class", ("page",)),
    "tag": Parameter("the tag", ("page",)),
    "similar_to": Parameter("the image", ("page",)),
    "sort": Parameter("the order", ("page",)),
    "sort_at": Parameter("layer", ("page",)),
    "order": Parameter("the direction", ("page",)),
    "page": Parameter("page"),
    "scrub": Parameter("the layer of the slider"),
    "overlay": Parameter("the maps over the pictures"),
    # The reader of one image.
    "map": Parameter("the map"),
    "cells": Parameter("the measure of heads"),
    "curve": Parameter("the curve"),
    "against": Parameter("to compare captions with"),
    "opacity": Parameter("the opacity"),
    "own_scale": Parameter("own scale", formerly="own"),
    "smooth": Parameter("smooth"),
    "hide": Parameter("hide"),
    "fold": Parameter("fold"),
    "difference": Parameter("difference"),
    "patch": Parameter("the box of patches"),
    "word": Parameter("the word"),
    "film": Parameter("the layers of the film strip"),
    "edit": Parameter("the kind of edit"),
    # Other pages.
    "trial": Parameter("the measure"),
    "section": Parameter(
        "the section",
        formerly="room",
        old_values={
            "said": "captions",
            "own": "grounding",
            "looks": "attention",
            "moves": "updates",
            "sure": "confidence",
            "things": "concreteness",
        },
    ),
    "bands": Parameter("the bands"),
    "translators": Parameter("the translators"),
    "measure": Parameter("the measure", ("ranked",)),
    "metric": Parameter("the measure", ("apart",)),
    "quality": Parameter("the measure"),
    "heads_by": Parameter("the measure"),
    "heads_at": Parameter("the layer"),
    "group": Parameter("the pruning"),
    "pruned": Parameter("the number of heads"),
    "pair": Parameter("the pair"),
    "patched": Parameter("the picture that is patched"),
    "way": Parameter("the way of breaking pictures"),
    "phrase": Parameter("the words"),
    "changed": Parameter("what to show"),
    "judge": Parameter("the judge", ("replies",)),
    "criterion": Parameter("the criterion"),
    "status": Parameter("the status", ("replies",)),
    "rise": Parameter("the order"),
    "apart": Parameter("page"),
    "ranked": Parameter("page"),
    "replies": Parameter("page"),
    "skipped": Parameter("page"),
}
