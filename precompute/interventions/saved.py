"""The main condition of a pruning as a file, so that it can be applied to other data sets."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from precompute.interventions.conditions import Condition, Edit, Shape, check
from store.disk import write_json

SAVED = "file:"
"""Before the path of such a file, as an entry of `conditions`."""

FILE_NAME = "condition.json"
"""In the folder of the condition's captions."""


def save_condition(stage: Path, condition: Condition, run: Mapping[str, Any]) -> None:
    """Write a condition beside its captions.

    Args:
        stage: the folder of the captions.
        condition: the main one of a pruning.
        run: run.json of the run that it comes from.
    """
    write_json(
        stage / FILE_NAME,
        {
            "condition_id": condition.id,
            "name": condition.name,
            "run": run["run_id"],
            "weights_sha256": run["weights_sha256"],
            **condition.spec(run["dataset"]),
        },
    )


def saved(path: Path, run: Mapping[str, Any]) -> list[Condition]:
    """The main condition of a pruning, for other data sets of the same model.

    Args:
        path: its `condition.json`.
        run: run.json of the run that it is to be applied to.

    Returns:
        The condition; none for the run that it comes from, which has it.

    Raises:
        ValueError: no such file, or it does not fit the run's model.
    """
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        edits = [
            Edit(edit["kind"], (int(at),), tuple(scale))
            for edit in read["edits"]
            for at, scale in edit["scale"].items()
        ]
        condition = Condition(tuple(edits), name=read["name"], pruning=read["pruning"])
        made_by, weights = read["run"], read["weights_sha256"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"expected the {FILE_NAME} of a pruning at {path}; got {error!r}. It lies in a run's "
            "folder parts/pruning.<name>-<hash>."
        ) from error
    if weights != run["weights_sha256"]:
        raise ValueError(
            f"a saved pruning belongs to one model; {path} is of weights {weights[:12]}, this "
            f"run's are {run['weights_sha256'][:12]}. Prune this model."
        )
    check(condition, Shape(run["n_layers"], run["n_heads"]))
    return [] if made_by == run["run_id"] else [condition]
