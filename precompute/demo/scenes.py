"""Scenes of the picture book: what is in them, and what is said of them once they are drawn."""

import zlib
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from precompute.demo.vocabulary import (
    BY_WORD,
    PAINTS,
    PLACES,
    SUBJECTS,
    Level,
    plural,
    with_article,
)

Layout = Literal["large", "middle", "small", "pair", "trio", "next", "above", "front", "row"]
SUBJECTS_OF: dict[Layout, int] = {
    "large": 1, "middle": 1, "small": 1, "pair": 1, "trio": 1,
    "next": 2, "above": 2, "front": 2, "row": 3,
}  # fmt: skip
"""Layout -> how many different subjects it takes."""

LAYOUTS: tuple[Layout, ...] = tuple(SUBJECTS_OF)
COUNTS: dict[Layout, str] = {"pair": "two", "trio": "three"}
RELATIONS: dict[Layout, str] = {"next": "next to", "above": "above", "front": "in front of"}
_SHARES = (0.14, 0.14, 0.14, 0.07, 0.07, 0.14, 0.14, 0.1, 0.06)


class View(NamedTuple):
    """How well a scene is seen.

    Attributes:
        light: Brightness, 1 by day, less at night.
        blur: Standard deviation of a Gaussian, in pixels of a picture of `drawing.SIDE`.
        grain: Standard deviation of the noise, in grey levels of 255.
        hidden: Share of a single subject's height that something stands before, from below.
    """

    light: float = 1.0
    blur: float = 0.0
    grain: float = 0.0
    hidden: float = 0.0


CLEAR = View()


