"""Broken pictures and pairs of a synthetic run, beside what `tests.synthetic` writes."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from store.disk import read_run
from store.parts import list_parts, read_table
from store.parts.write import stage_folder, write_part
from store.publish.generation import publish
from tests.synthetic import make_run

BROKEN: dict[str, dict[str, Any]] = {
    "gaussian_noise@1": {"kind": "corrupt", "name": "gaussian_noise", "severity": 1, "seed": 0},
    "gaussian_noise@5": {"kind": "corrupt", "name": "gaussian_noise", "severity": 5, "seed": 0},
    "occlude:30:map": {"kind": "occlude", "percent": 30, "seed": 0, "by_map": True},
    "pgd:eps=4,step=1,n=2": {"kind": "pgd", "eps": 4.0, "step": 1.0, "n": 2, "target": None},
}
SITES = ("changed", "rest", "cls", "attention", "mlp")


def make_caused(
    results: Path, n_images: int, n_layers: int, n_heads: int, n_pairs: int = 3
) -> Path:
    """A run with broken pictures and pairs; its grid is 4 x 4."""
    run = make_run(results, "caused", n_images, n_layers, n_heads, publish=False, with_scores=False)
    _add_broken(run)
    _add_pairs(run, n_layers, n_heads, 16, n_pairs)
    publish(run)
    return run


def _add_broken(run: Path) -> None:
    """Conditions on the picture, at all layers, with scores and cosines."""
    parts = list_parts(run / "parts" / read_run(run)["stages"]["capture"])
    captions = read_table(parts, "caption").to_pandas()
    rng = np.random.default_rng(5)
    rows: dict[str, list[dict[str, Any]]] = {"condition": [], "caption": [], "score": []}
    rows["score"] += [
        {"condition_id": "baseline", "image_id": row["image_id"], "layer": row["layer"]}
        | {"metric": "repetition", "against": "self", "value": rng.random()}
        for row in captions.to_dict("records")
    ]
    for condition, edit in BROKEN.items():
        spec = json.dumps({"edits": [], "mean": None, "pruning": None, "input": edit})
        rows["condition"].append(
            {"condition_id": condition, "kind": edit["kind"], "layers": [], "heads": []}
            | {"source": None, "spec": spec}
        )
        for row in captions.to_dict("records"):
            changed = rng.random() < (0.2 if condition.endswith("@1") else 0.6)
            text = f"{row['text']} in fog" if changed else row["text"]
            key = {name: row[name] for name in ("image_id", "layer")} | {"condition_id": condition}
            rows["caption"].append({**row, **key, "text": text})
            for metric, value in (("exact", float(not changed)), ("state_cosine", rng.random())):
                rows["score"].append(
                    {**key, "metric": metric, "against": "baseline", "value": value}
                )
            rows["score"].append(
                {**key, "metric": "repetition", "against": "self", "value": rng.random()}
            )
    with write_part(stage_folder(run, "sweep.broken", {}), "all") as part:
        for name, every in rows.items():
            part.table(name, every)


def _add_pairs(run: Path, n_layers: int, n_heads: int, n_patches: int, n_pairs: int) -> None:
    """Pairs of pictures, the last of which have one caption and are not patched."""
    rng = np.random.default_rng(6)
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(file, "JPEG")
    picture = base64.b64encode(file.getvalue()).decode()
    pairs, stories, effects = [], [], []
    for i in range(n_pairs):
        told = i < n_pairs - 1
        pairs.append(
            {
                "pair": f"{i:02}",
                "changed": "subject",
                "caption_a": "a cat",
                "caption_b": None,
                "final_a": "a cat on a mat",
                "final_b": "a dog on a mat" if told else "a cat on a mat",
                "span_a": 3.0 if told else None,
                "span_b": 2.5 if told else None,
                "changed_patches": [0, 3],
                "picture_a": picture,
                "picture_b": picture,
            }
        )
        for side in "ab":
            at = {"pair": f"{i:02}", "side": side}
            stories += [
                {**at, "layer": layer, "text": f"story {side} of {layer}"}
                for layer in range(n_layers + 1)
            ]
            if told:
                effects += [at | row for row in _effects(rng, n_layers, n_heads, n_patches)]
    with write_part(stage_folder(run, "patching", {}), "pairs-000000") as part:
        part.table("patch_pair", pairs)
        part.table("patch_story", stories)
        part.table("patch_effect", effects)


def _effects(
    rng: np.random.Generator, n_layers: int, n_heads: int, n_patches: int
) -> list[dict[str, Any]]:
    def row(site: str, layer: int, position: int, chosen: str | None) -> dict[str, Any]:
        gradient, exact = rng.normal(size=2)
        return {
            "site": site,
            "layer": layer,
            "position": position,
            "gradient": None if site in ("changed", "rest") else gradient,
            "exact": exact if chosen else None,
            "chosen": chosen,
        }

    rows = [
        row(site, layer, -1, "all")
        for site in SITES
        for layer in range(site in ("attention", "mlp"), n_layers + 1)
    ]
    for site, first, n in (("head", 1, n_heads), ("patch", 0, n_patches)):
        places = [(layer, k) for layer in range(first, n_layers + 1) for k in range(n)]
        for i, (layer, k) in enumerate(places):
            rows.append(row(site, layer, k, "top" if i < 4 else "random" if i < 8 else None))
    return rows
