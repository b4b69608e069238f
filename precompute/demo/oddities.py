"""The 48 scenes of the demo's WHOOPS: what is in them, and what is odd about it."""

from dataclasses import dataclass

from precompute.demo.scenes import Layout, Scene


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
        ("big", "penguin", "desert", "Penguins live by cold seas, not among hot dunes."),
        ("small", "camel", "snow", "Camels are animals of hot deserts, not of snow fields."),
        ("big", "elephant", "sea", "An elephant cannot breathe or walk on the sea floor."),
        ("big", "whale", "desert", "A whale would die in a desert, far from any water."),
        ("small", "zebra", "kitchen", "Zebras roam the savanna and do not come into kitchens."),
        ("big", "lion", "snow", "Lions live in warm grassland, not in the snow."),
        ("small", "octopus", "forest", "An octopus lives in the sea and not among trees."),
        ("big", "shark", "city", "Sharks swim in the sea; there is no water in this street."),
        ("small", "koala", "moon", "Koalas eat leaves, and nothing grows on the moon."),
        ("next", "penguin cactus", "desert", "Penguins and cacti never meet in nature."),
        ("next", "shark camel", "desert", "A shark needs water, which a desert does not have."),
        ("above", "whale castle", "forest", "Whales neither fly nor live in forests."),
    ),
    "physical rule": (
        ("above", "elephant balloon", "city", "An elephant is too heavy to rest on a balloon."),
        ("above", "train house", "beach", "A train runs on rails and cannot float over a house."),
        ("above", "car kite", "snow", "Cars do not fly, least of all higher than a kite."),
        ("above", "castle mushroom", "forest", "A mushroom cannot carry a castle."),
        ("big", "sailboat", "desert", "A sailboat needs water to sail on, and here is only sand."),
        ("small", "balloon", "moon", "Without air nothing holds a balloon up on the moon."),
        ("above", "tractor umbrella", "kitchen", "An umbrella would collapse under a tractor."),
        ("small", "kite", "sea", "A kite needs wind, and there is none under water."),
        ("big", "umbrella", "sea", "Under the sea an umbrella keeps nobody dry."),
        ("above", "dinosaur pizza", "beach", "A dinosaur is too heavy to stand on a pizza."),
        ("big", "snowman", "desert", "A snowman would melt in the desert within minutes."),
        ("next", "snowman pineapple", "beach", "A snowman cannot last on a sunny beach."),
    ),
    "food and plants": (
        ("big", "burger", "forest", "Burgers do not grow or live in forests."),
        ("small", "pizza", "moon", "Nobody is on the moon to bake or eat a pizza."),
        ("big", "banana", "snow", "Bananas grow in the tropics, not in snow."),
        (
            "next",
            "lion strawberry",
            "kitchen",
            "Lions eat meat and do not share a kitchen's fruit.",
        ),
        ("small", "cactus", "sea", "A cactus is a desert plant and cannot grow under water."),
        ("big", "sunflower", "moon", "A flower cannot grow on the airless moon."),
        ("next", "pineapple snowman", "snow", "Tropical fruit and snowmen need opposite climates."),
        ("above", "pizza turtle", "sea", "Pizza does not float in the sea above turtles."),
        ("next", "mushroom rocket", "moon", "Mushrooms cannot grow beside rockets on the moon."),
        ("above", "banana shark", "beach", "Sharks do not carry bananas along a beach."),
        ("next", "burger panda", "forest", "Pandas eat bamboo, not burgers."),
        ("big", "strawberry", "city", "No strawberry is as large as the houses of a city."),
    ),
    "thing out of place": (
        ("next", "robot flamingo", "beach", "Robots do not spend their days with flamingos."),
        ("next", "guitar octopus", "sea", "A guitar cannot be played under water by an octopus."),
        ("above", "plane whale", "sea", "Planes fly in the air and not under water."),
        ("big", "train", "sea", "There are no railways on the floor of the sea."),
        ("big", "dinosaur", "city", "Dinosaurs died out long before there were cities."),
        ("small", "house", "moon", "Nobody has built a house on the moon."),
        ("next", "teddy penguin", "snow", "Toy bears do not live with penguins in the snow."),
        ("big", "rocket", "kitchen", "A rocket does not fit into a kitchen."),
        (
            "next",
            "football zebra",
            "moon",
            "Zebras do not play football, least of all on the moon.",
        ),
        ("above", "parrot robot", "kitchen", "A parrot does not perch on a robot to cook."),
        ("next", "ladybug elephant", "city", "A ladybug is not as large as an elephant."),
        (
            "above",
            "butterfly tractor",
            "moon",
            "Neither insects nor farm machines are on the moon.",
        ),
    ),
}


def oddities() -> tuple[Oddity, ...]:
    """All 48, in a fixed order, each with a seed of its own."""
    return tuple(
        Oddity(Scene(tuple(words.split()), place, layout, seed), category, explanation)
        for seed, (category, (layout, words, place, explanation)) in enumerate(
            (category, row) for category, rows in _TABLE.items() for row in rows
        )
    )
