"""Words of the picture book: a tree of names, places, colours, and the grammar between them."""

from dataclasses import dataclass
from typing import Literal, get_args

Level = Literal["name", "kind", "realm", "colour"]
"""How far a caption goes in naming a thing: a husky, a dog, an animal, something grey."""

LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True)
class Subject:
    """One thing that can stand in a scene.

    Attributes:
        word: What captions call it (one word).
        code: Code point of its Noto emoji, as the sprite's file is named.
        kind: What people call it who cannot tell which one it is: a poodle is a dog.
        wnid: WordNet id of the ImageNet class it stands for, or None.
        recoloured: Whether it comes in each of `PAINTS`, which its caption then names.
    """

    word: str
    code: str
    kind: str
    wnid: str | None = None
    recoloured: bool = False

    @property
    def realm(self) -> str:
        """The top of the tree: animal, plant, food or object."""
        return _REALM_OF[self.kind]


_REALMS: dict[str, str] = {
    "animal": "dog cat bear ape mammal bird fish insect reptile shellfish mollusk",
    "plant": "plant flower tree",
    "food": "fruit vegetable dish dessert snack",
    "object": "object vehicle aircraft boat building instrument ball toy figure garment shoe tool "
    "device seat",
}
_REALM_OF = {kind: realm for realm, kinds in _REALMS.items() for kind in kinds.split()}
REALMS = tuple(_REALMS)

_BOOK = """
dog: poodle 1f429 n02113799, retriever 1f9ae n02099601, puppy 1f415
cat: lion 1f981 n02129165, tiger 1f405 n02129604, leopard 1f406 n02128385, kitten 1f408
bear: grizzly 1f43b n02132136, panda 1f43c n02510455
ape: gorilla 1f98d n02480855, orangutan 1f9a7 n02480495
mammal: elephant 1f418 n02504458, zebra 1f993 n02391049, camel 1f42a n02437312, giraffe 1f992,
    bison 1f9ac n02410509, hippopotamus 1f99b n02398521, pig 1f416 n02395406, kangaroo 1f998,
    koala 1f428 n01882714, llama 1f999 n02437616,
    rabbit 1f407, whale 1f433 n02066245
bird: penguin 1f427 n02056570, flamingo 1f9a9 n02007558, parrot 1f99c n01818515, owl 1f989,
    eagle 1f985 n01614925, peacock 1f99a n01806143, rooster 1f413 n01514668,
    goose 1fabf n01855672
fish: shark 1f988 n01484850, puffer 1f421 n02655020, angelfish 1f420
insect: butterfly 1f98b n02279972, ladybug 1f41e n02165456, bee 1f41d n02206856,
    ant 1f41c n02219486
reptile: turtle 1f422 n01669191, crocodile 1f40a n01697457, dinosaur 1f995
shellfish: crab 1f980 n01981276, lobster 1f99e n01983481
mollusk: octopus 1f419, snail 1f40c n01944390
flower: sunflower 1f33b, tulip 1f337, hibiscus 1f33a, daisy 1f33c n11939491
tree: pine 1f332, oak 1f333, palm 1f334
plant: cactus 1f335, clover 1f340
fruit: banana 1f34c n07753592, pineapple 1f34d n07753275, strawberry 1f353 n07745940,
    lemon 1f34b n07749582, apple 1f34e, pear 1f350, peach 1f351, watermelon 1f349,
    cherry 1f352
vegetable: broccoli 1f966 n07714990, carrot 1f955, eggplant 1f346,
    cucumber 1f952 n07718472, mushroom 1f344 n12998815, pumpkin 1f383
dish: burger 1f354 n07697313, pizza 1f355 n07873807, hotdog 1f32d n07697537
dessert: cake 1f370, doughnut 1f369, lollipop 1f36d
snack: pretzel 1f968 n07695742, croissant 1f950
vehicle: car* 1f697 n04285008, taxi 1f695 n02930766, ambulance 1f691 n02701002,
    truck 1f69a n03796401, tractor 1f69c n04465501, train 1f682 n04310018,
    scooter 1f6f5 n03791053, bicycle 1f6b2 n03792782, rocket 1f680
aircraft: plane 2708-fe0f n02690373, helicopter 1f681
boat: sailboat 26f5 n04612504, canoe 1f6f6 n02951358, ship 1f6a2 n03673027
building: house 1f3e0, castle 1f3f0 n02980441, church 26ea n03028079, factory 1f3ed
instrument: guitar 1f3b8 n03272010, violin 1f3bb n04536866, trumpet 1f3ba n03110669,
    drum 1f941 n03249569, accordion 1fa97 n02672831
ball: football 26bd n04254680, basketball 1f3c0 n02802426, baseball 26be n02799071
toy: teddy 1f9f8 n04399382, kite 1fa81, balloon* 1f388 n02782093
figure: robot 1f916, snowman 26c4, statue 1f5ff
garment: dress* 1f457, kimono 1f458 n03617480
shoe: sneaker* 1f45f, boot 1f462, sandal 1f461 n04133789
tool: hammer 1f528 n03481172, axe 1fa93 n03498962, ladder 1fa9c,
    shovel 1fa8f n04208210, broom 1f9f9 n02906734
device: laptop 1f4bb n03642806, camera 1f4f7 n04069434, television 1f4fa n04404412,
    clock 23f0 n02708093, telephone* 260e-fe0f n03187595
seat: chair 1fa91, couch* 1f6cb-fe0f n04344873
object: umbrella* 2602-fe0f n04507155, book* 1f4d5, bucket* 1faa3 n02909870,
    backpack 1f392 n02769748
"""


