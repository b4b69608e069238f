"""What either library makes of the same weights and pictures, as arrays for a file."""

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import layer_norm

from precompute.config.settings import PROJECT, DecodeConfig, Generation, read_config
from precompute.forward.capture import capture
from precompute.forward.decode import decode_layers
from precompute.forward.layers import run_states
from precompute.images import load_dataset
from precompute.pipeline import first_pictures

PROMPT = "a short image caption."
GREEDY = DecodeConfig(prompt=PROMPT, batch_size=7, generation=Generation(max_new_tokens=6))


def pictures():
    """Five pictures of noise, of several sizes."""
    rng = np.random.default_rng(0)
    return [
        Image.fromarray(rng.integers(0, 256, (48 + 16 * i, 64, 3), dtype=np.uint8))
        for i in range(5)
    ]


def tokens(captions):
    """Token ids as [layer, image, token], -1 behind the end."""
    longest = max(len(c.token_ids) for layer in captions for c in layer)
    return np.array(
        [
            [[*c.token_ids, *[-1] * (longest - len(c.token_ids))] for c in layer]
            for layer in captions
        ]
    )


@torch.inference_mode()
def demo_tokens(captioner):
    """What is said of the demo's first pictures, layer by layer."""
    demo = read_config(PROJECT / "precompute/configs/demo.toml")
    pixels = captioner.pixels(first_pictures(load_dataset(demo.datasets[0]), 16))
    states = capture(captioner.tower, pixels).states
    return tokens(decode_layers(captioner, states, demo.decode))


@torch.inference_mode()
def numbers(captioner):
    """Everything that Peel computes of a captioner: no part of this knows which library it is."""
    pixels = captioner.pixels(pictures())
    made = capture(captioner.tower, pixels)
    captions = decode_layers(captioner, made.states, GREEDY)
    memory = captioner.read(made.states[-1], PROMPT)
    return {
        "pixels": pixels.numpy(),
        "states": torch.stack(made.states).numpy(),
        "cls_pattern": made.attention.numpy(),
        "contribution": made.contribution.numpy(),
        "memory": memory.hidden.numpy(),
        "tokens": tokens(captions),
        "mean_logprob": np.array([[c.mean_logprob for c in layer] for layer in captions]),
        "final_logprob": np.array([[c.final_logprob for c in layer] for layer in captions]),
        **_in_float64(captioner, pixels),
    }


def _in_float64(captioner, pixels):
    """States and the Q-Former's output without what float32 rounds away; leaves the model so.

    Not what follows: LAVIS's last norm and T5's norms are float32 whatever the weights are.
    """
    captioner.model.double()
    embedded = captioner.tower.embed(pixels.double())
    states = [embedded, *run_states(captioner.tower, embedded)]
    normal = layer_norm(states[-1], states[-1].shape[-1:])
    return {
        "states_float64": torch.stack(states).numpy(),
        "queries_float64": captioner._queries(normal, PROMPT).numpy(),
    }
