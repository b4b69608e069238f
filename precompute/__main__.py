"""The command line: `python -m precompute COMMAND`."""

import functools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from precompute.answers import score_answers
from precompute.config import Config, read_config
from precompute.corpus_scores import score_corpus
from precompute.engine import open_engine
from precompute.estimate import describe
from precompute.judge.config import judge_config
from precompute.metrics import require_known
from precompute.models import captioner_of, load_captioner
from precompute.plan import plan_runs
from precompute.preflight import NotReady, require_ready, require_scorable
from precompute.printable import duration, printable
from precompute.repair import repair
from precompute.run import ParityError, ask_questions, execute
from precompute.scoring import score as score_run
from precompute.shard import read_shard
from precompute.stages import PartFailed, Stopped, Unfinished, Watch
from precompute.story import DEMO, links, story_config
from store.catalog import find_run, open_run
from store.errors import StoreError
from store.export import export_table
from store.publish import publish as publish_run
from store.publish import published_manifest
from store.runs import list_runs, read_run
from store.verify import verify_run

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

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


@app.command()
def plan(
    config: ConfigPath, overrides: Overrides = None, results: Results = Path("results")
) -> None:
    """Say what a run would do: images, captions, disk, memory, time. Writes nothing."""
    with _plain_errors():
        settings = read_config(config, overrides or ())
        typer.echo(describe(settings, results))
        try:
            require_ready(settings)
        except NotReady as lacking:
            typer.echo(lacking)


@app.command()
def run(
    config: ConfigPath,
    overrides: Overrides = None,
    results: Results = Path("results"),
    accept_mismatch: Annotated[
        bool, typer.Option("--accept-mismatch",
                           help="Start though the parity certificate fails; marks the run.")
    ] = False,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Only this share of the parts, e.g. 3/8.")
    ] = None,
) -> None:
    """Make what is missing of every run of a configuration, then publish it."""
    with _plain_errors():
        share = read_shard(shard)
        settings = _ready(config, results, overrides)
        captioner, complete, failed = captioner_of(settings.model), False, False
        with open_engine(settings) as engine, Watch(engine, share) as watch:
            for planned in plan_runs(settings):
                begun = time.monotonic()
                try:
                    folder = execute(planned, results, captioner, watch, accept_mismatch)
                    typer.echo(_completed(folder, time.monotonic() - begun))
                    complete = True
                except Unfinished as error:
                    typer.echo(error)
                    failed |= bool(error.failures)
        if complete:
            typer.echo(f"To look at it: {_dashboard(results)}")
        if failed:
            raise typer.Exit(1)


@app.command()
def story(
    pictures: Annotated[
        list[Path], typer.Argument(metavar="PICTURE...", help="Files: photo.jpg more.png.")
    ],
    config: Annotated[
        Path, typer.Option(help="Whose model reads them.", show_default="the demo's")
    ] = DEMO,
    overrides: Overrides = None,
    results: Results = Path("results"),
) -> None:
    """Read one's own pictures, layer by layer, and say where to look at them."""
    with _plain_errors():
        settings = story_config(read_config(config, overrides or ()), pictures)
        require_ready(settings, results)
        captioner = captioner_of(settings.model)
        with Watch() as watch:
            (planned,) = plan_runs(settings)
            execute(planned, results, captioner, watch)
        typer.echo(f"`{_dashboard(results)}` shows:")
        typer.echo("\n".join(links(planned.run_id, planned.items)))


@app.command()
def score(
    metrics: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="NAME", help="Those of the configuration, if none; "
                     "several are allowed."),
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
                require_scorable(own.score, metrics or own.score.metrics)
                score_run(folder, own, watch, metrics or ())
                score_corpus(folder, own, watch, metrics or ())
                score_answers(folder, own, watch, metrics or ())
                publish_run(folder)
                watch.screen.clear()
                typer.echo(f"{folder} is scored.")


@app.command()
def judge(
    config: ConfigPath,
    name: Annotated[str | None, typer.Option("--run", help="Needed if there are several.")] = None,
    base_url: Annotated[str | None, typer.Option(help="Instead of the configuration's.")] = None,
    model: Annotated[str | None, typer.Option(help="Instead of the configuration's.")] = None,
    only_show: Annotated[
        bool, typer.Option("--dry-run", help="Show the cost and one exact question; send nothing.")
    ] = False,
    to_batch: Annotated[
        Path | None, typer.Option("--write-batch", help="Write the questions to a .jsonl instead.")
    ] = None,
    from_batch: Annotated[
        Path | None, typer.Option("--read-batch", help="Take the answers of such a batch.")
    ] = None,
    results: Results = Path("results"),
) -> None:
    """Let a vision model score captions. Its key is PEEL_JUDGE_KEY; every reply is kept."""
    # Imported late, as openai takes a second that no other command should wait.
    from precompute.judge.exchange import read_batch, write_batch
    from precompute.judge.plan import dry_run
    from precompute.judge.session import ask_all, ask_by_batch

    with _plain_errors():
        settings = judge_config(read_config(config).judge, base_url, model)
        folder = find_run(results, name)
        if only_show:
            typer.echo(printable(dry_run(folder, settings)))
        elif to_batch:
            n = ask_by_batch(folder, settings, lambda todo, _: write_batch(todo, to_batch),
                             typer.echo)
            typer.echo(f"{n} questions in {to_batch}")
        elif from_batch:
            n = ask_by_batch(folder, settings,
                             lambda todo, ledger: read_batch(todo, ledger, from_batch), typer.echo)
            typer.echo(f"{n} new replies")
        else:
            with Watch() as watch:
                ask_all(folder, settings, watch, typer.echo)