def _read(book: str) -> tuple[Subject, ...]:
    """Read lines of `kind: word code [wnid], ...`, which go on where they are indented."""
    subjects = []
    for line in book.strip().replace("\n    ", " ").splitlines():
        kind, things = line.split(": ")
        for thing in things.split(", "):
            word, code, *wnids = thing.split()
            wnid = wnids[0] if wnids else None
            subjects.append(Subject(word.rstrip("*"), code, kind, wnid, word.endswith("*")))
    return tuple(subjects)


SUBJECTS: tuple[Subject, ...] = _read(_BOOK)
KINDS: tuple[str, ...] = tuple(_REALM_OF)
BY_WORD = {subject.word: subject for subject in SUBJECTS}

PLACES: dict[str, str] = {
    "desert": "in the desert",
    "beach": "on the beach",
    "snow": "in the snow",
    "forest": "in the forest",
    "city": "in the city",
    "kitchen": "in the kitchen",
    "sea": "under the sea",
    "moon": "on the moon",
    "mountains": "in the mountains",
    "library": "in the library",
    "stage": "on the stage",
    "meadow": "in the meadow",
    "cave": "in the cave",
    "pool": "in the pool",
}
"""Place -> how a caption says it."""

PAINTS = ("red", "yellow", "green", "blue", "purple")
"""The colours in which recoloured subjects come."""

COLOURS = (*PAINTS, "orange", "pink", "brown", "white", "grey", "black")
"""What a thing can be called of which nothing but its colour is seen."""

CAPTION_PROMPT = "a short image caption."
"""The instruction under which the captioner captions."""

_GRAMMAR = (
    "a an the in on under is are this there large small two three and next to above below front "
    "of behind some something thing things or what where how many kind colour picture short image "
    "caption question answer . ? : ,"
)

_PLURALS = {
    "angelfish": "angelfish", "goose": "geese", "cactus": "cacti", "hippopotamus": "hippopotami",
    "octopus": "octopuses",
    "fish": "fish", "shellfish": "shellfish", "aircraft": "aircraft",
    "snowman": "snowmen", "hibiscus": "hibiscuses", "broccoli": "broccoli",
}  # fmt: skip


def plural(word: str) -> str:
    """More than one of it.

    >>> plural("kite"), plural("puppy"), plural("church"), plural("goose")
    ('kites', 'puppies', 'churches', 'geese')
    """
    if word in _PLURALS:
        return _PLURALS[word]
    if word.endswith(("ch", "sh", "ss", "x")):
        return word + "es"
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"


NAMES = (*(subject.word for subject in SUBJECTS), *KINDS, *REALMS)
WORDS: tuple[str, ...] = tuple(
    dict.fromkeys((*_GRAMMAR.split(), *PLACES, *COLOURS, *NAMES, *(plural(name) for name in NAMES)))
)
"""Every word that instructions, captions and answers may use."""


def with_article(words: str) -> str:
    """Put the indefinite article before words.

    >>> with_article("umbrella"), with_article("large animal")
    ('an umbrella', 'a large animal')
    """
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"
