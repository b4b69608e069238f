import colorsys

import numpy as np
import pytest
from PIL import Image

from precompute.demo import colours, sprites
from precompute.demo.vocabulary import COLOURS, PAINTS


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((230, 20, 20), "red"), ((250, 140, 20), "orange"), ((250, 220, 40), "yellow"),
        ((40, 160, 60), "green"), ((140, 190, 40), "green"), ((30, 90, 220), "blue"),
        ((130, 40, 220), "purple"), ((250, 150, 190), "pink"), ((120, 70, 30), "brown"),
        ((250, 250, 250), "white"), ((150, 150, 155), "grey"), ((20, 20, 25), "black"),
    ],
)  # fmt: skip
def test_colours_are_called_as_people_call_them(rgb, name):
    assert colours.name_of(*(value / 255 for value in rgb)) == name


def test_every_colour_has_a_name_that_captions_know():
    grid = np.linspace(0, 1, 9)
    names = {colours.name_of(r, g, b) for r in grid for g in grid for b in grid}
    assert names == set(COLOURS)


def test_the_most_opaque_pixels_decide():
    sprite = Image.new("RGBA", (10, 10), (0, 0, 255, 60))
    sprite.paste((255, 0, 0, 255), (0, 0, 10, 4))
    assert colours.dominant(sprite) == "red"


@pytest.mark.parametrize("paint", PAINTS)
def test_paint_changes_the_hue_and_nothing_else(paint):
    sprite = Image.new("RGBA", (8, 8), (200, 30, 30, 255))
    sprite.paste((120, 120, 120, 128), (0, 0, 8, 2))
    painted = colours.repaint(sprite, paint)
    assert colours.dominant(painted) == paint
    np.testing.assert_array_equal(np.asarray(painted)[:2], np.asarray(sprite)[:2])
    before, after = (
        colorsys.rgb_to_hsv(*np.asarray(one)[5, 5, :3] / 255) for one in (sprite, painted)
    )
    assert after[1] == pytest.approx(before[1], abs=0.02)


@pytest.mark.skipif(not (sprites.FOLDER / "64").exists(), reason="the sprites are not fetched")
def test_recoloured_sprites_have_the_colour_that_captions_say():
    for name, sprite in sprites.load().items():
        if " " in name:
            assert sprite.colour == name.split()[0], name
