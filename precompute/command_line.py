"""What the commands share: arguments, the runs they mean, and how errors are told."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from precompute.preflight import NotReady
from precompute.printable import printable
from precompute.run import ParityError
from precompute.stages import PartFailed, Stopped
from store.errors import StoreError
from store.runs import list_runs

ConfigPath = Annotated[Path, typer.Argument(help="A file of precompute/configs, or your own.")]
Results = Annotated[
    Path, typer.Option("--results", envvar="RESULTS", help="The folder of all runs.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Instead of the file's, e.g. "
                 "decode.num_beams=1 or datasets.0.path=data/mine; several are allowed."),
]
RunName = Annotated[str | None, typer.Argument(help="A run of the results folder; all if none.")]


def runs_of(results: Path, name: str | None) -> list[Path]:
    """One run, or all.

    Raises:
        ValueError: there is none, or none of that name.
    """
    runs = list_runs(results)
    chosen = [folder for folder in runs if name in (None, folder.name)]
    if not chosen:
        there = ", ".join(folder.name for folder in runs) or "no runs"
        raise ValueError(
            f"expected a run {name or ''} in {results}; it holds {there}. "
            "`make demo-run` makes two."
        )
    return chosen


@contextmanager
def plain_errors() -> Iterator[None]:
    """Errors that say what to do are shown without a traceback; others are bugs and keep it."""
    try:
        yield
    except (NotReady, ParityError, StoreError, ValueError, OSError, PartFailed, Stopped) as error:
        typer.secho(printable(str(error)), err=True, fg=typer.colors.RED)
        raise typer.Exit(130 if isinstance(error, Stopped) else 1) from error
