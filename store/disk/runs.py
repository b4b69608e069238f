"""A run's folder: its name, and run.json."""

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from store.disk.files import canonical, make_folder, short_hash, write_json
from store.disk.gate import read_json, refuse_links
from store.disk.manifests import RunJson
from store.errors import FolderRefused, PartDamaged, RunMismatch, RunNotFound
from store.schema import SCHEMA_VERSION, TABLES

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_FIXED = ("run_id", "decides", "created_at")


def now() -> str:
    """The present moment, UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def check_name(name: str, what: str) -> str:
    """Return `name` if it can be a file name everywhere.

    Raises:
        ValueError: anything but letters, digits, dot, dash and underscore, or a leading dot.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{what} must be letters, digits, '.', '-' or '_', not starting with '.'; "
            f"got {name!r}. Rename it."
        )
    return name


def run_id(name: str, decides: Mapping[str, Any]) -> str:
    """A readable name and 8 hex digits of all that decides the run's numbers.

    Args:
        name: what people call the run.
        decides: JSON values: fingerprints, prompt, generation, dtype, versions, batches ...

    Returns:
        For instance ``whoops-1a2b3c4d``; the same for equal `decides` in any order of keys.
    """
    return f"{check_name(name, 'run name')}-{short_hash(decides)}"


def results_folder() -> Path:
    """Where runs are, unless a command names it: PEEL_RESULTS, or RESULTS, else `results`."""
    return Path(os.environ.get("PEEL_RESULTS") or os.environ.get("RESULTS") or "results")


def require_usable(results: Path) -> Path:
    """The folder of all runs, if DuckDB opens files below it by their names.

    Raises:
        FolderRefused: it takes `?` for the start of options, a backslash for a slash, and no
            other bytes than UTF-8.
    """
    place = str(Path(results).absolute())
    wrong = [character for character in "?\\" if character in place]
    if any("\ud800" <= character <= "\udfff" for character in place):
        wrong.append("bytes that are no UTF-8")
    if wrong:
        raise FolderRefused(
            f"the folder of results must lie under names without ? and \\, in UTF-8; {place!r} has "
            f"{' and '.join(wrong)}, and DuckDB would open other files. Rename it, or name another "
            "with --results."
        )
    return Path(results)


def create_run(results: Path, run_id: str, manifest: Mapping[str, Any]) -> Path:
    """Make a run's folder with its run.json, or return the one that is there.

    Args:
        results: the folder of all runs; made if need be.
        run_id: from `run_id`.
        manifest: the columns of table `run` (objects stay objects) and ``decides``.
            `run_id`, `created_at` and `schema_version` are filled in, `class_token` is true
            unless given.

    Returns:
        The run's folder. An existing run.json is kept as it is.

    Raises:
        RunMismatch: the folder's run has another ``decides``.
        FolderRefused: see `require_usable`.
        ValueError: no ``decides``, or a name that cannot be a folder.
    """
    if "decides" not in manifest:
        raise ValueError("a run's manifest must say what decides its numbers; got no 'decides'.")
    run = require_usable(results) / check_name(run_id, "run id")
    make_folder(run / "parts")
    refuse_links(run)
    with FileLock(run / ".run.lock"):
        if (run / "run.json").exists():
            _check_same(run, manifest["decides"])
        else:
            columns = {**dict.fromkeys(TABLES["run"].columns), "class_token": True}
            fixed = {"run_id": run_id, "schema_version": SCHEMA_VERSION}
            write_json(run / "run.json", {**columns, "created_at": now(), **manifest, **fixed})
    return run


def _check_same(run: Path, decides: object) -> None:
    there = read_run(run).get("decides")
    if canonical(there) == canonical(decides):
        return
    differing = "everything"
    if isinstance(there, dict) and isinstance(decides, Mapping):
        keys = sorted({*there, *decides})
        differing = ", ".join(k for k in keys if there.get(k) != decides.get(k))
    raise RunMismatch(
        f"{run.name} was to be a run with the same settings; its run.json differs in: "
        f"{differing}. Use another name, or move that folder away."
    )


def read_run(run: Path) -> dict[str, Any]:
    """A run's run.json; its `class_token` is true where it does not say, as older ones do not.

    Raises:
        RunNotFound: there is no run.json.
        PartDamaged: it is not JSON, or does not say what a run.json says.
    """
    path = Path(run) / "run.json"
    try:
        return {"class_token": True, **read_json(path, RunJson)}
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RunNotFound(
            f"expected a run with its run.json in {run}; got none. "
            "`make demo` makes a run; `python -m precompute run` makes a real one."
        ) from error
    except ValueError as error:
        raise PartDamaged(
            f"{path} must be the run.json of a run; got: {error}. Restore it from a copy."
        ) from error


def update_run(run: Path, **fields: Any) -> None:
    """Replace fields of run.json in one rename; concurrent updates follow one another.

    Args:
        run: the run's folder.
        fields: new values. ``stages`` is merged into what is there (stage -> folder name).

    Raises:
        ValueError: a field that identifies the run.
    """
    if fixed := set(fields) & set(_FIXED):
        raise ValueError(
            f"{', '.join(sorted(fixed))} identify a run and never change. Make another run."
        )
    with FileLock(Path(run) / ".run.lock"):
        there = read_run(run)
        if "stages" in fields:
            fields["stages"] = {**there.get("stages", {}), **fields["stages"]}
        new = {**there, **fields}
        if new != there:
            write_json(Path(run) / "run.json", new)


def list_runs(results: Path) -> list[Path]:
    """The folders in `results` that hold a run.json, by name; none if there is no such folder."""
    results = Path(results)
    if not results.is_dir():
        return []
    return sorted(p.parent for p in results.glob("*/run.json") if not p.parent.name.startswith("."))
