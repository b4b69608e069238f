"""The commands that need no new captions: publish, verify, export, import."""

import functools
from pathlib import Path
from typing import Annotated

import typer

from precompute.commands.options import Results, RunName, plain_errors, runs_of
from precompute.commands.repair import repair
from precompute.config import read_config
from precompute.models import load_captioner
from precompute.runner import Watch
from precompute.terminal import printable
from store.publish import publish as publish_run
from store.query import export_table, find_run, open_run
from store.upkeep import verify_run


def publish(
    name: RunName = None,
    allow_fewer: Annotated[
        bool, typer.Option("--allow-fewer", help="Though parts that were published are gone.")
    ] = False,
    results: Results = Path("results"),
) -> None:
    """Build results.duckdb from the parts."""
    with plain_errors():
        for folder in runs_of(results, name):
            generation = publish_run(folder, allow_fewer=allow_fewer)
            typer.echo(f"{folder.name}: generation {generation.number}")


def verify(
    name: RunName = None,
    mend: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Set what is damaged aside and make it again; remove "
            "what other hosts left half-written a day ago or more.",
        ),
    ] = False,
    config: Annotated[
        Path | None, typer.Option(help="To repair with, instead of each run's own configuration.")
    ] = None,
    results: Results = Path("results"),
) -> None:
    """Read and hash every part again."""
    with plain_errors():
        folders = runs_of(results, name)
        if mend:
            settings = read_config(config) if config else None
            load = functools.cache(lambda settings: load_captioner(settings.model))
            with Watch() as watch:
                reports = [repair(folder, settings, load, watch, typer.echo) for folder in folders]
        else:
            reports = [verify_run(folder) for folder in folders]
        for report in reports:
            verdict = "whole" if report.ok else f"{len(report.problems)} problems"
            size = f"{report.n_parts} parts, {report.n_bytes / 1e6:.1f} MB"
            lines = [f"{report.run_id}: {size}: {verdict}", *report.problems, *report.notes]
            typer.echo(printable("\n  ".join(lines)))
        for folder in folders:
            for warning in ledger_warnings(folder):
                typer.echo(printable(warning))
        if not all(report.ok for report in reports):
            raise typer.Exit(1)


def ledger_warnings(run: Path) -> list[str]:
    """A sentence for each ledger of a run that holds the judge's key of the environment."""
    from precompute.judge.key import KEY, key
    from precompute.judge.ledger import holds_key, ledgers

    secret = key()
    return [
        f"{path} holds the key that {KEY} has: a server repeated it. Do not share this file; use "
        "another key, and take it out of the file."
        for path in ledgers(run)
        if secret and holds_key(path, secret)
    ]


def export(
    name: Annotated[str, typer.Argument(help="A run of the results folder.")],
    table: Annotated[str, typer.Argument(help="A table, e.g. caption; or: ledger.")],
    path: Annotated[Path, typer.Argument(help="A .csv or .parquet file; of a ledger, .jsonl.")],
    results: Results = Path("results"),
) -> None:
    """Write one table of a run to a file, texts as they are, or all replies of its judges."""
    with plain_errors():
        if table == "ledger":
            from precompute.judge.exchange import export_ledger

            typer.echo(f"{export_ledger(find_run(results, name), path)} replies")
            return
        with open_run(results, name) as opened:
            export_table(opened, table, path)


def import_(
    name: Annotated[str, typer.Argument(help="A run of the results folder.")],
    path: Annotated[Path, typer.Argument(help="A .jsonl that `export RUN ledger` wrote.")],
    results: Results = Path("results"),
) -> None:
    """Add the replies of judges that a copy of the run has got elsewhere."""
    from precompute.judge.exchange import import_ledger

    with plain_errors():
        folder = find_run(results, name)
        for judge, count in import_ledger(folder, path).items():
            typer.echo(f"{judge}: {count} new replies")
        publish_run(folder)
