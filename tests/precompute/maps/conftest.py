"""The shipped captioner on two of its pictures: a random one hardly depends on its picture."""

from typing import NamedTuple

import pytest
import torch

from precompute.config.settings import PROJECT, read_config
from precompute.images import load
from precompute.models import load_captioner


class Shipped(NamedTuple):
    """The captioner, two pictures as it takes them, and its captions of them."""

    captioner: object
    pixels: torch.Tensor
    captions: list


@pytest.fixture(scope="session")
def shipped():
    config = read_config(PROJECT / "precompute/configs/demo.toml")
    captioner = load_captioner(config.model)
    pictures = [item.open() for item in list(load("whoops", PROJECT / config.datasets[0].path))[:2]]
    said = captioner.library_captions(pictures, config.decode.prompt, config.decode.generation)
    return Shipped(captioner, captioner.pixels(pictures), said)
