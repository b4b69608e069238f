"""Random weights for a model of any size, in seconds."""

from typing import Any

import torch
from transformers.initialization import no_init_weights

_NOISE = 1_048_583
"""Random numbers that are made; the weights repeat them. A prime, so that no rows are alike."""


@torch.no_grad()
def filled(model_class: Any, config: Any, dtype: torch.dtype) -> Any:
    """Lay out a model and fill its weights quickly, in evaluation mode.

    Norms start at 1 and biases at 0, all else is noise of a trained model's size: what the states
    are does not matter, that they stay finite does. What is no weight (angles of positions,
    factors) is the library's own.

    Args:
        model_class: of transformers.
        config: its configuration.
        dtype: of the weights.
    """
    with no_init_weights():
        model = model_class._from_config(config, dtype=dtype, attn_implementation="sdpa")
    model.tie_weights()
    once = torch.randn(_NOISE, generator=torch.Generator().manual_seed(0)) * 0.02
    noise = once.to(dtype).repeat(2)
    start = 0
    for name, weight in model.named_parameters():
        if weight.ndim == 1:
            weight.fill_(0.0 if name.endswith("bias") else 1.0)
            continue
        flat = weight.view(-1)
        for at in range(0, len(flat), _NOISE):
            piece = flat[at : at + _NOISE]
            piece.copy_(noise[start : start + len(piece)])
        start = (start + 7919) % _NOISE  # another weight, other noise
    return model.eval().requires_grad_(False)
