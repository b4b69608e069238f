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


def nearest(info: Mapping[str, Any]) -> str:
    """That captions are texts of a list, in sentences; empty where a model writes them."""
    texts = info.get("texts")
    if not texts:
        return ""
    sigmoid = (
        ""
        if info.get("class_token", True)
        else " SigLIP itself asks of each text alone whether it fits, which is not what is shown."
    )
    return (
        "This model writes nothing: a caption is the nearest text to the picture of a list of "
        f"{len(texts):,}, each put to it as “{info.get('prompt')}”; log-probabilities are of the "
        f"choice among these alone.{sigmoid}"
    )


def facts(info: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What decided a run's numbers: names and values of run.json, as far as it has them."""
    said = {name: info[name] for name in _FACTS if info.get(name) is not None}
    return [
        (name.replace("_", " "), ("no", "yes")[value] if isinstance(value, bool) else str(value))
        for name, value in said.items()
    ]
