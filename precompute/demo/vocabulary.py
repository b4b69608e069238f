"""Words of the picture book: its subjects, its places, and the grammar between them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Subject:
    """One thing that can stand in a scene.

    Attributes:
        word: What captions call it (one word).
        code: Code point of its Noto emoji, as the sprite's file is named.
        wnid: WordNet id of the ImageNet class it stands for, or None.
    """

    word: str
    code: str
    wnid: str | None = None


SUBJECTS: tuple[Subject, ...] = (
    Subject("penguin", "1f427", "n02056570"),
    Subject("elephant", "1f418", "n02504458"),
    Subject("lion", "1f981", "n02129165"),
    Subject("zebra", "1f993", "n02391049"),
    Subject("panda", "1f43c", "n02510455"),
    Subject("camel", "1f42a", "n02437312"),
    Subject("flamingo", "1f9a9", "n02007558"),
    Subject("butterfly", "1f98b", "n02279972"),
    Subject("turtle", "1f422", "n01669191"),
    Subject("ladybug", "1f41e", "n02165456"),
    Subject("koala", "1f428", "n01882714"),
    Subject("shark", "1f988", "n01484850"),
    Subject("dinosaur", "1f995"),
    Subject("octopus", "1f419"),
    Subject("whale", "1f433", "n02066245"),
    Subject("parrot", "1f99c", "n01818515"),
    Subject("cactus", "1f335"),
    Subject("sunflower", "1f33b"),
    Subject("mushroom", "1f344", "n12998815"),
    Subject("banana", "1f34c", "n07753592"),
    Subject("pineapple", "1f34d", "n07753275"),
    Subject("strawberry", "1f353", "n07745940"),
    Subject("burger", "1f354", "n07697313"),
    Subject("pizza", "1f355", "n07873807"),
    Subject("car", "1f697", "n04285008"),
    Subject("tractor", "1f69c", "n04465501"),
    Subject("train", "1f682", "n04310018"),
    Subject("plane", "2708-fe0f", "n02690373"),
    Subject("rocket", "1f680"),
    Subject("sailboat", "26f5", "n04612504"),
    Subject("house", "1f3e0"),
    Subject("castle", "1f3f0", "n02980441"),
    Subject("guitar", "1f3b8", "n03272010"),
    Subject("football", "26bd", "n04254680"),
    Subject("balloon", "1f388", "n02782093"),
    Subject("kite", "1fa81"),
    Subject("umbrella", "2602-fe0f", "n04507155"),
    Subject("teddy", "1f9f8", "n04399382"),
    Subject("snowman", "26c4"),
    Subject("robot", "1f916"),
)

PLACES: dict[str, str] = {
    "desert": "in the desert",
    "beach": "on the beach",
    "snow": "in the snow",
    "forest": "in the forest",
    "city": "in the city",
    "kitchen": "in the kitchen",
    "sea": "under the sea",
    "moon": "on the moon",
}
"""Place -> how a caption says it."""

CAPTION_PROMPT = "a short image caption."
"""The instruction under which the captioner captions."""

_GRAMMAR = (
    "a an the in on under is this big small next to above below or what where picture "
    "short image caption question answer . ? :"
)

WORDS: tuple[str, ...] = (
    *_GRAMMAR.split(),
    *PLACES,
    *(subject.word for subject in SUBJECTS),
)
"""Every word that instructions, captions and answers may use."""


def with_article(word: str) -> str:
    """Put the indefinite article before a word.

    >>> with_article("umbrella"), with_article("kite")
    ('an umbrella', 'a kite')
    """
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"
