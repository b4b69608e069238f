"""Scenes of the picture book: what is in them, how they look, their captions."""

import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from precompute.demo.backgrounds import paint
from precompute.demo.vocabulary import PLACES, SUBJECTS, with_article

Layout = Literal["big", "small", "next", "above"]
LAYOUTS: tuple[Layout, ...] = ("big", "small", "next", "above")
_SHARES = (0.15, 0.15, 0.35, 0.35)
SIDE = 128
"""Pixels of a drawn picture; the captioner squashes them to 64."""


@dataclass(frozen=True)
class Scene:
    """One picture's content; everything seen in it follows from these fields.

    Attributes:
        subjects: One word (`big`, `small`) or two: left and right, or top and bottom.
        place: Key of `vocabulary.PLACES`.
        layout: A single subject's size, or how two subjects stand.
        seed: Decides positions and the background's details.
    """

    subjects: tuple[str, ...]
    place: str
    layout: Layout
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse a layout that does not fit the number of subjects."""
        expected = 1 if self.layout in ("big", "small") else 2
        if len(self.subjects) != expected:
            raise ValueError(
                f"layout {self.layout!r} takes {expected} subjects; got {self.subjects}."
            )


def caption(scene: Scene) -> str:
    """The one right caption of a scene.

    >>> caption(Scene(("kite", "house"), "beach", "above"))
    'a kite above a house on the beach'
    >>> caption(Scene(("penguin",), "desert", "big"))
    'a big penguin in the desert'
    """
    place = PLACES[scene.place]
    if scene.layout in ("big", "small"):
        return f"a {scene.layout} {scene.subjects[0]} {place}"
    first, second = (with_article(word) for word in scene.subjects)
    relation = "next to" if scene.layout == "next" else "above"
    return f"{first} {relation} {second} {place}"


def questions(scene: Scene) -> tuple[tuple[str, str], ...]:
    """Four short questions about a scene, each with its answer of one to three words.

    >>> questions(Scene(("kite", "house"), "beach", "above"))[1]
    ('what is above the house?', 'a kite')
    """
    where = ("where is this?", PLACES[scene.place])
    if scene.layout in ("big", "small"):
        word = scene.subjects[0]
        what = ("what is in the picture?", with_article(word))
        size = (f"is the {word} big or small?", scene.layout)
        return where, what, (f"where is the {word}?", PLACES[scene.place]), size
    first, second = scene.subjects
    if scene.layout == "next":
        return (
            where,
            (f"what is next to the {second}?", with_article(first)),
            (f"what is next to the {first}?", with_article(second)),
            (f"where is the {first}?", f"next to the {second}"),
        )
    return (
        where,
        (f"what is above the {second}?", with_article(first)),
        (f"what is below the {first}?", with_article(second)),
        (f"where is the {first}?", f"above the {second}"),
    )


def question_prompt(question: str) -> str:
    """The instruction that asks a question, as InstructBLIP was trained on it."""
    return f"question: {question} short answer:"


def is_held_out(scene: Scene) -> bool:
    """Whether this combination of subjects, layout and place is kept from training."""
    return zlib.crc32(caption(scene).encode()) % 8 == 0


def sample(rng: np.random.Generator, held_out: bool = False) -> Scene:
    """Draw a scene at random: subjects, layout and place independent of each other.

    Args:
        rng: Source of chance.
        held_out: Give a combination that training never sees, instead of one it may see.
    """
    while True:
        layout = LAYOUTS[rng.choice(4, p=_SHARES)]
        count = 1 if layout in ("big", "small") else 2
        picks = rng.choice(len(SUBJECTS), count, replace=False)
        place = list(PLACES)[rng.integers(len(PLACES))]
        words = tuple(SUBJECTS[k].word for k in picks)
        scene = Scene(words, place, layout, int(rng.integers(2**62)))
        if is_held_out(scene) == held_out:
            return scene


def _placements(scene: Scene, rng: np.random.Generator) -> list[tuple[float, float, float]]:
    """Centre x, centre y and width of each subject, in fractions of the side."""
    if scene.layout == "big":
        x, y = 0.5 + rng.uniform(-0.08, 0.08, 2)
        return [(x, y, rng.uniform(0.72, 0.82))]
    if scene.layout == "small":
        x, y = 0.5 + rng.uniform(-0.22, 0.22, 2)
        return [(x, y, rng.uniform(0.40, 0.46))]
    centres = np.array([0.26, 0.74]) + rng.uniform(-0.02, 0.02, 2)
    across = 0.5 + rng.uniform(-0.1, 0.1, 2)
    sizes = rng.uniform(0.45, 0.5, 2)
    if scene.layout == "next":
        return list(zip(centres, across, sizes, strict=True))
    return list(zip(across, centres, sizes, strict=True))


def compose(
    scene: Scene, sprites: dict[str, Image.Image], side: int = SIDE
) -> tuple[Image.Image, list[Image.Image]]:
    """Draw a scene and say which pixels each subject covers.

    Args:
        scene: What to draw.
        sprites: Word -> RGBA picture.
        side: Width and height in pixels.

    Returns:
        The RGB picture, and a subject's mask (mode L, same size) for each subject.
    """
    rng = np.random.default_rng(scene.seed)
    image = paint(scene.place, side, rng)
    masks = []
    for word, (x, y, width) in zip(scene.subjects, _placements(scene, rng), strict=True):
        pixels = round(width * side)
        sprite = sprites[word].resize((pixels, pixels), Image.Resampling.BICUBIC)
        corner = (round(x * side - pixels / 2), round(y * side - pixels / 2))
        alpha = sprite.getchannel("A")
        image.paste(sprite, corner, alpha)
        mask = Image.new("L", (side, side))
        mask.paste(alpha, corner)
        masks.append(mask)
    return image, masks


def draw(scene: Scene, sprites: dict[str, Image.Image], side: int = SIDE) -> Image.Image:
    """Draw a scene: RGB, side x side pixels, the same for the same scene."""
    return compose(scene, sprites, side)[0]
