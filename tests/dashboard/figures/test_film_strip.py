import base64
import io
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dashboard.charts import maps
from dashboard.figures import files, film_strip
from store.parts.tensors import ImageTensors
from tests.dashboard.test_injection import HOSTILE

L, H, GRID = 4, 3, (2, 3)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def tensors():
    rng = np.random.default_rng(0)
    tokens = 1 + GRID[0] * GRID[1]
    attention = rng.dirichlet(np.ones(tokens), (L, H)).astype(np.float16)
    picture = io.BytesIO()
    Image.new("RGB", (30, 20), "white").save(picture, "JPEG")
    return ImageTensors(
        "cat", attention, attention, np.ones((L + 1, tokens), np.float16), None, picture.getvalue()
    )


def strip(tensors, captions, layers, **options):
    return ET.fromstring(
        film_strip.film_strip(tensors, captions, layers, GRID, legend="what is seen", **options)
    )


def texts(root):
    return ["".join(node.itertext()) for node in root.iter(f"{SVG}text")]


def pictures(root):
    return [
        Image.open(io.BytesIO(base64.b64decode(node.attrib["href"].partition(",")[2])))
        for node in root.iter(f"{SVG}image")
    ]


def test_a_strip_has_the_picture_and_every_layer_with_its_caption(tensors):
    root = strip(tensors, {1: "a dog", 3: "a big cat"}, [1, 3], title="cat, run")
    lines = texts(root)
    for text in ("cat, run", "the picture", "layer 1", "a dog", "layer 3", "a big cat"):
        assert text in lines
    assert len(pictures(root)) == 3
    marked = ["".join(span.itertext()) for span in root.iter(f"{SVG}tspan")]
    assert marked == ["big", "cat"]


def test_layer_0_is_the_picture_itself(tensors):
    root = strip(tensors, {0: "x", 2: "y"}, [0, 2])
    assert "the picture" not in texts(root)
    assert len(pictures(root)) == 2
    assert np.asarray(pictures(root)[0]).min() > 250  # white, and nothing over it


def test_the_papers_numbers_are_one_less(tensors):
    lines = texts(strip(tensors, {0: "x", 1: "y", 4: "z"}, [0, 1, 4], paper=True))
    assert [text for text in lines if text.startswith(("layer", "emb"))] == [
        "embeddings",
        "layer 0",
        "layer 3",
    ]


def test_maps_are_head_means_on_one_scale(tensors):
    """Every patch of a drawn map, decoded from the SVG, has the colour that its value says."""
    root = strip(tensors, dict.fromkeys((1, 4), ""), [1, 4])
    means = tensors.attention.astype(np.float64).mean(1)[:, 1:]
    high = np.quantile(means.astype(np.float32), 0.998)
    for picture, layer in zip(pictures(root)[1:], (1, 4), strict=True):
        drawn = np.asarray(picture, float)
        tall, wide = drawn.shape[0] / GRID[0], drawn.shape[1] / GRID[1]
        for patch, value in enumerate(means[layer - 1]):
            row, column = divmod(patch, GRID[1])
            colour = maps.colour(np.array([value]), maps.Scale(0.0, float(high), True))[0]
            expected = 0.45 * 255 + 0.55 * colour.astype(float)
            at = drawn[int((row + 0.5) * tall), int((column + 0.5) * wide)]
            np.testing.assert_allclose(at, expected, atol=6)


def test_a_tower_without_a_class_token_has_the_same_patches(tensors):
    """Of N tokens all are patches: what is drawn is what is drawn of them behind CLS."""
    alone = replace(
        tensors, attention=tensors.attention[..., 1:], token_norm=tensors.token_norm[:, 1:]
    )
    one, other = (strip(each, {1: "a", 4: "b"}, [1, 4]) for each in (tensors, alone))
    assert ET.tostring(one) == ET.tostring(other)
    assert "what is seen; mean over heads; one scale for all layers" in texts(one)


@pytest.mark.parametrize("text", [*HOSTILE, "\x00\x0b\ud7ff", "word" * 200, "long " * 300, ""])
def test_captions_are_text_that_stays_in_its_column(tensors, text):
    svg = film_strip.film_strip(
        tensors, {1: "a", 2: text}, [1, 2], GRID, legend="what is seen", title=text
    )
    root = ET.fromstring(svg)
    assert {node.tag.removeprefix(SVG) for node in root.iter()} <= {
        "svg",
        "g",
        "rect",
        "text",
        "tspan",
        "image",
        "defs",
        "linearGradient",
        "stop",
    }
    assert not [name for node in root.iter() for name in node.attrib if name.startswith("on")]
    for line in texts(root):
        assert film_strip._width(line) <= 1.1 * float(root.attrib["width"])
    with Image.open(io.BytesIO(files.png(svg))) as image:
        assert image.width == 2 * int(root.attrib["width"])


def test_many_layers_make_rows(tensors):
    root = strip(tensors, dict.fromkeys(range(5), "a"), [0, 1, 2, 3, 4] * 2)
    assert int(root.attrib["width"]) < 6 * 200
    places = {node.attrib["transform"] for node in root if "transform" in node.attrib}
    assert len(places) == 11  # ten cells and the colour bar


def test_turning_points_are_where_captions_change():
    captions = {0: "a", 1: "a dog", 2: "a dog", 3: "A dog.", 4: "a cat on mats", 5: "a cat on mats"}
    assert film_strip.turning_points(captions) == [0, 1, 4]
    many = {layer: f"word{layer}" for layer in range(40)}
    assert film_strip.turning_points(many, 5) == [0, 10, 20, 29, 39]
