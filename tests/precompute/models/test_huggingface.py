"""The door to transformers: what goes through the processor, and what the traps are."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from precompute.demo.model import IMAGE_SIDE
from precompute.models import huggingface
from precompute.models.captioner import Captioner, Placement


def test_it_is_a_captioner(captioner):
    assert isinstance(captioner, Captioner)


def test_the_tower_is_read_off_the_model(captioner):
    tower = captioner.tower
    assert (tower.n_layers, tower.n_heads, tower.grid, tower.width) == (3, 8, (8, 8), 32)
    assert tower.n_tokens == 65


def test_the_short_projection_gives_the_length_of_v_w_o(captioner):
    block = captioner.tower.blocks[1]
    v = torch.randn(8, 4)
    for head in range(8):
        expected = (v[head] @ block.proj.weight[:, 4 * head : 4 * head + 4].T).norm()
        torch.testing.assert_close((v[head] @ block.w_o_short[head]).norm(), expected)


def test_the_model_input_is_the_picture_it_saw(captioner):
    shape = IMAGE_SIDE, IMAGE_SIDE, 3
    gradient = np.linspace(0, 255, math.prod(shape)).reshape(shape).astype(np.uint8)
    (back,) = captioner.model_input(captioner.pixels([Image.fromarray(gradient)]))
    assert np.abs(np.asarray(back).astype(int) - gradient).max() <= 1


def test_a_checkpoint_loads_from_its_folder(checkpoint, captioner, pixels):
    loaded = huggingface.load(checkpoint, Placement("cpu", torch.float32))
    assert torch.equal(loaded.library_final_state(pixels), captioner.library_final_state(pixels))
    assert loaded.processor.num_query_tokens == captioner.model.config.num_query_tokens
    assert [path.name for path in huggingface.weight_files(checkpoint)] == ["model.safetensors"]


def test_a_prompt_has_one_image_token_a_query(captioner):
    rows = captioner._prompt("a short image caption.", 2)
    image_token = captioner.model.config.image_token_id
    assert (rows["input_ids"] == image_token).sum(1).tolist() == [8, 8]


@pytest.mark.parametrize("ids", [[5, 6, 1], [5, 6]])
def test_generated_rows_lose_start_and_padding(captioner, ids):
    row = torch.tensor([[0, *ids, *([0] * 3 if 1 in ids else [])]])
    assert captioner._captions(row) == [ids]
