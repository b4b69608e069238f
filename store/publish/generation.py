"""From parts to the file that readers open: a new generation, then one rename of a link.

Writers and readers never share a file: a generation is built under a name of its own, and what
readers hold open stays as it is until they let go.
"""

import itertools
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from filelock import FileLock, Timeout

from store.disk import (
    LINK,
    Owner,
    current_generation,
    file_sha256,
    fsync,
    list_generations,
    read_run,
    read_sidecar,
    require_usable,
    short_hash,
    sidecar_path,
    write_json,
)
from store.errors import (
    NotPublished,
    PublishFailed,
    PublishLocked,
    PublishRefused,
    StageMixed,
)
from store.parts import Part, list_parts, remove_unfinished
from store.publish import build, summaries
from store.schema import SCHEMA_VERSION, TABLES

GRACE_SECONDS = 600.0
"""How long a superseded generation stays for readers that are about to open it."""

_MEMORY = "768MB"
"""Of DuckDB, which keeps what it has written until this is full; with 512 MB sorting fails."""


@dataclass(frozen=True)
class Generation:
    """A published state of a run.

    Attributes:
        number: counts up from 1.
        path: its DuckDB file.
        created: False if nothing had changed and the one before still stands.
        rows: table -> number of rows.
        seconds: how long it took to build.
    """

    number: int
    path: Path
    created: bool
    rows: dict[str, int]
    seconds: float


def publish(
    run: Path,
    *,
    timeout: float = 600.0,
    grace: float = GRACE_SECONDS,
    allow_fewer: bool = False,
) -> Generation:
    """Build the next generation from a run's parts, and let the link point to it.

    Nothing is done if parts and run.json are as they were. Readers keep what they have open.

    Args:
        run: the run's folder.
        timeout: seconds to wait for another publisher; 0 not to wait.
        grace: seconds that superseded generations stay.
        allow_fewer: publish although parts are gone.

    Returns:
        The current generation.

    Raises:
        RunNotFound: no run.json.
        FolderRefused: DuckDB would not find the run by its path.
        RunRefused: something in the folder is a link.
        PublishLocked: another process is at it.
        PublishFailed: the disk is full, or the folder may not be written to.
        StageMixed: a stage has two settings, and run.json does not say which counts.
        PartDamaged, SchemaTooNew: a part cannot be used.
        PublishRefused: parts are gone, or rows repeat a key.
    """
    run = Path(run)
    require_usable(run.parent)
    read_run(run)  # before a lock file is left in a folder that is no run
    try:
        with FileLock(run / ".publish.lock", timeout=timeout):
            remove_unfinished(run)
            generation = _publish(run, read_run(run), allow_fewer)
            _remove_old(run, generation.number, grace)
            return generation
    except Timeout as error:
        raise PublishLocked(
            f"one publisher at a time for {run.name}; another one holds {run / '.publish.lock'}. "
            "Try again when it is done."
        ) from error
    except (OSError, duckdb.OperationalError, duckdb.FatalException) as error:
        raise PublishFailed(
            f"{run.name} must have room and permission for its next tables; got: {error}. What is "
            "published stays and no part is lost: make room, then `python -m precompute publish`."
        ) from error


def is_due(run: Path) -> bool:
    """Whether to publish again during a run: not before ten times the last publish's duration."""
    number = current_generation(run)
    side = read_sidecar(run, number) if number else None
    if side is None:
        return True
    # A clock that was put back makes the last publish lie in the future: that is no reason to wait.
    early = 0 <= time.time() - side["published_at"] < 10 * side["seconds"]
    # Parts that were lost and are on their way back must all be there first.
    return not early and not lost_parts(run)


def lost_parts(run: Path) -> list[str]:
    """The ids of parts that are published and not there."""
    number = current_generation(run)
    side = (read_sidecar(run, number) if number else None) or {"parts": {}}
    return [
        f"{stage}/{name}"
        for stage, names in side["parts"].items()
        for name in names
        if not (Path(run) / "parts" / stage / name / "part.json").is_file()
    ]


def current_parts(run: Path, info: Mapping[str, Any]) -> dict[str, list[Part]]:
    """The parts that count: of each stage, those made with the current settings.

    Returns:
        Stage folder -> its parts.

    Raises:
        StageMixed: a stage has several folders with parts and run.json names none, or not one
            of them.
    """
    named: Mapping[str, str] = info.get("stages") or {}
    stages: dict[str, dict[str, list[Part]]] = {}
    for folder in sorted((Path(run) / "parts").glob("[!.]*/")):
        stage = folder.name.rpartition("-")[0]
        if named.get(stage, folder.name) == folder.name:
            stages.setdefault(stage, {})[folder.name] = list_parts(folder)
        else:
            stages.setdefault(stage, {})
    chosen: dict[str, list[Part]] = {}
    for stage, folders in stages.items():
        full = {name: parts for name, parts in folders.items() if parts}
        if len(full) > 1:
            made = ", ".join(f"{name} ({_last_made(parts)})" for name, parts in full.items())
            raise StageMixed(
                f"stage {stage} must have parts of one setting, and run.json names none of these; "
                f"got {made}. Move all of them but one out of {Path(run) / 'parts'}: as a rule the "
                "one made last stays."
            )
        chosen.update(full)
    return chosen


