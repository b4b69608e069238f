"""What is damaged, out of the way, so that it can be made again. Nothing is deleted."""

import secrets
from collections.abc import Iterable
from pathlib import Path

from store.disk import LINK, refuse_links

FOLDER = "damaged"
"""In a run's folder: what was set aside."""


def set_parts_aside(run: Path, damaged: Iterable[str]) -> dict[str, Path]:
    """Move the damaged parts of a run into its folder `damaged`.

    Args:
        run: the run's folder.
        damaged: their ids, of a `store.upkeep.verify.Report`.

    Returns:
        Each part's id -> where it is now.
    """
    return {part: _move(Path(run), Path("parts") / part) for part in damaged}


def set_tables_aside(run: Path) -> list[Path]:
    """Move the published tables of a run into its folder `damaged`; returns where they are now.

    Only for a run that has all its parts: what was published is what tells that one is lost.
    """
    run = Path(run)
    refuse_links(run)
    (run / LINK).unlink(missing_ok=True)
    files = sorted(path for path in run.glob("results-*") if path.suffix in (".duckdb", ".json"))
    return [_move(run, Path(path.name)) for path in files]


def _move(run: Path, what: Path) -> Path:
    refuse_links(run)
    target = run / FOLDER / f"{what}~{secrets.token_hex(4)}"
    target.parent.mkdir(parents=True, exist_ok=True)
    return (run / what).rename(target)
