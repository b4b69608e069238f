"""Write the demo's data sets: `python -m precompute.demo.datasets`."""

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from precompute.demo import drawing, scenes, sprites
from precompute.demo.drawing import Picture
from precompute.demo.oddities import Oddity, oddities
from precompute.demo.scenes import CLEAR, Layout, Scene
from precompute.demo.sprites import Sprite
from precompute.demo.vocabulary import BY_WORD, PAINTS, PLACES, SUBJECTS, Level
from precompute.images.imagenet_classes import class_names

HERE = Path(__file__).parent
SIDE = 192
"""Pixels of a picture; larger than in training for the eye, alike once it is squashed."""

_ELSEWHERE = {
    "desert": "among sand dunes",
    "beach": "by the sea shore",
    "snow": "on a snowy hill",
    "forest": "among the trees",
    "city": "on a street between tall buildings",
    "kitchen": "on a kitchen counter",
    "sea": "deep under water",
    "moon": "under the stars on the grey moon",
    "mountains": "high up between snowy peaks",
    "library": "before the shelves of a library",
    "stage": "before the curtain of a stage",
    "meadow": "in the grass",
    "cave": "inside a dark cave",
    "pool": "in the water of a swimming pool",
}
"""Place -> how other people would say it."""

COLUMNS = (
    "file_name",
    "image_id",
    "image_designer",
    "designer_explanation",
    "selected_caption",
    "crowd_captions",
    "crowd_explanations",
    "crowd_underspecified_captions",
    "question_answering_pairs",
    "commonsense_category",
)


def crowd_captions(picture: Picture) -> tuple[str, str, str, str, str]:
    """Five captions as five people might give; the first is the captioner's own wording.

    The third goes a step up the tree of names: what one calls a penguin, another calls a bird.
    """
    scene, levels, colours = picture.scene, picture.levels, picture.colours
    place, elsewhere = PLACES[scene.place], _ELSEWHERE[scene.place]
    said = scenes.subject_phrases(scene, levels, colours)
    above = scenes.subject_phrases(scene, tuple(_above(level) for level in levels), colours)
    other = {"next": "beside", "above": "over", "front": "before"}.get(scene.layout, "and")
    verb = "are" if len(said) > 1 or scene.layout in scenes.COUNTS else "is"
    return (
        picture.caption,
        f"{f' {other} '.join(said)} {elsewhere}",
        f"{f' {other} '.join(above)} {place}",
        f"there {verb} {' and '.join(said)} {elsewhere}",
        f"a picture of {f' {other} '.join(said)} {place}",
    )


def _above(level: Level) -> Level:
    """The next higher word; a realm is as high as words of the tree go."""
    return "kind" if level == "name" else "realm" if level == "kind" else level


def whoops_row(oddity: Oddity, picture: Picture) -> dict[str, str]:
    """One line of the metadata, in the columns of WHOOPS; lists as JSON strings."""
    scene = oddity.scene
    lists = {
        "crowd_captions": crowd_captions(picture),
        "crowd_explanations": [oddity.explanation],
        "crowd_underspecified_captions": [
            " and ".join(scenes.subject_phrases(scene, picture.levels, picture.colours))
        ],
        "question_answering_pairs": picture.questions,
    }
    return {
        "file_name": f"{image_id(scene)}.png",
        "image_id": image_id(scene),
        "image_designer": "the picture book of Peel",
        "designer_explanation": oddity.explanation,
        "selected_caption": picture.caption,
        "commonsense_category": oddity.category,
        **{name: json.dumps(value) for name, value in lists.items()},
    }


def image_id(scene: Scene) -> str:
    """A name made of what is in the scene."""
    return "-".join((*scene.subjects, scene.layout, scene.place))


def write_whoops(folder: Path, book: dict[str, Sprite]) -> dict[str, Picture]:
    """Write the oddities as an image folder; returns the pictures by image id."""
    (folder / "test").mkdir(parents=True, exist_ok=True)
    drawn = {image_id(o.scene): drawing.draw(o.scene, book, SIDE) for o in oddities()}
    rows = [whoops_row(o, drawn[image_id(o.scene)]) for o in oddities()]
    _write_table(folder / "test" / "metadata.csv", COLUMNS, rows)
    for name, picture in drawn.items():
        picture.image.save(folder / "test" / f"{name}.png", optimize=True)
    return drawn


def imagenet_scenes(count: int = 48, seed: int = 4) -> tuple[tuple[str, Scene], ...]:
    """Single-subject scenes of different classes, each with its wnid; half may be dimmed."""
    rng = np.random.default_rng(seed)
    classes = [subject for subject in SUBJECTS if subject.wnid]
    sizes: tuple[Layout, ...] = ("large", "middle", "small")
    drawn = []
    for number, k in enumerate(rng.permutation(len(classes))[:count]):
        layout = sizes[rng.choice(3, p=(0.4, 0.35, 0.25))]
        place = list(PLACES)[rng.integers(len(PLACES))]
        paint = PAINTS[rng.integers(len(PAINTS))] if classes[k].recoloured else None
        view = scenes.any_view(layout, rng) if number % 2 else CLEAR
        wnid = classes[k].wnid
        assert wnid is not None
        seed_of = int(rng.integers(2**62))
        scene = Scene((classes[k].word,), place, layout, (paint,), view, seed_of)
        drawn.append((wnid, scene))
    return tuple(drawn)


