"""The conditions of a synthetic run: a small Figure 2, and a pruning with its controls."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from store.disk.files import short_hash

Row = dict[str, Any]


@dataclass(frozen=True)
class Condition:
    """One condition: its row, how often it changes a caption, and what is kept of it."""

    id: str
    kind: str
    layers: tuple[int, ...]
    heads: tuple[int, ...]
    spec: Row
    strength: float
    source: str | None = None

    @property
    def row(self) -> Row:
        return {
            "condition_id": self.id,
            "kind": self.kind,
            "layers": list(self.layers),
            "heads": list(self.heads),
            "source": self.source,
            "spec": json.dumps(self.spec, sort_keys=True),
        }


def _spec(edits: list[Row], mean: Row | None = None, pruning: Row | None = None) -> Row:
    return {"edits": edits, "mean": mean, "pruning": pruning}


def edit(kind: str, layers: tuple[int, ...], strength: float, other: str = "") -> Condition:
    """A condition of one edit; `other` names the run whose mean it takes."""
    at = str(layers[0]) if len(layers) == 1 else f"{layers[0]}-{layers[-1]}"
    mean = (
        None
        if kind == "skip"
        else {
            "run": other or None,
            "dataset": "imagenet" if other else "synthetic",
            "n": 500,
            "seed": 0,
            "state": "input",
            "pool": "position",
        }
    )
    return Condition(
        f"{kind}:{at}{'@' if other else ''}{other}",
        kind,
        layers,
        (),
        _spec([{"kind": kind, "layers": list(layers)}], mean),
        strength,
        mean and f"{other or 'synthetic'}, 500 images, seed 0",
    )


def _heads(layer: int, only: int | None, without: tuple[int, ...], n_heads: int) -> Condition:
    kept = {only} if only is not None else set(range(n_heads)) - set(without)
    scale = [float(head in kept) for head in range(n_heads)]
    name = f"only-{only}" if only is not None else f"without-{'+'.join(map(str, without))}"
    named = without if only is None else (only,)
    scaled = {"kind": "heads", "layers": [layer], "scale": {str(layer): scale}}
    return Condition(
        f"heads:{layer}-{name}", "heads", (layer,), named, _spec([scaled]), 1 - len(kept) / n_heads
    )


def sweep_conditions(n_layers: int, n_heads: int) -> list[Condition]:
    """Figure 2 in small: every kind one layer at a time, layers together, another run's mean."""
    half = n_layers // 2
    joint = tuple(range(half, n_layers))
    skip, mean = edit("skip", (1,), 0.5), edit("mean", (2,), 0.5)
    both = Condition(
        f"{skip.id},{mean.id}",
        "mixed",
        (1, 2),
        (),
        {**mean.spec, "edits": [*skip.spec["edits"], *mean.spec["edits"]]},
        0.7,
        mean.source,
    )
    return [
        *(edit("mean", (layer,), 1 - layer / (n_layers + 1)) for layer in range(1, n_layers + 1)),
        *(edit("confuse", (layer,), 0.3) for layer in range(half, n_layers + 1)),
        *(
            edit("skip", (layer,), 0.5 - layer / (2 * n_layers + 2))
            for layer in range(1, n_layers + 1)
            if layer != n_layers - 1
        ),
        edit("mean", joint, 0.8),
        edit("mean", joint, 0.9, "imagenet-1a2b3c4d"),
        _heads(n_layers, 1, (), n_heads),
        _heads(n_layers, None, (0,), n_heads),
        _heads(n_layers, None, (0, 2), n_heads),
        both,
    ]


def prune_conditions(
    name: str, n_layers: int, n_heads: int, sample: Sequence[str]
) -> list[Condition]:
    """Heads of two layers removed by importance, by norm, and by chance with two seeds."""
    chance = np.random.default_rng(5)
    layers = [n_layers - 1, n_layers]
    importance = {str(layer): chance.dirichlet(np.ones(n_heads)).tolist() for layer in layers}
    of_scores = {
        "rule": "paper",
        "metric": "rouge_l",
        "temperature": 0.05,
        "importance": importance,
        "null": {str(layer): 0.9 for layer in layers},
        "above_null": {
            str(layer): [[mean, mean - 0.05, mean + 0.05] for mean in (0.08, 0.01, -0.2)[:n_heads]]
            for layer in layers
        },
        "stability": {
            "samples": 2,
            "jaccard": {str(layer): 0.5 for layer in layers},
            "chance": {str(layer): 0.25 for layer in layers},
            "rank": {str(layer): 0.4 for layer in layers},
        },
    }
    got = []
    for n_pruned in range(1, n_heads):
        for algorithm, seed in (
            ("importance", None),
            ("least_norm", None),
            ("random", 0),
            ("random", 1),
        ):
            by = algorithm == "importance"
            scale = {str(layer): [0.0] * n_heads for layer in layers}
            for layer in layers:
                weight = np.array(importance[str(layer)]) if by else chance.random(n_heads)
                for head in np.argsort(weight)[n_pruned:]:
                    scale[str(layer)][head] = float(n_heads * weight[head]) if by else 1.0
            pruning = {
                "group": name,
                "algorithm": algorithm,
                "seed": seed,
                "n_pruned": n_pruned * len(layers),
                "layers": layers,
                "softmax": "mean-preserving",
                "sample": list(sample),
                **(of_scores if by else dict.fromkeys(of_scores)),
            }
            spec = _spec([{"kind": "heads", "layers": layers, "scale": scale}], None, pruning)
            strength = (0.2 if by else 0.5) * n_pruned / n_heads
            got.append(
                Condition(
                    f"prune:{name}-{short_hash(spec)}", "prune", tuple(layers), (), spec, strength
                )
            )
    return got
