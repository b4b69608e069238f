"""Where a run's numbers come from, in rows that pages and reports show."""

from collections.abc import Mapping
from typing import Any

_FACTS = (
    "run_id",
    "created_at",
    "model",
    "backend",
    "weights_sha256",
    "dataset",
    "dataset_sha256",
    "layout",
    "n_layers",
    "n_heads",
    "grid_h",
    "grid_w",
    "class_token",
    "prompt",
)


def facts(info: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What decided a run's numbers: names and values of run.json, as far as it has them."""
    said = {name: info[name] for name in _FACTS if info.get(name) is not None}
    return [
        (name.replace("_", " "), ("no", "yes")[value] if isinstance(value, bool) else str(value))
        for name, value in said.items()
    ]
