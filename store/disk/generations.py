"""The names of published files, and which one is current. Cheap: reads names, opens nothing."""

import re
from pathlib import Path
from typing import Any

from store.disk.gate import LINK, read_json
from store.disk.manifests import Sidecar

_FILE = re.compile(r"results-(\d+)\.duckdb")


def list_generations(run: Path) -> list[int]:
    """The numbers of the generations in a run's folder, in no order."""
    matches = (_FILE.fullmatch(path.name) for path in Path(run).glob("results-*.duckdb"))
    return [int(match[1]) for match in matches if match]


def current_generation(run: Path) -> int | None:
    """The number that the link points to; None if nothing is published.

    Where a copy lost the link or made a file of it, the largest number there is.
    """
    link = Path(run) / LINK
    try:
        match = _FILE.fullmatch(link.readlink().name)
        if match and link.exists():
            return int(match[1])
    except OSError:
        pass
    return max(list_generations(run), default=None)


def generation_path(run: Path, number: int) -> Path:
    """The DuckDB file of a generation."""
    return Path(run) / f"results-{number}.duckdb"


def sidecar_path(run: Path, number: int) -> Path:
    """What a generation was built from, beside it."""
    return Path(run) / f"results-{number}.json"


def read_sidecar(run: Path, number: int) -> dict[str, Any] | None:
    """The content of `sidecar_path`; None if it is not there or not readable."""
    try:
        return read_json(sidecar_path(run, number), Sidecar)
    except (OSError, ValueError):
        return None
