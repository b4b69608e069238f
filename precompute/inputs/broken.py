"""Any edit of the input, done to a batch as the tower takes it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from precompute.forward import BatchSize, attend, fitting, pattern_of, run_states
from precompute.inputs.attack import descend
from precompute.inputs.corruptions import corrupt
from precompute.inputs.edits import Attack, Corruption, InputEdit, Occlusion
from precompute.inputs.patches import cover, reorder
from precompute.models import Captioner, as_read


@dataclass(frozen=True)
class Clean:
    """A batch as it is before it is broken.

    Attributes:
        ids: of the images.
        pixels: as the tower takes them.
        states: Z^0..Z^L.
        captions: token ids of the final captions.
        prompt: of the captions.
    """

    ids: Sequence[str]
    pixels: Float[Tensor, "batch 3 y x"]
    states: Sequence[Float[Tensor, "batch token width"]]
    captions: Sequence[Sequence[int]]
    prompt: str


def break_pixels(
    captioner: Captioner, edit: InputEdit, clean: Clean
) -> Float[Tensor, "batch 3 y x"]:
    """The pixels of a batch, broken.

    What is broken is the picture at the tower's own size, after every cut and resize: corruptions
    in 8 bits, as ImageNet-C's are, an attack in the values that the tower takes.
    """
    tower, pixels = captioner.tower, clean.pixels
    if isinstance(edit, Corruption):
        return _corrupted(captioner, edit, clean)
    if isinstance(edit, Attack):
        return _attacked(captioner, edit, clean)
    n_patches = tower.grid[0] * tower.grid[1]
    if isinstance(edit, Occlusion):
        order = _looked_at(captioner, clean) if edit.by_map else _drawn(edit.seed, clean, n_patches)
        return cover(pixels, order, edit.percent / 100, tower.grid)
    return reorder(pixels, _drawn(edit.seed, clean, n_patches), tower.grid)


def seed_of(image_id: str, what: str) -> int:
    """A seed of 32 bits for one image and purpose, the same on every machine."""
    return int.from_bytes(hashlib.sha256(f"{what} {image_id}".encode()).digest()[:4], "big")


def _drawn(seed: int, clean: Clean, n_patches: int) -> Int[Tensor, "batch patch"]:
    """Every image's own order of its patches."""
    orders = [
        np.random.RandomState(seed_of(image_id, f"patches {seed}")).permutation(n_patches)
        for image_id in clean.ids
    ]
    return torch.from_numpy(np.stack(orders))


def _looked_at(captioner: Captioner, clean: Clean) -> Int[Tensor, "batch patch"]:
    """Patches in the order of the last layer's map, mean over heads, the largest first."""
    tower = captioner.tower
    heads = attend(tower, tower.n_layers, clean.states[-2]).heads
    pattern = pattern_of(tower, tower.blocks[-1], heads)
    return tower.patches(pattern).mean(1).argsort(dim=1, descending=True, stable=True).cpu()


def _corrupted(captioner: Captioner, edit: Corruption, clean: Clean) -> Tensor:
    black, white = _ends(captioner)
    values = (clean.pixels.float() - black) / (white - black)
    pictures = (values.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    broken = [
        corrupt(picture, edit.name, edit.severity, seed_of(image_id, f"{edit.name} {edit.seed}"))
        for picture, image_id in zip(pictures, clean.ids, strict=True)
    ]
    back = torch.from_numpy(np.stack(broken)).permute(0, 3, 1, 2).to(black) / 255
    return (black + back * (white - black)).to(clean.pixels.dtype)


@torch.inference_mode(False)
def _attacked(captioner: Captioner, edit: Attack, clean: Clean) -> Tensor:
    """Of the unedited model, whatever else the condition edits; halved where memory runs out."""
    black, white = _ends(captioner)
    wanted = None if edit.target is None else captioner.token_ids(edit.target)
    values = ((clean.pixels.float() - black) / (white - black)).clamp(0, 1)

    def as_pixels(values: Tensor) -> Tensor:
        return (black + values * (white - black)).to(clean.pixels.dtype)

    def attack(batch: list[int]) -> Tensor:
        captions = [wanted or clean.captions[i] for i in batch]

        def objective(values: Tensor) -> Tensor:
            tower = captioner.tower
            states = [tower.embed(as_pixels(values))]
            states += run_states(tower, states[0])
            read = captioner.read(as_read(captioner, tower.n_layers, states), clean.prompt)
            logprob = captioner.logprob(read, captions)
            return logprob if wanted is None else -logprob

        return descend(values[batch], objective, edit.eps / 255, edit.step / 255, edit.n)

    size = BatchSize(len(clean.ids), "capture.batch_size")
    found = [of_batch for _, of_batch in fitting(range(len(clean.ids)), size, attack)]
    return as_pixels(torch.cat(found))


def _ends(captioner: Captioner) -> tuple[Float[Tensor, "3 1 1"], Float[Tensor, "3 1 1"]]:
    """What a black and a white pixel are once normalised, which is affine in every family."""
    plain = [Image.new("RGB", (64, 64), colour) for colour in ("black", "white")]
    black, white = captioner.pixels(plain).float()[:, :, :1, :1]
    return black, white
