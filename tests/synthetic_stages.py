"""The stages of a synthetic run's conditions, head captions and effects of heads.

Everything follows from the captions of the capture stage and a seed, as the real stages' does.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from store.disk.runs import update_run
from store.parts.write import (
    Part,
    list_parts,
    mark_complete,
    read_part,
    read_table,
    stage_folder,
    write_part,
)
from store.schema import BASELINE, NO_HEAD
from tests.synthetic_conditions import Condition, edit, prune_conditions, sweep_conditions
from tests.synthetic_scores import METRICS, value

Row = dict[str, Any]
Trajectories = dict[str, dict[int, str]]
"""Image -> layer -> caption."""

_N_EXACT = 5
"""Heads of an image whose removal is measured."""


def write_conditions(run: Path, capture: Path, n_layers: int, n_heads: int, seed: int) -> None:
    """A sweep, a sweep of all layers, a pruning, head captions and effects of heads.

    Needs at least 4 layers and 3 heads.
    """
    parts = list_parts(capture)
    images = read_table(parts, "image")["image_id"].to_pylist()
    sweep = sweep_conditions(n_layers, n_heads)
    _write_captions(run, "sweep.figure2", parts, sweep, [n_layers], seed)
    every = list(range(n_layers + 1))
    deep = [edit("skip", (n_layers - 1,), 0.4)]
    _write_captions(run, "sweep.deep", parts, deep, every, seed, captured=True)
    pruned = prune_conditions("demo", n_layers, n_heads, images[: max(1, len(images) // 4)])
    _write_captions(run, "pruning.demo", parts, pruned, every, seed, captured=True)
    _write_heads(run, parts, [n_layers - 1, n_layers], n_heads, seed)
    _write_effects(run, parts, n_layers, n_heads, seed)


def _write(
    run: Path,
    label: str,
    parts: Sequence[Part],
    tables: Callable[[Part], Mapping[str, Sequence[Row]]],
) -> Path:
    """A stage whose parts are named as the capture's; `tables` gives their rows."""
    stage = stage_folder(run, label, {"synthetic": 1})
    for part in parts:
        with write_part(stage, part.name) as written:
            for name, rows in tables(part).items():
                written.table(name, rows)
    mark_complete(stage, [part.name for part in parts])
    update_run(run, stages={label: stage.name})
    return stage


def _trajectories(part: Part) -> Trajectories:
    got: Trajectories = {}
    for row in read_table([part], "caption").to_pylist():
        got.setdefault(row["image_id"], {})[row["layer"]] = row["text"]
    return got


def _chance(seed: int, *part: object) -> np.random.Generator:
    return np.random.default_rng([seed, *"\0".join(map(str, part)).encode()])


def _caption(condition: str, image: str, layer: int, text: str) -> Row:
    return {
        "condition_id": condition,
        "image_id": image,
        "layer": layer,
        "text": text,
        "token_ids": [len(word) for word in text.split()],
        "n_tokens": len(text.split()),
    }


def _write_captions(
    run: Path,
    label: str,
    parts: Sequence[Part],
    conditions: Sequence[Condition],
    layers: Sequence[int],
    seed: int,
    captured: bool = False,
) -> None:
    def tables(part: Part) -> dict[str, list[Row]]:
        made: dict[str, list[Row]] = {"condition": [c.row for c in conditions]}
        made["caption"] = [
            row for c in conditions for row in _captions(_trajectories(part), c, layers, seed)
        ]
        for name in ("layer_stat", "head_stat") if captured else ():
            made[name] = [
                _shaken(row, c, seed)
                for c in conditions
                for row in read_table([part], name).to_pylist()
            ]
        return made

    stage = _write(run, label, parts, tables)
    for metric in METRICS:
        _write(
            run,
            f"score.{metric}.{label}",
            parts,
            lambda part, m=metric: {"score": _scores(read_part(stage / part.name), part, m)},
        )


def _captions(
    trajectories: Trajectories, condition: Condition, layers: Sequence[int], seed: int
) -> list[Row]:
    rows = []
    for image, captions in trajectories.items():
        chance = _chance(seed, condition.id, image)
        changed = bool(chance.random() < condition.strength)
        for layer in layers:
            text = captions[layer]
            if changed and layer >= min(condition.layers):
                text = {"mean": "a a a a a", "confuse": f"a black and white photo of {text}"}.get(
                    condition.kind, " ".join(text.split()[:-1])
                )
            mine = -chance.gamma(2, 0.3)
            rows.append(
                {
                    **_caption(condition.id, image, layer, text),
                    "mean_logprob": mine,
                    "final_logprob": mine - changed * chance.gamma(2, 1.0),
                }
            )
    return rows


