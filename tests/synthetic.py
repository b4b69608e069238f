"""A complete, plausible, random run through the store's public functions; no model needed."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from store.disk.runs import create_run, run_id, update_run
from store.parts.tensors import ImageTensors, TensorWriter
from store.parts.write import mark_complete, stage_folder, write_part
from store.publish.generation import publish as publish_run
from store.schema import BASELINE
from tests.synthetic_scores import write_scores
from tests.synthetic_stages import write_conditions

SUBJECTS = ("penguin", "cactus", "snowman", "camel", "piano", "robot", "whale", "teapot")
PLACES = ("in the desert", "on the beach", "in space", "in the snow")
CATEGORIES = ("biology", "physics", "customs")
PARITY = {
    "passed": True,
    "accepted_mismatch": False,
    "checks": [
        {
            "name": "final_state",
            "value": 2e-7,
            "bound": 1e-4,
            "passed": True,
            "detail": "largest difference of Z^L",
        },
        {
            "name": "captions",
            "value": 0.0,
            "bound": 0.0,
            "passed": True,
            "detail": "captions that differ",
        },
        {
            "name": "attention",
            "value": 1e-7,
            "bound": 1e-4,
            "passed": True,
            "detail": "attention",
        },
        {
            "name": "contributions",
            "value": 3e-8,
            "bound": 1e-5,
            "passed": True,
            "detail": "Eq. 3's sum against MSA",
        },
    ],
}


def make_run(
    results: Path,
    name: str = "synthetic",
    n_images: int = 12,
    n_layers: int = 5,
    n_heads: int = 3,
    grid: tuple[int, int] = (4, 4),
    seed: int = 0,
    with_scores: bool = True,
    publish: bool = True,
    part_size: int = 5,
    conditions: bool = False,
    class_token: bool = True,
) -> Path:
    """Write a run of random numbers that look like a run.

    With `conditions`, there are a sweep, a pruning, head captions and effects of heads, too;
    without `class_token`, it is a run of a tower that has none.

    Returns:
        The run's folder. Layers 1..n_layers have stats, layers 0..n_layers captions; the pictures
        are 64 x 64.
    """
    run = begin_run(Path(results), name, n_layers, n_heads, grid, seed, class_token)
    settings = {"code": 1, "seed": seed}
    capture = stage_folder(run, "capture", settings)
    update_run(run, stages={"capture": capture.name})
    names = []
    for start in range(0, n_images, part_size):
        images = list(range(start, min(start + part_size, n_images)))
        names.append(f"part-{start // part_size:05d}")
        write_capture_part(capture, names[-1], images, n_layers, n_heads, grid, seed, class_token)
    mark_complete(capture, names)
    if with_scores:
        write_scores(run, capture)
    if conditions:
        write_conditions(run, capture, n_layers, n_heads, seed)
    if publish:
        publish_run(run)
    return run


def begin_run(
    results: Path,
    name: str,
    n_layers: int,
    n_heads: int,
    grid: tuple[int, int],
    seed: int,
    class_token: bool = True,
) -> Path:
    """A run with its run.json and no parts."""
    decides = {
        "weights": "0" * 64,
        "seed": seed,
        "n_layers": n_layers,
        "n_heads": n_heads,
        "grid": list(grid),
    }
    return create_run(
        results,
        run_id(name, decides),
        {
            "decides": decides,
            "model": "synthetic",
            "backend": "none",
            "weights_sha256": "0" * 64,
            "dataset": name,
            "dataset_sha256": "1" * 64,
            "n_layers": n_layers,
            "n_heads": n_heads,
            "grid_h": grid[0],
            "grid_w": grid[1],
            "class_token": class_token,
            "prompt": "A short image description.",
            "generation": {"num_beams": 1, "max_new_tokens": 12},
            "config": {"seed": seed},
            "versions": {"python": "3.11", "store": "1"},
            "parity": PARITY,
        },
    )


def image_id(i: int) -> str:
    """The id of the i-th image."""
    return f"img{i:05d}"


def write_capture_part(
    stage: Path,
    name: str,
    images: list[int],
    n_layers: int,
    n_heads: int,
    grid: tuple[int, int],
    seed: int = 0,
    class_token: bool = True,
) -> None:
    """One part of the capture stage; the same arguments give the same rows."""
    expects = {"images": [image_id(i) for i in images]}
    with write_part(stage, name, expects) as part:
        made = [_Scene(i, n_layers, n_heads, grid, seed, class_token) for i in images]
        size = n_layers, n_heads, grid[0] * grid[1] + class_token
        with TensorWriter(part.tensors_path, *size, width=8, class_token=class_token) as writer:
            for scene in made:
                writer.append(scene.tensors)
        part.table("image", [scene.row for scene in made])
        part.table(
            "condition", [{"condition_id": BASELINE, "kind": "baseline", "layers": [], "heads": []}]
        )
        part.table("layer_stat", [row for scene in made for row in scene.layer_stat()])
        part.table("head_stat", [row for scene in made for row in scene.head_stat()])
        part.table("caption", [row for scene in made for row in scene.captions()])
        part.meta = {"batch": [image_id(i) for i in images], "seconds": 0.1 * len(images)}


class _Scene:
    """One image: its arrays, and the rows that follow from them."""

    def __init__(
        self,
        i: int,
        n_layers: int,
        n_heads: int,
        grid: tuple[int, int],
        seed: int,
        class_token: bool,
    ) -> None:
        self.id = image_id(i)
        self.L, self.H = n_layers, n_heads
        self.rng = np.random.default_rng([seed, i])
        self.subjects = self.rng.choice(SUBJECTS, 2, replace=False).tolist()
        self.place = str(self.rng.choice(PLACES))
        self.settles = int(self.rng.integers(0, n_layers + 1))
        self.class_token = class_token
        n = grid[0] * grid[1] + class_token
        logits = self.rng.normal(0, 2, (n_layers, n_heads, n))
        self.attention = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        contribution = self.attention * self.rng.uniform(0.5, 1.5, self.attention.shape)
        norms = self.rng.gamma(9.0, 1.0, (n_layers + 1, n))
        norms[-2:, class_token + i % (n - class_token)] *= 20  # an outlier token
        self.tensors = ImageTensors(
            self.id,
            self.attention,
            contribution,
            norms,
            self.rng.normal(size=(n_layers + 1, 8)),
            _jpeg(self.rng, grid),
        )
        self.row = {
            "image_id": self.id,
            "dataset": "synthetic",
            "source": f"test/{self.id}.jpg",
            "width": 320,
            "height": 240,
            "sha256": f"{i:064x}",
            "label": None if i % 3 else self.subjects[0],
            "category": CATEGORIES[i % 3],
            "refs": [self.text(self.L), f"{self.subjects[0]} and {self.subjects[1]}"],
            "explanation": f"A {self.subjects[0]} is never seen {self.place}.",
        }

    def text(self, layer: int) -> str:
        """Vague at first, then the place, then the subjects; fixed from layer `settles` on."""
        if layer >= self.settles:
            return f"a {self.subjects[0]} next to a {self.subjects[1]} {self.place}"
        other = SUBJECTS[(SUBJECTS.index(self.subjects[0]) + 1 + layer) % len(SUBJECTS)]
        return f"a {other} {self.place}" if layer else "a a a a"

    def layer_stat(self) -> list[dict[str, Any]]:
        if not self.class_token:
            return [self._mean_patch(layer) for layer in range(1, self.L + 1)]
        attn = self.attention[:, :, 1:].sum(-1).mean(1)
        return [
            {
                **_at(self.id, layer),
                "attn_to_patches": attn[layer - 1],
                "delta_attn": attn[layer - 1] - attn[layer - 2] if layer > 1 else None,
                "map_shift": self.rng.uniform() if layer > 1 else None,
                "attn_entropy": self.rng.uniform(0, 3),
                "resid_norm": 5.0 + layer,
                "update_norm": self.rng.gamma(3),
                "attn_norm": self.rng.gamma(2),
                "mlp_norm": self.rng.gamma(2),
                "attn_share": self.rng.normal(0.5, 0.2),
                "patch_update_norm": self.rng.gamma(3),
                "patch_attn_share": self.rng.normal(0.5, 0.2),
                "cos_prev": self.rng.uniform(0.5, 1),
                "n_outlier_tokens": int(layer == self.L),
            }
            for layer in range(1, self.L + 1)
        ]

    def _mean_patch(self, layer: int) -> dict[str, Any]:
        """A row of `layer_stat` of a tower without a class token."""
        maps = self.attention.mean(1)
        now, below = maps[layer - 1], maps[layer - 2]
        return {
            **_at(self.id, layer),
            "received_entropy": -(now * np.log(now)).sum(),
            "received_shift": abs(now - below).sum() / 2 if layer > 1 else None,
            "mean_resid_norm": 5.0 + layer,
            "mean_update_norm": self.rng.gamma(3),
            "mean_attn_norm": self.rng.gamma(2),
            "mean_mlp_norm": self.rng.gamma(2),
            "mean_attn_share": self.rng.normal(0.5, 0.2),
            "patch_update_norm": self.rng.gamma(3),
            "patch_attn_share": self.rng.normal(0.5, 0.2),
            "mean_cos_prev": self.rng.uniform(0.5, 1),
            "n_outlier_tokens": int(layer == self.L),
        }

    def head_stat(self) -> list[dict[str, Any]]:
        if not self.class_token:
            return [
                {
                    **_at(self.id, layer),
                    "head": head,
                    "received_entropy": self.rng.uniform(0, 3),
                    "mean_contribution_norm": self.rng.gamma(2),
                    "mean_contribution_share": self.rng.normal(1 / self.H, 0.1),
                }
                for layer in range(1, self.L + 1)
                for head in range(self.H)
            ]
        return [
            {
                **_at(self.id, layer),
                "head": head,
                "attn_to_patches": self.attention[layer - 1, head, 1:].sum(),
                "attn_entropy": self.rng.uniform(0, 3),
                "contribution_norm": self.rng.gamma(2),
                "contribution_share": self.rng.normal(1 / self.H, 0.1),
            }
            for layer in range(1, self.L + 1)
            for head in range(self.H)
        ]

    def captions(self) -> list[dict[str, Any]]:
        return [
            {
                **_at(self.id, layer),
                "text": (text := self.text(layer)),
                "token_ids": [len(word) for word in text.split()],
                "n_tokens": len(text.split()),
                "mean_logprob": -self.rng.gamma(2, 0.3),
                "final_logprob": -self.rng.gamma(2, 0.3) * (1 + self.L - layer),
            }
            for layer in range(self.L + 1)
        ]


def _at(image: str, layer: int) -> dict[str, Any]:
    return {"condition_id": BASELINE, "image_id": image, "layer": layer}


def _jpeg(rng: np.random.Generator, grid: tuple[int, int]) -> bytes:
    small = Image.fromarray(rng.integers(0, 255, (*grid, 3), dtype=np.uint8))
    buffer = io.BytesIO()
    small.resize((64, 64), Image.Resampling.NEAREST).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
