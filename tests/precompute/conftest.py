"""A tiny random captioner: the real classes, three layers, every weight and bias random."""

import numpy as np
import pytest
import torch
from PIL import Image

from precompute.demo.model import build_config, build_model, build_processor
from precompute.models.huggingface import HuggingFaceCaptioner, view_tower


@pytest.fixture(scope="session")
def captioner():
    processor = build_processor()
    model = build_model(build_config(processor, layers=3, width=32)).eval().requires_grad_(False)
    torch.manual_seed(1)
    for name, weight in model.named_parameters():
        # Biases start at 0 and norms at 1, which would hide a bias or a norm in the wrong place.
        if weight.ndim == 1 or "token" in name:
            weight.add_(torch.randn_like(weight) * 0.3)
    return HuggingFaceCaptioner(model, processor, view_tower(model.vision_model))


@pytest.fixture(scope="session")
def pictures():
    rng = np.random.default_rng(0)
    return [
        Image.fromarray(rng.integers(0, 256, (48 + 16 * i, 64, 3), dtype=np.uint8))
        for i in range(5)
    ]


@pytest.fixture(scope="session")
def pixels(captioner, pictures):
    return captioner.pixels(pictures)
