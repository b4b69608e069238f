"""The command line: `python -m precompute COMMAND`."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from precompute.config import Config, read_config
from precompute.estimate import describe
from precompute.metrics import require_known
from precompute.models import load_captioner
from precompute.plan import plan_runs
from precompute.preflight import NotReady, require_ready
from precompute.run import ParityError, execute
from precompute.run import score as score_run
from precompute.stages import Stopped, Watch
from store.catalog import open_run
from store.errors import StoreError
from store.export import export_table
from store.publish import publish as publish_run
from store.runs import list_runs, read_run
from store.verify import verify_run

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

ConfigPath = Annotated[Path, typer.Argument(help="A file of precompute/configs, or your own.")]
Results = Annotated[
    Path, typer.Option("--results", envvar="RESULTS", help="The folder of all runs.")
]
RunName = Annotated[str | None, typer.Argument(help="A run of the results folder; all if none.")]


@app.command()
def plan(config: ConfigPath, results: Results = Path("results")) -> None:
    """Say what a run would do: images, captions, disk, memory, time. Writes nothing."""
    with _plain_errors():
        settings = _ready(config)
        captioner = load_captioner(settings.model)
        for planned in plan_runs(settings):
            typer.echo(describe(planned, captioner, results))


@app.command()
def run(
    config: ConfigPath,
    results: Results = Path("results"),
    accept_mismatch: Annotated[
        bool, typer.Option(help="Start though the parity certificate fails; marks the run.")
    ] = False,
) -> None:
    """Make what is missing of every run of a configuration, then publish it."""
    with _plain_errors():
        settings = _ready(config)
        captioner = functools.cache(lambda: load_captioner(settings.model))
        with Watch() as watch:
            for planned in plan_runs(settings):
                folder = execute(planned, results, captioner, watch, accept_mismatch)
                typer.echo(f"{folder} is complete.")


@app.command()
def score(
    metrics: Annotated[
        list[str] | None, typer.Option("--metric", help="Those of the configuration, if none.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Instead of each run's own configuration.")
    ] = None,
    name: Annotated[str | None, typer.Option("--run", help="All runs, if none.")] = None,
    results: Results = Path("results"),
) -> None:
    """Score the stored captions of runs, with more metrics too. Needs no vision model."""
    with _plain_errors():
        require_known(metrics or ())
        with Watch() as watch:
            for folder in _runs(results, name):
                own = read_config(config) if config else Config(**read_run(folder)["config"])
                score_run(folder, own, watch, metrics or ())
                publish_run(folder)


@app.command()
def publish(name: RunName = None, results: Results = Path("results")) -> None:
    """Build results.duckdb from the parts."""
    with _plain_errors():
        for folder in _runs(results, name):
            typer.echo(f"{folder.name}: generation {publish_run(folder).number}")


@app.command()
def verify(name: RunName = None, results: Results = Path("results")) -> None:
    """Read and hash every part again."""
    with _plain_errors():
        reports = [verify_run(folder) for folder in _runs(results, name)]
        for report in reports:
            found = "whole" if report.ok else f"{len(report.problems)} problems"
            size = f"{report.n_parts} parts, {report.n_bytes / 1e6:.1f} MB"
            typer.echo("\n  ".join([f"{report.run_id}: {size}: {found}", *report.problems,
                                    *report.notes]))
        if not all(report.ok for report in reports):
            raise typer.Exit(1)


@app.command()
def export(
    name: Annotated[str, typer.Argument(help="A run of the results folder.")],
    table: Annotated[str, typer.Argument(help="A table, e.g. caption.")],
    path: Annotated[Path, typer.Argument(help="A file ending in .csv or .parquet.")],
    results: Results = Path("results"),
) -> None:
    """Write one table of a run to a CSV or Parquet file."""
    with _plain_errors(), open_run(results, name) as opened:
        export_table(opened, table, path)


def _ready(path: Path) -> Config:
    config = read_config(path)
    require_ready(config)
    return config


def _runs(results: Path, name: str | None) -> list[Path]:
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
def _plain_errors() -> Iterator[None]:
    """Errors that say what to do are shown without a traceback; others are bugs and keep it."""
    try:
        yield
    except (NotReady, ParityError, StoreError, ValueError, Stopped) as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        raise typer.Exit(130 if isinstance(error, Stopped) else 1) from error


if __name__ == "__main__":
    app()
