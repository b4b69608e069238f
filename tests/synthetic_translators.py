"""Readers of a synthetic run: one that reads more than the native one at two layers, and controls.

Image 0 is one of those that fitted them, and has no captions by them.
"""

import json
from pathlib import Path

import numpy as np

from store import open_run
from store.disk.runs import update_run
from store.parts.write import mark_complete, stage_folder, write_part
from store.publish.generation import publish
from store.schema import BASELINE
from tests.synthetic import image_id, make_run

GAIN = "grounded_gain_rouge_l"
HIDDEN = (2, 3)
"""The layers at which only the tuned reader reads what is there."""
ROLES = ("tuned", "bias", "untrained", "jacobian")


def condition_of(role: str) -> str:
    """The id of a reader's condition."""
    return {"native": BASELINE, "tuned": "tuned"}.get(role, f"tuned-{role}")


def _condition(role: str) -> dict[str, object]:
    spec = {"reader": role, "of": "tuned", "dataset": "other", "rank": 8}
    return {
        "condition_id": condition_of(role),
        "kind": "reader",
        "layers": [],
        "heads": [],
        "source": "other, 30 images fit and 10 choose, seed 0",
        "spec": json.dumps({"reader": spec}),
    }


def gain_of(role: str, layer: int, top: int) -> float:
    """The mean gain of a reader."""
    if layer in HIDDEN and role == "tuned":
        return 0.6
    if layer == top or layer > max(HIDDEN):
        return 0.8 if role != "untrained" else 0.1
    return 0.1


def with_readers(folder: Path, n_images: int = 14, n_layers: int = 5) -> Path:
    """Make a run, and put readers into it; published."""
    run = make_run(folder, "read", n_images=n_images, n_layers=n_layers)
    with open_run(run) as opened:
        captions = opened.table("caption", "condition_id = 'baseline'")
    rng = np.random.default_rng(7)
    stage = stage_folder(run, "readers.tuned", {"version": 1})
    read = captions[captions["image_id"] != image_id(0)]
    with write_part(stage, "all") as part:
        part.table("condition", [_condition(role) for role in ROLES])
        part.table(
            "caption",
            [
                row | {"condition_id": condition_of(role), "text": f"{role} {row['text']}"}
                for role in ROLES
                for row in read.to_dict("records")
            ],
        )
        part.table(
            "score",
            [
                {
                    "condition_id": condition_of(role),
                    "image_id": row.image_id,
                    "layer": row.layer,
                    "metric": metric,
                    "against": against,
                    "value": value + rng.normal(0, 0.05),
                }
                for role in ("native", *ROLES)
                for row in (captions if role == "native" else read).itertuples()
                for metric, against, value in (
                    (GAIN, "shuffled", gain_of(role, row.layer, n_layers)),
                    ("final_kl", "final", 1.0 - row.layer / n_layers),
                    ("state_error", "final", 1.0 - row.layer / n_layers),
                )
            ],
        )
    mark_complete(stage, ["all"])
    update_run(run, stages={"readers.tuned": stage.name})
    publish(run)
    return run