def _last_made(parts: list[Part]) -> str:
    last = max(str(part.manifest.get("created_at")) for part in parts)
    return f"{len(parts)} parts, the last made {last}"


def _publish(run: Path, info: Mapping[str, Any], allow_fewer: bool) -> Generation:
    started = time.perf_counter()
    parts = current_parts(run, info)
    listed = {
        folder: {part.name: file_sha256(part.path / "part.json") for part in those}
        for folder, those in parts.items()
    }
    fingerprint = short_hash([listed, dict(info), SCHEMA_VERSION, summaries.VERSION])
    number = current_generation(run)
    side = read_sidecar(run, number) if number else None
    if number and side:
        if side["fingerprint"] == fingerprint:
            path = run / f"results-{number}.duckdb"
            return Generation(number, path, False, side["rows"], side["seconds"])
        if not allow_fewer:
            _check_not_fewer(run, side["parts"], listed)
    number = max(list_generations(run), default=0) + 1
    counted = {
        folder: sum(file["bytes"] for part in those for file in part.manifest["files"].values())
        for folder, those in parts.items()
    }
    return _build(
        run,
        info,
        number,
        parts,
        started,
        {"fingerprint": fingerprint, "parts": listed, "bytes": counted},
    )


def _check_not_fewer(
    run: Path, before: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]]
) -> None:
    stages_now = {folder.rpartition("-")[0] for folder in now}
    for folder, names in before.items():
        # Other settings of the same stage are a choice; parts that vanish are an accident.
        moved_on = folder not in now and folder.rpartition("-")[0] in stages_now
        gone = [] if moved_on else sorted(set(names) - set(now.get(folder, {})))
        if gone:
            raise PublishRefused(
                f"{run.name} must keep the {len(names)} parts of {folder} that are published; "
                f"{len(gone)} are gone, first {gone[0]}. Restore them or run again; `python -m "
                f"precompute publish {run.name} --allow-fewer` goes on without them."
            )


def _build(
    run: Path,
    info: Mapping[str, Any],
    number: int,
    parts: Mapping[str, Iterable[Part]],
    started: float,
    side: dict[str, Any],
) -> Generation:
    scratch = run / Owner.here().token("publish")
    scratch.mkdir()
    try:
        files = build.table_files(p for those in parts.values() for p in those)
        temporary = scratch / "results.duckdb"
        config: dict[str, Any] = {"memory_limit": _MEMORY, "temp_directory": str(scratch / "spill")}
        with duckdb.connect(str(temporary), config=config) as con:
            con.execute("SET enable_progress_bar = false")  # the run draws one of its own
            build.create_tables(con)
            build.fill(con, files)
            build.fill_run(con, info)
            summaries.add_summaries(con, scratch)
            rows = {name: build.count(con, name) for name in TABLES}
            con.execute("CHECKPOINT")  # closing does it too, and is silent where the disk is full
        fsync(temporary)
        seconds = time.perf_counter() - started
        path = run / f"results-{number}.duckdb"
        write_json(
            sidecar_path(run, number),
            {
                **side,
                "rows": rows,
                "seconds": seconds,
                "published_at": time.time(),
                "sha256": file_sha256(temporary),
            },
        )
        temporary.rename(path)
        _point(run, path.name)
        return Generation(number, path, True, rows, seconds)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _point(run: Path, target: str) -> None:
    # Relative, so that the folder can be copied and moved.
    link = run / Owner.here().token("link")
    link.symlink_to(target)
    link.replace(run / LINK)
    fsync(run)


def _remove_old(run: Path, current: int, grace: float) -> None:
    """Remove generations whose successor has been there for `grace` seconds."""
    numbers = sorted(list_generations(run))
    for number, successor in itertools.pairwise(numbers):
        side = read_sidecar(run, successor)
        if number < current and (side is None or time.time() - side["published_at"] >= grace):
            (run / f"results-{number}.duckdb").unlink(missing_ok=True)
            sidecar_path(run, number).unlink(missing_ok=True)


def published_manifest(run: Path) -> dict[str, Any]:
    """What the current generation was built from: parts, their bytes, rows, seconds, published_at.

    Raises:
        NotPublished: there is none.
    """
    number = current_generation(run)
    side = read_sidecar(run, number) if number else None
    if side is None:
        raise NotPublished(
            f"{Path(run).name} must have been published; got no {LINK}. "
            "`python -m precompute publish` makes it from the parts."
        )
    return side
