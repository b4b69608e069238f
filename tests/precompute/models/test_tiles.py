"""Pictures in the library's tiles: SmolVLM and Idefics3, against its own tower and `generate`."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from precompute.config.settings import DecodeConfig, Generation, ModelConfig
from precompute.forward.capture import capture
from precompute.forward.decode import decode_layers
from precompute.forward.layers import run_layers
from precompute.forward.parity import certificate
from precompute.interventions.apply import layer_edits
from precompute.interventions.parse import Shape, parse
from precompute.models.layouts import fitted
from precompute.models.tiles import from_sheet, layout_of_sheet, to_sheet
from tests.precompute.models.tiny_families import FAMILIES

PROMPT = "a short image caption."
DECODE = DecodeConfig(prompt=PROMPT, batch_size=5, generation=Generation(max_new_tokens=6))
SHAPES = {(40, 80): (1, 2), (80, 40): (2, 1), (70, 60): (2, 2)}
"""Rows and columns of pixels -> of tiles, two of which are as long as the longer side."""


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(5)
    return [Image.fromarray(rng.integers(0, 256, (*s, 3), dtype=np.uint8)) for s in SHAPES]


@pytest.fixture(scope="module", params=["smolvlm", "idefics3"])
def family(request):
    return replace(FAMILIES[request.param](), tiles=2)


def by_library(family, picture, text="<image>" + PROMPT):
    """What the library's own processor makes of one picture, cut in its own way."""
    sizes = {"size": {"longest_edge": 64}, "max_image_size": {"longest_edge": 32}}
    return family.processor(images=[[picture]], text=[text], return_tensors="pt", **sizes)


@pytest.mark.parametrize("which", range(3))
def test_states_and_maps_are_the_librarys_tile_by_tile(family, pictures, which):
    picture, layout = pictures[which], list(SHAPES.values())[which]
    assert family.layout_of(picture) == layout
    pixels = family.pixels([picture])
    here = fitted(family, pixels)
    taken = capture(here.tower, pixels)
    *tiles, whole = by_library(family, picture)["pixel_values"][0]
    assert len(tiles) == layout[0] * layout[1]
    vision, n = family.vision, here.tower.n_seen
    vision.set_attn_implementation("eager")
    for i, tile in enumerate([whole, *tiles]):
        real = torch.ones(1, 4, 4, dtype=torch.bool)
        out = vision(tile[None], real, output_hidden_states=True, output_attentions=True)
        for layer, state in enumerate(out.hidden_states[:-1]):
            ours = taken.states[layer][0, i * n : (i + 1) * n]
            torch.testing.assert_close(ours, state[0], atol=1e-4, rtol=1e-4)
        if i == 0:
            for layer, pattern in enumerate(out.attentions):
                torch.testing.assert_close(
                    taken.attention[0, layer], pattern[0].mean(1), atol=1e-5, rtol=1e-4
                )
    vision.set_attn_implementation("sdpa")
    torch.testing.assert_close(taken.summary_state[0, 1], taken.states[1][0, :n].mean(0))
    assert taken.token_norm.shape == (1, here.tower.n_layers + 1, n)
    (seen,) = here.model_input(pixels)
    assert seen.size == (32, 32)


@pytest.mark.parametrize("layer", [1, 3])
def test_captions_are_those_of_the_librarys_generate(family, pictures, layer):
    """The whole model, its tower ending at the layer, on the picture cut by its own processor."""
    model = copy.deepcopy(family.model)
    del model.model.vision_model.encoder.layers[layer:]
    for picture in pictures:
        pixels = family.pixels([picture])
        here = fitted(family, pixels)
        with torch.inference_mode():
            ours = decode_layers(here, capture(here.tower, pixels).states, DECODE)[layer][0]
            made = by_library(family, picture)
            rows = model.generate(
                input_ids=made["input_ids"],
                attention_mask=made["attention_mask"],
                pixel_values=made["pixel_values"],
                pixel_attention_mask=made["pixel_attention_mask"],
                **family.arguments(DECODE.generation),
            )
        assert list(ours.token_ids) == rows[0, made["input_ids"].shape[1] :].tolist()


def test_all_tiles_are_read_and_the_certificate_holds(family, pictures):
    result = certificate(family, pictures, DECODE)
    assert result["passed"], result
    pixels = family.pixels(pictures[:1])
    here = fitted(family, pixels)
    states = capture(here.tower, pixels).states[-1]
    plain, n = here.read(states, PROMPT).hidden, here.tower.n_seen
    for tile in range(here.tower.tiles):
        moved = states.clone()
        moved[:, tile * n : (tile + 1) * n] *= -1
        assert not torch.allclose(here.read(moved, PROMPT).hidden, plain, atol=1e-3)
    with pytest.raises(ValueError, match="one layout of tiles"):
        family.pixels(pictures)


def test_edits_reach_every_tile(family, pictures):
    """Against an edit of each tile by itself, as a picture of one tile."""
    pixels = family.pixels(pictures[:1])
    here, one = fitted(family, pixels), replace(family, tiles=1)
    edits = layer_edits(here.tower, parse("heads:2-without-1,skip:3", Shape(3, 4)), {})
    *_, together = run_layers(here.tower, here.tower.embed(pixels), edits)
    n = here.tower.n_seen
    for i, tile in enumerate(from_sheet(pixels, 32)[0]):
        *_, alone = run_layers(one.tower, one.tower.embed(tile[None]), edits)
        there = together.resid_post[:, i * n : (i + 1) * n]
        torch.testing.assert_close(there, alone.resid_post, atol=1e-5, rtol=1e-4)


def test_the_words_inside_are_of_the_whole_picture(family, pictures):
    pixels = family.pixels(pictures[:1])
    here = fitted(family, pixels)
    memory = here.read(capture(here.tower, pixels).states[-1], PROMPT)
    chances, ids = here.inner_words(memory, [0], 2)
    assert chances.shape == ids.shape == (1, 1, 4, 2)
    assert here.token_grid == (2, 2)
    head = family.model.get_output_embeddings()
    streams = family.model.get_decoder().norm(memory.hidden[0, -4:])  # the whole picture's are last
    torch.testing.assert_close(chances[0, 0], head(streams).softmax(-1).topk(2)[0])


def test_a_sheet_gives_back_its_tiles():
    rng = torch.Generator().manual_seed(0)
    for layout in ((0, 1), (1, 2), (3, 2)):
        n = layout[0] * layout[1]
        whole = torch.randn(2, 3, 4, 4, generator=rng)
        tiles = torch.randn(2, n, 3, 4, 4, generator=rng)
        sheet = to_sheet(whole, tiles, layout)
        assert layout_of_sheet(sheet, 4) == layout
        assert torch.equal(from_sheet(sheet, 4), torch.cat([whole[:, None], tiles], 1))


@pytest.mark.parametrize("backend", ["llava_onevision", "internvl", "gemma3"])
def test_other_families_say_why_they_have_none(backend):
    with pytest.raises(ValueError, match="Leave tiles out"):
        ModelConfig(backend=backend, path="x", tiles=2)
