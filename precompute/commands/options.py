"""What the commands share: arguments, the runs they mean, and how errors are printed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from precompute.estimate import NotReady
from precompute.forward import DoesNotFit
from precompute.pipeline import ParityError
from precompute.runner import PartFailed, Stopped, WorkersLost
from precompute.terminal import printable
from store.disk import list_runs, require_usable
from store.errors import StoreError
from store.query import find_run

ConfigPath = Annotated[Path, typer.Argument(help="A file of precompute/configs, or your own.")]


def _usable(results: Path) -> Path:
    with plain_errors():
        return require_usable(results)


Results = Annotated[
    Path,
    typer.Option(
        "--results",
        envvar=["PEEL_RESULTS", "RESULTS"],
        help="The folder of all runs.",
        callback=_usable,
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Instead of the file's, e.g. "
        "decode.num_beams=1 or datasets.0.path=data/mine; several are allowed.",
    ),
]
_BEYOND_THE_DEMO = ("accelerate", "datasets", "httpx2", "openai")
RunName = Annotated[str | None, typer.Argument(help="A run of the results folder; all if none.")]


def runs_of(results: Path, name: str | None) -> list[Path]:
    """One run, by its name with or without the hash, or all.

    Raises:
        ValueError: there are no runs.
        RunNotFound: none or several of that name.
    """
    if name is not None:
        return [find_run(results, name)]
    runs = list_runs(results)
    if not runs:
        raise ValueError(
            f"expected a run in {results}; it holds no runs. `make demo-run` makes two."
        )
    return runs


@contextmanager
def plain_errors() -> Iterator[None]:
    """Errors that say what to do are shown without a traceback; others are bugs and keep it."""
    try:
        yield
    except ModuleNotFoundError as lacking:
        if lacking.name not in _BEYOND_THE_DEMO:
            raise
        typer.secho(
            f"this needs the package {lacking.name}, which the demo does without: "
            "`make .venv/all` installs everything.",
            err=True,
            fg=typer.colors.RED,
        )
        raise typer.Exit(1) from lacking
    except (
        NotReady,
        ParityError,
        StoreError,
        ValueError,
        OSError,
        PartFailed,
        Stopped,
        DoesNotFit,
        WorkersLost,
    ) as error:
        typer.secho(printable(str(error)), err=True, fg=typer.colors.RED)
        raise typer.Exit(130 if isinstance(error, Stopped) else 1) from error
