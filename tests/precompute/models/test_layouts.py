"""Pictures that keep their shape: a grid each, against the library's own tower and `generate`."""

import copy
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

from precompute.config.settings import DecodeConfig, Generation
from precompute.forward.capture import capture
from precompute.forward.decode import decode_layers
from precompute.forward.parity import certificate
from precompute.models.captioner import all_as_read
from precompute.models.layouts import fitted, keeps_shape, layout_key
from precompute.models.permuted import with_permuted_tower
from tests.precompute.models.tiny_families import FAMILIES

PROMPT = "a short image caption."
DECODE = DecodeConfig(prompt=PROMPT, batch_size=5, generation=Generation(max_new_tokens=6))
SHAPES = ((56, 168), (168, 56), (90, 150), (30, 400))
"""Rows and columns of pixels. The first two have as many patches, in other places."""


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(1)
    return [Image.fromarray(rng.integers(0, 256, (*s, 3), dtype=np.uint8)) for s in SHAPES]


@pytest.fixture(scope="module", params=["qwen2_5_vl", "qwen3_vl"])
def family(request):
    return replace(FAMILIES[request.param](), aspect="keep")


def of_library(family, picture):
    """The library's own processor on one picture; only the most pixels are ours."""
    sizes = {"shortest_edge": family.sizes["shortest_edge"], "longest_edge": family.side**2}
    return family.processor.image_processor(picture, size=sizes, return_tensors="pt")


def raster(rows, columns):
    """Row and column of every patch as the library has them: twos by twos, by four loops."""
    return [
        (row + i, column + j)
        for row in range(0, rows, 2)
        for column in range(0, columns, 2)
        for i in range(2)
        for j in range(2)
    ]


def slow_attention(module, hidden, named):
    """What each token of one picture receives, head by head, query by query, key by key's window.

    From the weights of the library's attention and what the library gave it beside the tokens.
    """
    n_tokens, n_heads = len(hidden), module.num_heads
    q, k, _ = module.qkv(hidden).reshape(n_tokens, 3, n_heads, -1).unbind(1)
    cos, sin = named["position_embeddings"]

    def turned(x):  # x cos + rotated(x) sin, the halves swapped
        half = x.shape[-1] // 2
        other = torch.cat([-x[..., half:], x[..., :half]], -1)
        return x * cos[:, None] + other * sin[:, None]

    q, k = turned(q), turned(k)
    bounds = named["cu_seqlens"].tolist()
    received = torch.zeros(n_heads, n_tokens)
    for first, end in pairwise(bounds):
        for head in range(n_heads):
            for query in range(first, end):
                scores = torch.stack([q[query, head] @ k[key, head] for key in range(first, end)])
                shares = (scores / q.shape[-1] ** 0.5).softmax(0)
                received[head, first:end] += shares / n_tokens
    return received


def library_pass(family, picture):
    """States after every block and received attention, row by row, by the library's tower alone."""
    vision, made = family.vision, of_library(family, picture)
    _, rows, columns = made["image_grid_thw"][0].tolist()
    states, patterns, hooks = [], [], []
    for block in vision.blocks:
        hooks.append(block.register_forward_hook(lambda _, __, out: states.append(out.clone())))
        hooks.append(
            block.attn.register_forward_pre_hook(
                lambda module, given, named: patterns.append(
                    slow_attention(module, given[0] if given else named["hidden_states"], named)
                ),
                with_kwargs=True,
            )
        )
    try:
        vision(made["pixel_values"], grid_thw=made["image_grid_thw"])
    finally:
        for hook in hooks:
            hook.remove()
    places = raster(rows, columns)
    if hasattr(vision, "window_size"):  # Qwen2.5-VL runs window by window, of 2 by 2 merged patches
        tall = wide = vision.window_size // 14
        windows = [
            [p for p in places if r <= p[0] < r + tall and c <= p[1] < c + wide]
            for r in range(0, rows, tall)
            for c in range(0, columns, wide)
        ]
        places = [place for window in windows for place in window]
    at = [places.index((row, column)) for row in range(rows) for column in range(columns)]
    return (rows, columns), [s[at] for s in states], [p[:, at] for p in patterns]