def _shaken(row: Row, condition: Condition, seed: int) -> Row:
    """A row of statistics that differs from the baseline's from the edited layers on."""
    chance = _chance(seed, condition.id, row["image_id"], row["layer"], row.get("head", 0))
    touched = row["layer"] >= min(condition.layers)
    return {
        name: values * chance.uniform(0.7, 1.1) if touched and isinstance(values, float) else values
        for name, values in row.items()
    } | {"condition_id": condition.id}


def _scores(captions: Part, capture: Part, metric: str) -> list[Row]:
    """Against the baseline and the references; with all layers, `previous` and `final`, too."""
    refs = {row["image_id"]: row["refs"] for row in read_table([capture], "image").to_pylist()}
    baseline = _trajectories(capture)
    texts: dict[tuple[str, str], dict[int, str]] = {}
    for row in read_table([captions], "caption").to_pylist():
        texts.setdefault((row["condition_id"], row["image_id"]), {})[row["layer"]] = row["text"]
    rows = []
    for (condition, image), trajectory in texts.items():
        for layer, text in trajectory.items():
            against = {"baseline": [baseline[image][layer]], "reference": refs[image]}
            if len(trajectory) > 1:
                against["final"] = [trajectory[max(trajectory)]]
                against["previous"] = [trajectory[layer - 1]] if layer else []
            rows += [
                {
                    "condition_id": condition,
                    "image_id": image,
                    "layer": layer,
                    "metric": metric,
                    "against": kind,
                    "value": value(metric, text, others),
                }
                for kind, others in against.items()
            ]
    return rows


def _write_heads(
    run: Path, parts: Sequence[Part], layers: Sequence[int], n_heads: int, seed: int
) -> None:
    """What every head of some layers says: its layer's caption, less some words."""

    def captions(part: Part) -> dict[str, list[Row]]:
        rows = []
        for image, trajectory in _trajectories(part).items():
            for layer in layers:
                for head in range(NO_HEAD, n_heads):
                    chance = _chance(seed, "head", image, layer, head)
                    words = [w for w in trajectory[layer].split() if chance.random() < 0.7] or ["a"]
                    rows.append(
                        {
                            **_caption(BASELINE, image, layer, " ".join(words)),
                            "head": head,
                            "mean_logprob": -chance.gamma(2, 0.3),
                            "final_logprob": -chance.gamma(2, 1.0),
                        }
                    )
        return {"head_caption": rows}

    stage = _write(run, "heads", parts, captions)
    for metric in METRICS:
        _write(
            run,
            f"score.{metric}.heads",
            parts,
            lambda part, m=metric: {
                "head_score": _head_scores(read_part(stage / part.name), part, m)
            },
        )


def _head_scores(heads: Part, capture: Part, metric: str) -> list[Row]:
    refs = {row["image_id"]: row["refs"] for row in read_table([capture], "image").to_pylist()}
    trajectories, rows = _trajectories(capture), []
    for row in read_table([heads], "head_caption").to_pylist():
        image, layer = row["image_id"], row["layer"]
        against = {
            "baseline": [trajectories[image][layer]],
            "previous": [trajectories[image][layer - 1]],
            "reference": refs[image],
        }
        at = {name: row[name] for name in ("condition_id", "image_id", "layer", "head")}
        rows += [
            {**at, "metric": metric, "against": kind, "value": value(metric, row["text"], others)}
            for kind, others in against.items()
        ]
    return rows


def _write_effects(
    run: Path, parts: Sequence[Part], n_layers: int, n_heads: int, seed: int
) -> None:
    """Gradients of all heads; the exact change of some of them, which nearly follows."""

    def tables(part: Part) -> dict[str, list[Row]]:
        rows, stats = [], []
        for image in _trajectories(part):
            chance = _chance(seed, "effect", image)
            gradient = chance.normal(0.02, 0.1, (n_layers, n_heads))
            without = -gradient + chance.normal(0, 0.05, gradient.shape)
            measured = chance.permutation(gradient.size)[:_N_EXACT]
            rows += [
                {
                    "condition_id": BASELINE,
                    "image_id": image,
                    "layer": k // n_heads + 1,
                    "head": k % n_heads,
                    "gradient": gradient.flat[k],
                    "without": without.flat[k] if k in measured else None,
                }
                for k in range(gradient.size)
            ]
            ranks = [
                np.argsort(np.argsort(values.ravel()[measured])) for values in (-gradient, without)
            ]
            stats.append(
                {
                    "condition_id": BASELINE,
                    "image_id": image,
                    "metric": "head_effect_rank_correlation",
                    "value": float(np.corrcoef(*ranks)[0, 1]),
                }
            )
        return {"head_effect": rows, "image_stat": stats}

    _write(run, "head_effect", parts, tables)