def write_imagenet(folder: Path, book: dict[str, Sprite]) -> dict[str, Picture]:
    """Write single-subject scenes as ImageNet's validation pictures lie; returns them by stem."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {
        f"ILSVRC2012_val_{number:08d}_{wnid}": drawing.draw(scene, book, SIDE)
        for number, (wnid, scene) in enumerate(imagenet_scenes(), start=1)
    }
    for stem, picture in drawn.items():
        picture.image.save(folder / f"{stem}.JPEG", "JPEG", quality=90, subsampling=0)
    names = class_names(None)
    classes = sorted((subject.wnid, subject) for subject in SUBJECTS if subject.wnid)
    # The book's own word and its kind name the class, too: a standard poodle is a dog.
    lines = "".join(
        f"{wnid} {', '.join(dict.fromkeys((*names[wnid], one.word, one.kind)))}\n"
        for wnid, one in classes
    )
    (folder / "synset_words.txt").write_text(lines, encoding="utf-8")
    return drawn


THINGS = ("image", "value", "word", "kind", "realm", "said", "colour", "bits")


def write_masks(folder: Path, drawn: Mapping[str, Picture]) -> None:
    """Write where each thing is seen: `IMAGE.png`, and `things.csv` on what its values mean.

    A pixel's value is 0 where the place is seen, else the number of the thing, from 1; the table
    has a line for each image and value, with the word, its kind and realm, what the caption calls
    it, the colour it is seen in and the bits of it that are seen.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, picture in drawn.items():
        values = np.zeros((SIDE, SIDE), np.uint8)
        for k, mask in enumerate(picture.masks):
            values[np.asarray(mask) > 127] = k + 1
            subject = k % len(picture.scene.subjects)
            one = BY_WORD[picture.scene.subjects[subject]]
            rows.append(
                dict(
                    zip(
                        THINGS,
                        (name, k + 1, one.word, one.kind, one.realm, picture.nouns[subject],
                         picture.colours[subject], f"{picture.bits[subject]:.2f}"),
                        strict=True,
                    )
                )
            )  # fmt: skip
        Image.fromarray(values).save(folder / f"{name}.png", optimize=True)
    _write_table(folder / "things.csv", THINGS, rows)


Change = tuple[str, Scene, Scene]


def minimal_pairs(seed: int = 6) -> tuple[Change, ...]:
    """24 pairs of scenes that differ in one thing, all else being the same, undimmed.

    Nine differ in a subject, five each in the place, in a colour, and in which of two is where.
    """
    rng = np.random.default_rng(seed)
    found: list[Change] = []
    for changed, count in (("subject", 9), ("place", 5), ("colour", 5), ("order", 5)):
        while sum(change[0] == changed for change in found) < count:
            drawn = scenes.sample(rng)
            scene = replace(drawn, view=CLEAR)
            other = _changed(scene, changed, rng)
            if other and scene.layout in ("large", "middle", "next", "above"):
                found.append((changed, scene, other))
    return tuple(found)


def _changed(scene: Scene, changed: str, rng: np.random.Generator) -> Scene | None:
    """The scene with one thing changed; None where it has no such thing."""
    if changed == "place":
        others = [place for place in PLACES if place != scene.place]
        return replace(scene, place=others[rng.integers(len(others))])
    if changed == "order":
        if len(scene.subjects) != 2:
            return None
        return replace(scene, subjects=scene.subjects[::-1], paints=scene.paints[::-1])
    if changed == "colour":
        if not scene.paints[0]:
            return None
        others = [paint for paint in PAINTS if paint != scene.paints[0]]
        return replace(scene, paints=(others[rng.integers(len(others))], *scene.paints[1:]))
    others = [s.word for s in SUBJECTS if s.word not in scene.subjects and not s.recoloured]
    other = others[rng.integers(len(others))]
    return replace(scene, subjects=(other, *scene.subjects[1:]), paints=(None, *scene.paints[1:]))


PAIRS = ("pair", "changed", "file_a", "file_b", "caption_a", "caption_b")


def write_pairs(folder: Path, book: dict[str, Sprite]) -> None:
    """Write the minimal pairs: `NN-a.png`, `NN-b.png` and `pairs.csv`."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, (changed, *pair) in enumerate(minimal_pairs(), start=1):
        files = [f"{number:02d}-{letter}.png" for letter in "ab"]
        drawn = [drawing.draw(scene, book, SIDE) for scene in pair]
        for file, picture in zip(files, drawn, strict=True):
            picture.image.save(folder / file, optimize=True)
        values = (f"{number:02d}", changed, *files, *(picture.caption for picture in drawn))
        rows.append(dict(zip(PAIRS, values, strict=True)))
    _write_table(folder / "pairs.csv", PAIRS, rows)


def _write_table(
    path: Path, columns: tuple[str, ...], rows: Iterable[Mapping[str, object]]
) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Draw all data sets beside this file."""
    book = sprites.load()
    for name, write in (("whoops", write_whoops), ("imagenet", write_imagenet)):
        write_masks(HERE / "masks" / name, write(HERE / name, book))
    write_pairs(HERE / "pairs", book)


if __name__ == "__main__":
    main()