@app.command()
def questions(config: ConfigPath, results: Results = Path("results")) -> None:
    """Ask the layers of captured runs the questions of their data sets."""
    with _plain_errors():
        settings = _ready(config, results)
        if settings.questions is None:
            raise ValueError(f"{config} asks no questions; a section [questions] makes it.")
        captioner = captioner_of(settings.model)
        with open_engine(settings) as engine, Watch(engine) as watch:
            for planned in plan_runs(settings):
                (folder,) = _runs(results, planned.run_id)
                ask_questions(folder, planned, captioner, watch)
                score_answers(folder, settings, watch)
                publish_run(folder)
                watch.screen.clear()
                typer.echo(f"{folder} has its answers.")


@app.command()
def publish(name: RunName = None, results: Results = Path("results")) -> None:
    """Build results.duckdb from the parts."""
    with _plain_errors():
        for folder in _runs(results, name):
            typer.echo(f"{folder.name}: generation {publish_run(folder).number}")


@app.command()
def verify(
    name: RunName = None,
    mend: Annotated[
        bool, typer.Option("--repair", help="Set what is damaged aside and make it again; remove "
                           "what other hosts left half-written a day ago or more.")
    ] = False,
    config: Annotated[
        Path | None, typer.Option(help="To repair with, instead of each run's own configuration.")
    ] = None,
    results: Results = Path("results"),
) -> None:
    """Read and hash every part again."""
    with _plain_errors():
        folders = _runs(results, name)
        if mend:
            own = read_config(config) if config else None
            load = functools.cache(lambda settings: load_captioner(settings.model))
            with Watch() as watch:
                reports = [repair(folder, own, load, watch, typer.echo) for folder in folders]
        else:
            reports = [verify_run(folder) for folder in folders]
        for report in reports:
            found = "whole" if report.ok else f"{len(report.problems)} problems"
            size = f"{report.n_parts} parts, {report.n_bytes / 1e6:.1f} MB"
            said = [f"{report.run_id}: {size}: {found}", *report.problems, *report.notes]
            typer.echo(printable("\n  ".join(said)))
        if not all(report.ok for report in reports):
            raise typer.Exit(1)


@app.command()
def export(
    name: Annotated[str, typer.Argument(help="A run of the results folder.")],
    table: Annotated[str, typer.Argument(help="A table, e.g. caption; or: ledger.")],
    path: Annotated[Path, typer.Argument(help="A .csv or .parquet file; of a ledger, .jsonl.")],
    results: Results = Path("results"),
) -> None:
    """Write one table of a run to a file, texts as they are, or all replies of its judges."""
    with _plain_errors():
        if table == "ledger":
            from precompute.judge.exchange import export_ledger

            typer.echo(f"{export_ledger(find_run(results, name), path)} replies")
            return
        with open_run(results, name) as opened:
            export_table(opened, table, path)


@app.command("import")
def import_(
    name: Annotated[str, typer.Argument(help="A run of the results folder.")],
    path: Annotated[Path, typer.Argument(help="A .jsonl that `export RUN ledger` wrote.")],
    results: Results = Path("results"),
) -> None:
    """Add the replies of judges that a copy of the run has got elsewhere."""
    from precompute.judge.exchange import import_ledger

    with _plain_errors():
        folder = find_run(results, name)
        for of, count in import_ledger(folder, path).items():
            typer.echo(f"{of}: {count} new replies")
        publish_run(folder)


def _ready(path: Path, results: Path, overrides: list[str] | None = None) -> Config:
    config = read_config(path, overrides or ())
    require_ready(config, results)
    return config


def _completed(run: Path, seconds: float) -> str:
    """What has become of a run, and in which time."""
    rows = published_manifest(run)["rows"]
    skipped = f" {rows['skipped']} more could not be read." if rows["skipped"] else ""
    return f"{run} is complete: {rows['image']:,} pictures in {duration(seconds)}.{skipped}"


def _dashboard(results: Path) -> str:
    """The command that shows these results."""
    return "make dashboard" + (f" RESULTS={results}" if results != Path("results") else "")


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
    except (NotReady, ParityError, StoreError, ValueError, OSError, PartFailed, Stopped) as error:
        typer.secho(printable(str(error)), err=True, fg=typer.colors.RED)
        raise typer.Exit(130 if isinstance(error, Stopped) else 1) from error


if __name__ == "__main__":
    app()