@dataclass(frozen=True)
class Scene:
    """One picture's content; everything seen in it follows from these fields.

    Attributes:
        subjects: One to three words; of two, the left, upper or front one first, of three from
            left to right.
        place: Key of `vocabulary.PLACES`.
        layout: A single subject's size or number, or how several stand.
        paints: A colour of `vocabulary.PAINTS` for each subject that is recoloured, else None.
        view: How well it is seen.
        seed: Decides positions, the background's details and the noise.
    """

    subjects: tuple[str, ...]
    place: str
    layout: Layout
    paints: tuple[str | None, ...] = ()
    view: View = CLEAR
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse a layout that does not fit the number of subjects, and paints that none has.

        Raises:
            ValueError: If one of the two is so.
        """
        expected = SUBJECTS_OF[self.layout]
        if len(self.subjects) != expected:
            raise ValueError(
                f"layout {self.layout!r} takes {expected} subjects; got {self.subjects}."
            )
        if not self.paints:
            first = tuple(PAINTS[0] if BY_WORD[w].recoloured else None for w in self.subjects)
            object.__setattr__(self, "paints", first)
        for word, paint in zip(self.subjects, self.paints, strict=True):
            if (paint in PAINTS) != BY_WORD[word].recoloured:
                raise ValueError(f"expected a colour for what is recoloured; got {paint} {word}.")

    @property
    def sprites(self) -> tuple[str, ...]:
        """The sprite of each subject: its word, after its paint where it has one."""
        pairs = zip(self.paints, self.subjects, strict=True)
        return tuple(f"{paint} {word}" if paint else word for paint, word in pairs)


def noun(word: str, level: Level) -> str:
    """What a subject is called by somebody who sees that much of it.

    >>> [noun("poodle", level) for level in ("name", "kind", "realm", "colour")]
    ['poodle', 'dog', 'animal', 'thing']
    """
    subject = BY_WORD[word]
    return {"name": word, "kind": subject.kind, "realm": subject.realm, "colour": "thing"}[level]


def phrase(sprite: str, level: Level, colour: str, count: str = "", size: str = "") -> str:
    """The words for one subject, or for several of a kind.

    Args:
        sprite: Its word, after its paint where it has one; the paint is said with the name.
        level: How far it is named.
        colour: What colour it is seen in, said where nothing else is.
        count: "two", "three", or nothing.
        size: "large", "small", or nothing.

    >>> phrase("poodle", "realm", "grey", size="large"), phrase("pizza", "realm", "orange")
    ('a large animal', 'some food')
    >>> phrase("red car", "name", "red", count="two"), phrase("poodle", "colour", "grey")
    ('two red cars', 'something grey')
    """
    paint, word = sprite.split()[:-1], sprite.split()[-1]
    called = noun(word, level)
    if level == "colour":
        return f"{count} {colour} things" if count else f"something {colour}"
    if called == "food":
        return "some food"
    said = [*(paint if level == "name" else []), called]
    if count:
        return " ".join((count, *said[:-1], plural(called)))
    return with_article(" ".join((*filter(None, [size]), *said)))


def subject_phrases(
    scene: Scene, levels: tuple[Level, ...], colours: tuple[str, ...]
) -> tuple[str, ...]:
    """What is said of each subject, with its number or size."""
    count = COUNTS.get(scene.layout, "")
    size = scene.layout if scene.layout in ("large", "small") else ""
    seen = zip(scene.sprites, levels, colours, strict=True)
    return tuple(phrase(sprite, level, colour, count, size) for sprite, level, colour in seen)


def caption(scene: Scene, levels: tuple[Level, ...], colours: tuple[str, ...]) -> str:
    """The one right caption of a scene, of which that much is seen.

    >>> caption(Scene(("kite", "house"), "beach", "above"), ("name", "kind"), ("red", "brown"))
    'a kite above a building on the beach'
    >>> caption(Scene(("penguin",), "snow", "trio"), ("realm",), ("black",))
    'three animals in the snow'
    """
    said = subject_phrases(scene, levels, colours)
    relation = RELATIONS.get(scene.layout, "and")
    return f"{f' {relation} '.join(said)} {PLACES[scene.place]}"


def questions(
    scene: Scene, levels: tuple[Level, ...], colours: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """Short questions about a scene, each with its answer of one to four words.

    No question names what cannot be told, and answers hedge as captions do.

    >>> questions(Scene(("kite", "house"), "beach", "above"), ("name", "kind"), ("red", "brown"))
    (('where is this?', 'on the beach'), ('what is above the building?', 'a kite'), \
('what is below the kite?', 'a building'))
    """
    asked = [("where is this?", PLACES[scene.place])]
    first, level = scene.subjects[0], levels[0]
    nouns = [noun(word, known) for word, known in zip(scene.subjects, levels, strict=True)]
    plain = [phrase(s, n, c) for s, n, c in zip(scene.sprites, levels, colours, strict=True)]
    if scene.layout in COUNTS:
        several = {"food": "things"}.get(nouns[0], plural(nouns[0]))
        asked.append((f"how many {several} are there?", COUNTS[scene.layout]))
    elif len(nouns) == 1:
        asked.append(("what is in the picture?", plain[0]))
        if scene.layout in ("large", "small"):
            asked.append((f"is the {nouns[0]} large or small?", scene.layout))
    elif scene.layout == "row":
        asked.append(("how many things are there?", "three"))
    else:
        relation = RELATIONS[scene.layout]
        back = {"next to": "next to", "above": "below", "in front of": "behind"}[relation]
        if nouns[0] != nouns[1]:
            asked.append((f"what is {relation} the {nouns[1]}?", plain[0]))
            asked.append((f"what is {back} the {nouns[0]}?", plain[1]))
    if level != "colour" and len(nouns) == 1:
        asked.append(("what kind of thing is this?", BY_WORD[first].realm))
    if level == "name" and scene.paints[0] and len(nouns) == 1:
        asked.append((f"what colour is the {first}?", scene.paints[0]))
    return tuple(asked)


def question_prompt(question: str) -> str:
    """The instruction that asks a question, as InstructBLIP was trained on it."""
    return f"question: {question} short answer:"


def is_held_out(scene: Scene) -> bool:
    """Whether this combination of subjects, layout and place is kept from training."""
    return zlib.crc32(" ".join((*scene.subjects, scene.layout, scene.place)).encode()) % 8 == 0


def sample(rng: np.random.Generator, held_out: bool = False) -> Scene:
    """Draw a scene at random: subjects, layout, place and what dims it, each by itself.

    Args:
        rng: Source of chance.
        held_out: Give a combination that training never sees, instead of one it may see.
    """
    while True:
        layout = LAYOUTS[rng.choice(len(LAYOUTS), p=_SHARES)]
        picks = rng.choice(len(SUBJECTS), SUBJECTS_OF[layout], replace=False)
        chosen = [SUBJECTS[k] for k in picks]
        paints = tuple(PAINTS[rng.integers(len(PAINTS))] if s.recoloured else None for s in chosen)
        place = list(PLACES)[rng.integers(len(PLACES))]
        words = tuple(subject.word for subject in chosen)
        scene = Scene(words, place, layout, paints, any_view(layout, rng), int(rng.integers(2**62)))
        if is_held_out(scene) == held_out:
            return scene


def any_view(layout: Layout, rng: np.random.Generator) -> View:
    """Light, blur, grain and what hides a scene; each in one picture of five."""
    night, soft, noisy, behind = rng.random(4) < 1 / 5
    return View(
        float(rng.uniform(0.1, 0.45)) if night else 1.0,
        float(rng.uniform(0.7, 3)) if soft else 0.0,
        float(rng.uniform(10, 50)) if noisy else 0.0,
        float(rng.uniform(0.2, 0.7)) if behind and layout in ("large", "middle") else 0.0,
    )
