"""Parts: what one shard of images gave in one stage. Immutable, committed by one rename."""

import errno
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from store.disk import (
    Owner,
    canonical,
    check_name,
    file_sha256,
    fsync,
    make_folder,
    manifests,
    now,
    read_json,
    require_plain,
    short_hash,
    write_json,
)
from store.errors import DiskFull, PartConflict, PartDamaged, RowsRefused, StageIncomplete
from store.parts import tensors
from store.parts.read import (
    Part,
    has_part,
    iter_tables,
    list_parts,
    read_part,
    read_table,
    verify_part,
)
from store.parts.tables import Rows, conform
from store.schema import SCHEMA_VERSION

__all__ = [
    "Part",
    "PartWriter",
    "has_part",
    "is_complete",
    "iter_tables",
    "list_parts",
    "mark_complete",
    "read_part",
    "read_table",
    "require_complete",
    "stage_folder",
    "stage_settings",
    "verify_part",
    "write_part",
]

_COMPLETE = "complete.json"
_SETTINGS = "settings.json"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


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
        return self.path / tensors.TENSORS_FILE

    def table(self, name: str, rows: Rows) -> None:
        """Write all rows of one table.

        Args:
            name: a table of the schema.
            rows: an Arrow table or dicts; see `store.parts.tables.conform`.

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
            rows[tensors.TENSORS_FILE] = self._check_ids()
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
            listed = pq.read_table(self.path / "image.parquet", partitioning=None)[
                "image_id"
            ].to_pylist()
            if listed != ids:
                raise RowsRefused(
                    f"table image and {tensors.TENSORS_FILE} must list the same images in the same "
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
    make_folder(folder)
    if not (folder / _SETTINGS).exists():
        write_json(folder / _SETTINGS, {"stage": stage, "settings": dict(settings)})
    return folder


def stage_settings(stage: Path) -> dict[str, Any]:
    """What `stage_folder` was given for a stage.

    Raises:
        PartDamaged: the stage does not say.
    """
    path = Path(stage) / _SETTINGS
    try:
        return dict(read_json(require_plain(path), manifests.SettingsJson)["settings"])
    except (OSError, ValueError) as error:
        raise PartDamaged(
            f"{path} must say what the stage was made with; got: {error!r}. Restore it from a copy."
        ) from error


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
        DiskFull: there is no room for it, as far as another part of the stage tells, or there was
            none while it was written.
    """
    target = require_plain(Path(stage) / check_name(name, "part"))
    _require_room(Path(stage), name)
    temporary = Path(stage) / Owner.here().token(name)
    try:
        temporary.mkdir()
        writer = PartWriter(temporary)
        yield writer
        writer.close(
            {
                "schema_version": SCHEMA_VERSION,
                "stage": Path(stage).name,
                "name": name,
                "created_at": now(),
                "writer": vars(Owner.here()),
                "expects": dict(expects or {}),
            }
        )
        fsync(temporary)
        _commit(temporary, target, dict(expects or {}))
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise _disk_full(Path(stage), name, f"the system says: {error.strerror}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _require_room(stage: Path, name: str) -> None:
    """Raises DiskFull where one more part like those that are there finds no room."""
    like = next(stage.glob("[!.]*/part.json"), None)
    if like is None:
        return
    needed = sum(path.stat().st_size for path in like.parent.iterdir())
    free = shutil.disk_usage(stage).free
    if free < needed:
        raise _disk_full(stage, name, f"it takes about {needed:,} bytes, {free:,} are free")


def _disk_full(stage: Path, name: str, why: str) -> DiskFull:
    return DiskFull(
        f"part {name} of {stage.name} must find room in {stage.parents[1]}; {why}. Nothing made "
        "before is lost: make room, then the same command goes on from there."
    )


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
        names = read_json(require_plain(stage / _COMPLETE), manifests.CompleteJson)["parts"]
    except (OSError, ValueError) as error:
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
