"""Write the demo's two data sets: `python -m precompute.demo.datasets`."""

import csv
import json
from pathlib import Path

import numpy as np
from PIL import Image

from precompute.demo import scenes, sprites
from precompute.demo.oddities import Oddity, oddities
from precompute.demo.scenes import Scene
from precompute.demo.vocabulary import PLACES, SUBJECTS, with_article
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


def crowd_captions(scene: Scene) -> tuple[str, str, str, str, str]:
    """Five captions as five people might give; the first is the captioner's own wording."""
    place, elsewhere = PLACES[scene.place], _ELSEWHERE[scene.place]
    first = with_article(scene.subjects[0])
    if scene.layout in ("big", "small"):
        size = "huge" if scene.layout == "big" else "little"
        return (
            scenes.caption(scene),
            f"{first} {elsewhere}",
            f"a {size} {scene.subjects[0]} {place}",
            f"the {scene.subjects[0]} is {elsewhere}",
            f"a picture of {first} {place}",
        )
    second = with_article(scene.subjects[1])
    beside, over = ("beside", "and") if scene.layout == "next" else ("over", "on top of")
    return (
        scenes.caption(scene),
        f"{first} {over} {second} {elsewhere}",
        f"{first} {beside} {second} {place}",
        f"there is {first} and there is {second} {elsewhere}",
        f"a picture of {first} {beside} {second} {place}",
    )


def whoops_row(oddity: Oddity) -> dict[str, str]:
    """One line of the metadata, in the columns of WHOOPS; lists as JSON strings."""
    scene = oddity.scene
    image_id = "-".join((*scene.subjects, scene.layout, scene.place))
    lists = {
        "crowd_captions": crowd_captions(scene),
        "crowd_explanations": [oddity.explanation],
        "crowd_underspecified_captions": [
            f"{' and '.join(with_article(word) for word in scene.subjects)}"
        ],
        "question_answering_pairs": scenes.questions(scene),
    }
    return {
        "file_name": f"{image_id}.png",
        "image_id": image_id,
        "image_designer": "the picture book of Peel",
        "designer_explanation": oddity.explanation,
        "selected_caption": scenes.caption(scene),
        "commonsense_category": oddity.category,
        **{name: json.dumps(value) for name, value in lists.items()},
    }


def write_whoops(folder: Path, book: dict[str, Image.Image]) -> None:
    """Write the oddities as an image folder."""
    (folder / "test").mkdir(parents=True, exist_ok=True)
    with (folder / "test" / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for oddity in oddities():
            row = whoops_row(oddity)
            writer.writerow(row)
            picture = scenes.draw(oddity.scene, book, SIDE)
            picture.save(folder / "test" / row["file_name"], optimize=True)


def imagenet_scenes(count: int = 48, seed: int = 4) -> tuple[tuple[str, Scene], ...]:
    """Single-subject scenes, each with its wnid; every class comes once before any comes twice."""
    rng = np.random.default_rng(seed)
    classes = [subject for subject in SUBJECTS if subject.wnid]
    order = [*rng.permutation(len(classes)), *rng.permutation(len(classes))][:count]
    drawn = []
    for k in order:
        layout: scenes.Layout = "big" if rng.random() < 0.6 else "small"
        place = list(PLACES)[rng.integers(len(PLACES))]
        wnid = classes[k].wnid
        assert wnid is not None
        drawn.append((wnid, Scene((classes[k].word,), place, layout, int(rng.integers(2**62)))))
    return tuple(drawn)


def write_imagenet(folder: Path, book: dict[str, Image.Image]) -> None:
    """Write single-subject scenes as a flat folder of ImageNet's validation pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (wnid, scene) in enumerate(imagenet_scenes(), start=1):
        name = f"ILSVRC2012_val_{number:08d}_{wnid}.JPEG"
        scenes.draw(scene, book, SIDE).save(folder / name, "JPEG", quality=92, subsampling=0)
    names = class_names(None)
    words = sorted((subject.wnid, subject.word) for subject in SUBJECTS if subject.wnid)
    # The book's own word is a name of the class, too: a mushroom, of an agaric.
    lines = "".join(
        f"{wnid} {', '.join(dict.fromkeys((*names[wnid], word)))}\n" for wnid, word in words
    )
    (folder / "synset_words.txt").write_text(lines, encoding="utf-8")


def main() -> None:
    """Draw both data sets beside this file."""
    book = sprites.load()
    write_whoops(HERE / "whoops", book)
    write_imagenet(HERE / "imagenet", book)


if __name__ == "__main__":
    main()
