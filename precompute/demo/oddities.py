"""The 48 scenes of the demo's WHOOPS: what is in them, and what is odd about it."""

from dataclasses import dataclass

import numpy as np

from precompute.demo.scenes import CLEAR, Layout, Scene, any_view
from precompute.demo.vocabulary import BY_WORD


@dataclass(frozen=True)
class Oddity:
    """A scene that defies common sense.

    Attributes:
        scene: What is drawn.
        category: The kind of oddity.
        explanation: What is odd, in one sentence.
    """

    scene: Scene
    category: str
    explanation: str


_TABLE: dict[str, tuple[tuple[Layout, str, str, str], ...]] = {
    "animal out of its habitat": (
        ("large", "penguin", "desert", "Penguins live by cold seas, not among hot dunes."),
        ("small", "camel", "snow", "Camels are animals of hot deserts, not of snow fields."),
        ("large", "elephant", "sea", "An elephant cannot breathe or walk on the sea floor."),
        ("large", "whale", "desert", "A whale would die in a desert, far from any water."),
        ("trio", "zebra", "kitchen", "Zebras roam the savanna and do not come into kitchens."),
        ("middle", "lion", "snow", "Lions live in warm grassland, not in the snow."),
        ("small", "octopus", "forest", "An octopus lives in the sea and not among trees."),
        ("large", "shark", "city", "Sharks swim in the sea; there is no water in this street."),
        ("small", "koala", "moon", "Koalas eat leaves, and nothing grows on the moon."),
        ("next", "penguin cactus", "desert", "Penguins and cacti never meet in nature."),
        ("pair", "crocodile", "library", "Crocodiles do not come to a library."),
        ("above", "whale castle", "forest", "Whales neither fly nor live in forests."),
    ),
    "physical rule": (
        ("above", "elephant red-balloon", "city", "An elephant is too heavy for a balloon."),
        ("above", "train house", "beach", "A train runs on rails and cannot float over a house."),
        ("above", "yellow-car kite", "snow", "Cars do not fly, least of all higher than a kite."),
        ("above", "castle mushroom", "forest", "A mushroom cannot carry a castle."),
        ("large", "sailboat", "desert", "A sailboat needs water, and here is only sand."),
        ("small", "blue-balloon", "moon", "Without air nothing holds a balloon up on the moon."),
        ("above", "tractor purple-umbrella", "kitchen", "An umbrella cannot hold a tractor."),
        ("middle", "kite", "sea", "A kite needs wind, and there is none under water."),
        ("large", "red-umbrella", "sea", "Under the sea an umbrella keeps nobody dry."),
        ("above", "dinosaur pizza", "beach", "A dinosaur is too heavy to stand on a pizza."),
        ("large", "snowman", "desert", "A snowman would melt in the desert within minutes."),
        ("trio", "snowman", "beach", "Snowmen cannot last on a sunny beach."),
    ),
    "food and plants": (
        ("large", "burger", "forest", "Burgers do not grow or live in forests."),
        ("small", "pizza", "moon", "Nobody is on the moon to bake or eat a pizza."),
        ("pair", "banana", "snow", "Bananas grow in the tropics, not in snow."),
        ("next", "lion strawberry", "library", "Lions eat meat, and not in a library."),
        ("small", "cactus", "pool", "A cactus is a desert plant and cannot live in a pool."),
        ("large", "sunflower", "cave", "A sunflower cannot grow without the sun."),
        ("next", "pineapple snowman", "snow", "Tropical fruit and snowmen want other weather."),
        ("above", "pizza turtle", "sea", "Pizza does not float in the sea above turtles."),
        ("front", "mushroom rocket", "moon", "Mushrooms cannot grow beside rockets on the moon."),
        ("row", "banana shark lemon", "beach", "Sharks do not lie between fruit on a beach."),
        ("next", "burger panda", "forest", "Pandas eat bamboo, not burgers."),
        ("large", "strawberry", "city", "No strawberry is as large as the houses of a city."),
    ),
    "thing out of place": (
        ("next", "robot flamingo", "beach", "Robots do not spend their days with flamingos."),
        ("next", "guitar octopus", "sea", "An octopus cannot play a guitar under water."),
        ("above", "plane whale", "sea", "Planes fly in the air and not under water."),
        ("large", "train", "mountains", "No railway runs across the top of a mountain."),
        ("large", "dinosaur", "city", "Dinosaurs died out long before there were cities."),
        ("small", "house", "moon", "Nobody has built a house on the moon."),
        ("row", "teddy penguin clock", "snow", "Toy bears and clocks do not live with penguins."),
        ("middle", "rocket", "kitchen", "A rocket does not fit into a kitchen."),
        ("front", "football zebra", "moon", "Zebras do not play football on the moon."),
        ("above", "parrot robot", "stage", "A parrot does not perch on a robot to sing."),
        ("front", "ladybug elephant", "meadow", "A ladybug is not as large as an elephant."),
        ("pair", "green-couch", "cave", "Nobody furnishes a cave with couches."),
    ),
}
"""Category -> layout, subjects (after their paint), place, and what is odd."""


def oddities() -> tuple[Oddity, ...]:
    """All 48, in a fixed order, each with a seed of its own; every second one may be dimmed."""
    rows = ((category, row) for category, rows in _TABLE.items() for row in rows)
    return tuple(
        Oddity(_scene(*row[:3], seed), category, row[3])
        for seed, (category, row) in enumerate(rows)
    )


def _scene(layout: Layout, things: str, place: str, seed: int) -> Scene:
    words = tuple(thing.split("-")[-1] for thing in things.split())
    paints = tuple(
        thing.split("-")[0] if BY_WORD[word].recoloured else None
        for word, thing in zip(words, things.split(), strict=True)
    )
    view = any_view(layout, np.random.default_rng([seed, 48])) if seed % 2 else CLEAR
    return Scene(words, place, layout, paints, view, seed)
