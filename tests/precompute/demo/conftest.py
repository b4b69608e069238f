"""Stand-ins for the sprites, which only a network can fetch."""

import colorsys

import pytest
from PIL import Image, ImageDraw

from precompute.demo.colours import dominant, repaint
from precompute.demo.sprites import Sprite
from precompute.demo.vocabulary import PAINTS, SUBJECTS


@pytest.fixture(scope="session")
def book():
    """A disc of its own colour for each subject; of what is recoloured, in each paint."""
    discs = {}
    for k, subject in enumerate(SUBJECTS):
        red, green, blue = colorsys.hsv_to_rgb(k / len(SUBJECTS), 1, 1)
        disc = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
        colour = (int(255 * red), int(255 * green), int(255 * blue), 255)
        ImageDraw.Draw(disc).ellipse([4, 4, 60, 60], fill=colour)
        discs[subject.word] = disc
        for paint in PAINTS if subject.recoloured else ():
            discs[f"{paint} {subject.word}"] = repaint(disc, paint)
    return {name: Sprite(disc, dominant(disc)) for name, disc in discs.items()}