@pytest.mark.parametrize("which", range(len(SHAPES)))
def test_states_and_maps_are_the_librarys_layer_by_layer(family, pictures, which):
    grid, states, patterns = library_pass(family, pictures[which])
    pixels = family.pixels([pictures[which]])
    here = fitted(family, pixels)
    assert here.tower.grid == grid == family.layout_of(pictures[which])
    assert grid[0] != grid[1]
    taken = capture(here.tower, pixels)
    for layer, (state, pattern) in enumerate(zip(states, patterns, strict=True), 1):
        torch.testing.assert_close(taken.states[layer][0], state, atol=1e-4, rtol=1e-4)
        ours = taken.attention[0, layer - 1]
        torch.testing.assert_close(ours, pattern, atol=1e-5, rtol=1e-4)


def test_pictures_of_one_grid_are_alone_as_together(family, pictures):
    """And what has as many patches in other places is another grid."""
    wide, tall = pictures[:2]
    assert family.layout_of(wide) == family.layout_of(tall)[::-1]
    other = wide.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    pixels = family.pixels([wide, other])
    together = capture(fitted(family, pixels).tower, pixels)
    alone = family.pixels([other])
    taken = capture(fitted(family, alone).tower, alone)
    torch.testing.assert_close(taken.states[-1][0], together.states[-1][1], atol=1e-4, rtol=1e-4)
    with pytest.raises(ValueError, match="one grid in a batch"):
        family.pixels([wide, tall])
    with pytest.raises(ValueError, match="patches; got"):
        capture(fitted(family, family.pixels([tall])).tower, alone)


@pytest.mark.parametrize("which", [0, 1])
def test_captions_of_every_layer_are_those_of_the_library(family, pictures, which):
    """The library's own `generate`, by its own processor, on a tower that ends at the layer."""
    picture = pictures[which]
    pixels = family.pixels([picture])
    here = fitted(family, pixels)
    with torch.inference_mode():
        states = all_as_read(here, capture(here.tower, pixels).states)
        ours = decode_layers(here, states, DECODE)
        for layer in (1, here.tower.n_layers):
            model = copy.deepcopy(family.model)
            del model.model.visual.blocks[layer:]
            made = family.processor(
                images=picture,
                text="<|vision_start|><|image_pad|><|vision_end|>" + PROMPT,
                size=family.sizes,
                return_tensors="pt",
            )
            takes = ("input_ids", "attention_mask", "mm_token_type_ids")
            inputs = {k: made[k] for k in (*takes, "pixel_values", "image_grid_thw") if k in made}
            rows = model.generate(**inputs, **family.arguments(DECODE.generation))
            n_prompt = inputs["input_ids"].shape[1]
            assert list(ours[layer][0].token_ids) == rows[0, n_prompt:].tolist()


def test_the_certificate_holds_all_shapes_of_a_batch(family, pictures):
    result = certificate(family, pictures, DECODE)
    assert result["passed"], result
    assert all("shapes of pictures)" in check["detail"] for check in result["checks"])


def test_a_permuted_tower_keeps_its_weights_in_other_layouts(family, pictures):
    permuted = with_permuted_tower(family, 0)
    pixels = family.pixels(pictures[:1])
    here, plain = fitted(permuted, pixels), fitted(family, pixels)
    assert here.tower.grid == plain.tower.grid
    assert not torch.allclose(here.tower.embed(pixels), plain.tower.embed(pixels), atol=1e-3)
    for ours, theirs in zip(here.tower.blocks, permuted.tower.blocks, strict=True):
        assert ours.proj is theirs.proj


def test_no_picture_has_more_patches_than_the_square(family):
    """Nor is one refused for its shape, which the library does above 200 to 1."""
    assert keeps_shape(family)
    for size in ((1, 1), (3, 5000), (5000, 3), (4000, 3000), (2, 2), (199, 40_000)):
        rows, columns = family.layout_of(Image.new("RGB", size))
        assert rows * columns <= family.tower.n_tokens
    assert family.pixels([Image.new("RGB", (3, 5000))]).shape[2] > 0


def test_squares_have_one_layout(family, pictures):
    square = replace(family, aspect="square")
    assert layout_key(square) is None
    assert layout_key(family) is not None
    pixels = square.pixels(pictures)
    assert fitted(square, pixels) is square
