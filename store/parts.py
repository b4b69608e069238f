"""Parts: what one shard of images gave in one stage. Immutable, committed by one rename."""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from store import tensors
from store.errors import PartConflict, PartDamaged, RowsRefused, StageIncomplete
from store.files import Owner, canonical, file_sha256, fsync, owner_of, short_hash, write_json
from store.runs import check_name, now
from store.schema import SCHEMA_VERSION
from store.tables import Rows, conform, table_named
from store.upgrades import check_version, upgraded

_COMPLETE = "complete.json"


@dataclass(frozen=True)
class Part:
    """A committed part.

    Attributes:
        path: its folder.
        name: its name in its stage.
        manifest: its part.json: schema_version, stage, name, created_at, writer, expects, meta,
            files (name -> rows, bytes, sha256).
    """

    path: Path
    name: str
    manifest: dict[str, Any]

    @property
    def id(self) -> str:
        """Stage folder and name, as table `image` has it in column `part`."""
        return f"{self.path.parent.name}/{self.name}"

    @property
    def rows(self) -> dict[str, int]:
        """Table -> number of rows, for the tables the part has."""
        return {
            file.removesuffix(".parquet"): info["rows"]
            for file, info in self.manifest["files"].items()
            if file.endswith(".parquet")
        }


class PartWriter:
    """A part under construction; made by `write_part`.

    Attributes:
        path: its temporary folder.
        meta: JSON values that go into part.json: composition of batches, timings ...
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.meta: dict[str, Any] = {}
        self._rows: dict[str, int] = {}

    @property
    def tensors_path(self) -> Path:
        """Where `TensorWriter` is to write; its rows must be those of table `image`, in order."""
        return self.path / tensors.FILE_NAME

    def table(self, name: str, rows: Rows) -> None:
        """Write all rows of one table.

        Args:
            name: a table of the schema.
            rows: an Arrow table or dicts; see `store.tables.conform`.

        Raises:
            RowsRefused: they do not fit, or the table was written already.
        """
        if name in self._rows:
            raise RowsRefused(f"table {name} is written once a part; got a second time. Join them.")
        data = conform(name, rows)
        pq.write_table(data, self.path / f"{name}.parquet", compression="zstd")
        self._rows[name] = data.num_rows

    def close(self, manifest: Mapping[str, Any]) -> None:
        """Hash and flush everything, and write part.json; the last step before the rename."""
        rows = dict(self._rows)
        files: dict[str, dict[str, Any]] = {}
        if self.tensors_path.exists():
            rows[tensors.FILE_NAME] = self._check_ids()
        for path in sorted(p for p in self.path.iterdir() if p.is_file()):
            fsync(path)
            files[path.name] = {
                "rows": rows.get(path.name.removesuffix(".parquet")),
                "bytes": path.stat().st_size,
                "sha256": file_sha256(path),
            }
        write_json(self.path / "part.json", {**manifest, "meta": self.meta, "files": files})

    def _check_ids(self) -> int:
        # Publish takes the row of an image in table `image` as its row in the file.
        ids = tensors.read_ids(self.tensors_path)
        if "image" in self._rows:
            listed = pq.read_table(self.path / "image.parquet")["image_id"].to_pylist()
            if listed != ids:
                raise RowsRefused(
                    f"table image and {tensors.FILE_NAME} must list the same images in the same "
                    f"order; got {listed[:3]}... ({len(listed)}) and {ids[:3]}... ({len(ids)})."
                )
        return len(ids)


def stage_folder(run: Path, stage: str, settings: Mapping[str, Any]) -> Path:
    """The folder of a stage with these settings, made if need be.

    Args:
        run: the run's folder.
        stage: its name, e.g. ``capture``.
        settings: JSON values: whatever decides its numbers, its code version included.

    Returns:
        ``<run>/parts/<stage>-<hash8>``, with settings.json inside.
    """
    folder = Path(run) / "parts" / f"{check_name(stage, 'stage')}-{short_hash(settings)}"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "settings.json").exists():
        write_json(folder / "settings.json", {"stage": stage, "settings": dict(settings)})
    return folder


@contextmanager
def write_part(
    stage: Path, name: str, expects: Mapping[str, Any] | None = None
) -> Iterator[PartWriter]:
    """Write a part; it exists once the block ends, whole, and not before.

    Args:
        stage: a folder from `stage_folder`.
        name: the part's name; the same work must give the same name.
        expects: what the part is about (its image ids, say), kept in part.json. If another
            writer was first, its part must say the same.

    Yields:
        The writer. An exception in the block leaves nothing behind.

    Raises:
        PartConflict: another writer made a part of that name about something else.
        PartDamaged: what stands in its place is no part.
    """
    target = Path(stage) / check_name(name, "part")
    temporary = Path(stage) / Owner.here().token(name)
    temporary.mkdir()
    try:
        writer = PartWriter(temporary)
        yield writer
        writer.close({
            "schema_version": SCHEMA_VERSION, "stage": Path(stage).name, "name": name,
            "created_at": now(), "writer": vars(Owner.here()), "expects": dict(expects or {}),
        })
        fsync(temporary)
        _commit(temporary, target, dict(expects or {}))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _commit(temporary: Path, target: Path, expects: Mapping[str, Any]) -> None:
    try:
        temporary.rename(target)
    except OSError:
        # File systems differ in what they raise here; what counts is what stands there now.
        if not target.exists():
            raise
        there = read_part(target).manifest.get("expects", {})
        if canonical(there) != canonical(expects):
            raise PartConflict(
                f"{target} was to be about {canonical(expects)[:200]}; got a part about "
                f"{canonical(there)[:200]}. Give different work different names."
            ) from None
    else:
        fsync(target.parent)


def read_part(path: Path) -> Part:
    """A committed part.

    Raises:
        PartDamaged: no part.json, or not one.
    """
    try:
        manifest = json.loads((path / "part.json").read_text(encoding="utf-8"))
        for file in manifest["files"].values():
            file["rows"], file["bytes"], file["sha256"]
        return Part(path, path.name, {"schema_version": manifest["schema_version"], **manifest})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PartDamaged(
            f"{path} must be a part with its part.json; got: {error!r}. If it is still being "
            "copied, wait; else remove that folder and run again."
        ) from error


def has_part(stage: Path, name: str) -> bool:
    """Whether a part is committed."""
    return (Path(stage) / name / "part.json").is_file()


def list_parts(stage: Path) -> list[Part]:
    """The committed parts of a stage, by name; none if the folder is not there.

    Raises:
        PartDamaged: a folder that is no part.
    """
    stage = Path(stage)
    if not stage.is_dir():
        return []
    names = sorted(p for p in stage.iterdir() if p.is_dir() and not p.name.startswith("."))
    return [read_part(path) for path in names]


def check_sizes(part: Part) -> None:
    """Quick look at a part: its files are there, in full length.

    Raises:
        PartDamaged: naming the file.
    """
    for name, info in part.manifest["files"].items():
        path = part.path / name
        size = path.stat().st_size if path.is_file() else None
        if size != info["bytes"]:
            got = "no such file" if size is None else f"{size}"
            raise PartDamaged(
                f"{path} must have {info['bytes']} bytes; got {got}. Remove the folder {part.id} "
                "and run again, or restore it from a copy."
            )


def verify_part(part: Part) -> list[str]:
    """Read and hash a part again.

    Returns:
        What is wrong, a sentence each; empty if nothing is.
    """
    problems = []
    for name, info in part.manifest["files"].items():
        path = part.path / name
        try:
            if (size := path.stat().st_size) != info["bytes"]:
                problems.append(f"{part.id}/{name}: expected {info['bytes']} bytes, got {size}")
            elif file_sha256(path) != info["sha256"]:
                problems.append(f"{part.id}/{name}: sha256 differs from part.json")
            elif name.endswith(".parquet"):
                rows = pq.read_table(path).num_rows
                if rows != info["rows"]:
                    problems.append(f"{part.id}/{name}: expected {info['rows']} rows, got {rows}")
        except (OSError, pa.ArrowException) as error:
            problems.append(f"{part.id}/{name}: {error}")
    return problems


def sweep(run: Path) -> list[Path]:
    """Remove what dead processes of this host left half-written in a run.

    Returns:
        What was removed. Anything that a living process, or another host, may still write stays.
    """
    run = Path(run)
    removed = []
    for folder in (run, run / "progress", run / "parts", *(run / "parts").glob("*/")):
        for path in folder.iterdir() if folder.is_dir() else ():
            owner = owner_of(path)
            if owner is None or not owner.known_dead:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
            removed.append(path)
    return removed


def mark_complete(stage: Path, names: Iterable[str]) -> None:
    """Say that a stage is done, and which parts make it up.

    Raises:
        StageIncomplete: some of them are missing.
    """
    stage, names = Path(stage), sorted(names)
    if missing := [name for name in names if not has_part(stage, name)]:
        raise StageIncomplete(_missing(stage, names, missing))
    write_json(stage / _COMPLETE, {"parts": names})


def is_complete(stage: Path) -> bool:
    """Whether a stage was marked complete and still has all its parts."""
    try:
        require_complete(stage)
    except StageIncomplete:
        return False
    return True


def require_complete(stage: Path) -> list[Part]:
    """The parts of a stage that is done.

    Raises:
        StageIncomplete: it is not marked complete, or has lost parts.
    """
    stage = Path(stage)
    try:
        names = json.loads((stage / _COMPLETE).read_text(encoding="utf-8"))["parts"]
    except (OSError, ValueError, KeyError) as error:
        raise StageIncomplete(
            f"stage {stage.name} must be complete; got {len(list_parts(stage))} parts and no mark. "
            "Run it to its end."
        ) from error
    if missing := [name for name in names if not has_part(stage, name)]:
        raise StageIncomplete(_missing(stage, names, missing))
    return [read_part(stage / name) for name in names]


def _missing(stage: Path, names: list[str], missing: list[str]) -> str:
    return (
        f"stage {stage.name} must have its {len(names)} parts; {len(missing)} are missing, first "
        f"{missing[0]}. Run it again: only these are made."
    )


def part_tables(part: Part) -> dict[str, pa.Table]:
    """All tables of a part, as the present schema has them.

    Raises:
        PartDamaged: a file cannot be read.
        SchemaTooNew: the part is of a later version.
    """
    version = part.manifest["schema_version"]
    check_version(version, f"part {part.id}")
    tables = {name: _read(part, name) for name in part.rows}
    return upgraded(tables, version, f"part {part.id}")


def _read(part: Part, table: str) -> pa.Table:
    check_sizes(part)
    try:
        return pq.read_table(part.path / f"{table}.parquet")
    except (OSError, pa.ArrowException) as error:
        raise PartDamaged(
            f"{part.id}/{table}.parquet must be a Parquet file; got: {error}. Remove the part and "
            "run again."
        ) from error


def iter_tables(parts: Iterable[Part], table: str) -> Iterator[tuple[Part, pa.Table]]:
    """One table, part by part, so that only one part is in memory.

    Yields:
        The part and its rows; parts without the table are left out.
    """
    table_named(table)
    for part in parts:
        if part.manifest["schema_version"] == SCHEMA_VERSION:
            if table in part.rows:
                yield part, _read(part, table)
        elif table in (tables := part_tables(part)):
            yield part, tables[table]


def read_table(parts: Iterable[Part], table: str) -> pa.Table:
    """One table of several parts, in their order; with no rows if no part has it."""
    found = [data for _, data in iter_tables(parts, table)]
    return pa.concat_tables(found) if found else table_named(table).arrow.empty_table()
