"""Two folders of results: do they say the same, number for number?"""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq

from store import open_run
from store.disk.runs import list_runs
from store.parts.write import list_parts
from store.upkeep.verify import verify_run


def differences(results: Path, expected: Path) -> list[str]:
    """What of one folder of runs is not as in another, a sentence each; empty if nothing is."""
    runs = {run.name: run for run in list_runs(results)}
    others = {run.name: run for run in list_runs(expected)}
    if runs.keys() != others.keys():
        return [f"expected the runs {sorted(others)}, got {sorted(runs)}"]
    got = []
    for name, run in runs.items():
        got += [f"{name}: {problem}" for problem in _of_run(run, others[name])]
    return got


def _of_run(run: Path, expected: Path) -> Iterator[str]:
    report = verify_run(run)
    yield from (*report.problems, *report.notes)
    yield from (f"left behind: {path}" for path in run.rglob(".*") if "lock" not in path.name)
    mine, theirs = _files(run), _files(expected)
    if mine != theirs:
        yield f"files of parts differ: {sorted(mine ^ theirs)[:5]}"
    for file in sorted(mine & theirs):
        if not _same_file(run / file, expected / file):
            yield f"{file} differs"
    yield from _tables(run, expected)


def _files(run: Path) -> set[str]:
    stages = [folder for folder in (run / "parts").iterdir() if folder.is_dir()]
    return {
        f"parts/{part.id}/{file}"
        for stage in stages
        for part in list_parts(stage)
        for file in part.manifest["files"]
    }


def _same_file(path: Path, expected: Path) -> bool:
    if path.suffix == ".parquet":
        return bool(pq.read_table(path).equals(pq.read_table(expected)))
    if path.suffix == ".h5":
        with h5py.File(path) as mine, h5py.File(expected) as theirs:
            return mine.keys() == theirs.keys() and all(
                _same_array(mine[name][()], theirs[name][()]) for name in mine
            )
    return path.read_bytes() == expected.read_bytes()


def _same_array(values: np.ndarray, expected: np.ndarray) -> bool:
    if values.dtype != expected.dtype or values.shape != expected.shape:
        return False
    if values.dtype.kind == "f":
        return np.array_equal(values, expected, equal_nan=True)
    return all(np.array_equal(a, b) for a, b in zip(values, expected, strict=True))


def _tables(run: Path, expected: Path) -> Iterator[str]:
    with open_run(run) as mine, open_run(expected) as theirs:
        if mine.tables() != theirs.tables():
            yield f"tables differ: {mine.tables()}, expected {theirs.tables()}"
            return
        for name in mine.tables():
            rows = [opened.sql(f"SELECT * FROM {name} ORDER BY ALL") for opened in (mine, theirs)]
            if name == "run":
                rows = [frame.drop(columns="created_at") for frame in rows]
            if not rows[0].equals(rows[1]):
                yield f"table {name} differs ({len(rows[0])} rows, expected {len(rows[1])})"
