"""The command line: `python -m precompute COMMAND`."""

import shlex
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from precompute import __version__
from precompute.commands import (
    DEMO,
    ConfigPath,
    Overrides,
    Results,
    export,
    import_,
    links,
    own_config,
    plain_errors,
    publish,
    runs_of,
    verify,
)
from precompute.config import Config, config_of, judge_config, read_config
from precompute.estimate import (
    NotReady,
    describe,
    foretell,
    require_ready,
    require_scorable,
    require_space,
)
from precompute.metrics import require_known
from precompute.models import captioner_of
from precompute.pipeline import execute, log_file
from precompute.pipeline import train_translators as train
from precompute.readouts import ask_questions
from precompute.runner import (
    Job,
    Maker,
    Plan,
    Size,
    Telling,
    Unfinished,
    Watch,
    open_engine,
    plan_runs,
    read_shard,
)
from precompute.scoring import score as score_run
from precompute.scoring import score_answers, score_corpus
from precompute.terminal import duration, printable, wrapped
from store.disk import read_run
from store.parts import Failure
from store.publish import publish as publish_run
from store.publish import published_manifest
from store.query import find_run

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"Peel {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Read vision transformers layer by layer; each command says more with --help."""


@app.command()
def plan(
    config: ConfigPath, overrides: Overrides = None, results: Results = Path("results")
) -> None:
    """Say what a run would do: images, captions, disk, memory, time. Writes nothing."""
    with plain_errors():
        settings = read_config(config, overrides or ())
        text = describe(settings, results)
        if sys.stdout.isatty():
            text = wrapped(text, indent=12, width=shutil.get_terminal_size().columns)
        typer.echo(text)
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
        bool,
        typer.Option(
            "--accept-mismatch", help="Start though the parity certificate fails; marks the run."
        ),
    ] = False,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Only this share of the parts, e.g. 3/8.")
    ] = None,
) -> None:
    """Make what is missing of every run of a configuration, then publish it."""
    with plain_errors():
        share = read_shard(shard)
        settings = read_config(config, overrides or ())
        plans = _ready(settings, results)
        captioner, complete, failures = captioner_of(settings.model), False, list[Failure]()
        telling = _telling(results, plans, foretell(settings, plans, results))
        with open_engine(settings) as engine, Watch(telling) as watch:

            def job(planned: Plan) -> Job:
                return Job(planned, results, captioner, Maker(watch, engine, share))

            for planned in plans if len(plans) > 1 else ():  # each can be looked at early
                execute(job(planned), accept_mismatch, baseline_only=True)
            for planned in plans:
                begun = time.monotonic()
                with _telling_unfinished(failures):
                    folder = execute(job(planned), accept_mismatch)
                    typer.echo(_completed(folder, time.monotonic() - begun))
                    telling.complete(planned.run_id)
                    complete = True
            if failures:
                telling.failed = f"{len(failures)} parts were given up"
        if complete:
            typer.echo(f"To look at it: {_dashboard(results)}")
        if failures:
            raise typer.Exit(1)


@app.command()
def story(
    pictures: Annotated[
        list[Path], typer.Argument(metavar="PICTURE", help="Files: photo.jpg more.png.")
    ],
    config: Annotated[
        Path, typer.Option(help="Whose model reads them.", show_default="the demo's")
    ] = DEMO,
    overrides: Overrides = None,
    results: Results = Path("results"),
) -> None:
    """Read one's own pictures, layer by layer, and say where to look at them."""
    with plain_errors():
        settings = own_config(read_config(config, overrides or ()), pictures)
        (planned,) = _ready(settings, results)
        captioner = captioner_of(settings.model)
        with Watch(_telling(results, [planned], foretell(settings, [planned], results))) as watch:
            execute(Job(planned, results, captioner, Maker(watch)))
        typer.echo(f"`{_dashboard(results)}` shows:")
        typer.echo("\n".join(links(planned.run_id, planned.items)))


@app.command()
def score(
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            metavar="NAME",
            help="Those of the configuration, if none; several are allowed.",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Instead of each run's own configuration.")
    ] = None,
    name: Annotated[str | None, typer.Option("--run", help="All runs, if none.")] = None,
    results: Results = Path("results"),
) -> None:
    """Score the stored captions of runs, with more metrics too. Needs no vision model."""
    with plain_errors():
        require_known(metrics or ())
        folders = runs_of(results, name)
        with Watch(Telling(results, [folder.name for folder in folders])) as watch:
            for folder in folders:
                settings = (
                    read_config(config) if config else config_of(folder.name, read_run(folder))
                )
                require_scorable(settings.score, metrics or settings.score.metrics)
                with log_file(folder):
                    maker = Maker(watch)
                    score_run(folder, settings, maker, metrics or ())
                    score_corpus(folder, settings, maker, metrics or ())
                    score_answers(folder, settings, maker, metrics or ())
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
    forgotten: Annotated[
        str | None,
        typer.Option("--forget", help="Take the reply of this id out; it is asked anew."),
    ] = None,
    keep_asking: Annotated[
        bool, typer.Option(help="Though none of the first ten replies has a score.")
    ] = False,
    results: Results = Path("results"),
) -> None:
    """Let a vision model score captions. Its key is PEEL_JUDGE_KEY; every reply is kept."""
    # Imported late, as openai takes a second that no other command should wait.
    from precompute.judge.exchange import read_batch, write_batch
    from precompute.judge.plan import dry_run
    from precompute.judge.seal import forget
    from precompute.judge.session import ask_all, ask_by_batch

    with plain_errors():
        settings = judge_config(read_config(config).judge, base_url, model)
        folder = find_run(results, name)
        if forgotten:
            typer.echo(forget(folder, forgotten))
        elif only_show:
            typer.echo(printable(dry_run(folder, settings)))
        elif to_batch:
            n = ask_by_batch(
                folder, settings, lambda todo, _: write_batch(todo, to_batch), typer.echo
            )
            typer.echo(f"{n} questions in {to_batch}")
        elif from_batch:
            n = ask_by_batch(
                folder,
                settings,
                lambda todo, ledger: read_batch(
                    todo, ledger, from_batch, lambda text: typer.echo(printable(text))
                ),
                typer.echo,
            )
            typer.echo(f"{n} new replies")
        else:
            with Watch(Telling(results, [folder.name])) as watch:
                ask_all(folder, settings, watch, typer.echo, keep_asking)


@app.command()
def questions(config: ConfigPath, results: Results = Path("results")) -> None:
    """Ask the layers of captured runs the questions of their data sets."""
    with plain_errors():
        settings = read_config(config)
        plans = _ready(settings, results)
        if settings.questions is None:
            raise ValueError(f"{config} asks no questions; a section [questions] makes it.")
        captioner, failures = captioner_of(settings.model), list[Failure]()
        with open_engine(settings) as engine, Watch(_telling(results, plans)) as watch:
            for planned in plans:
                folder = find_run(results, planned.run_id)
                with _telling_unfinished(failures), log_file(folder):
                    maker = Maker(watch, engine)
                    ask_questions(Job(planned, results, captioner, maker))
                    score_answers(folder, settings, maker)
                    publish_run(folder)
                    maker.end_run(folder)
                    typer.echo(f"{folder} has its answers.")
        if failures:
            raise typer.Exit(1)


@app.command("train-translators")
def train_translators(
    config: ConfigPath, overrides: Overrides = None, results: Results = Path("results")
) -> None:
    """Fit translators of every layer into the last one's basis; `run` reads layers by them."""
    with plain_errors():
        settings = read_config(config, overrides or ())
        if not settings.translators:
            raise ValueError(f"{config} has no translators; a section [[translators]] makes it.")
        plans = _ready(settings, results)
        captioner, failures = captioner_of(settings.model), list[Failure]()
        with open_engine(settings) as engine, Watch(_telling(results, plans)) as watch:
            for planned in plans:
                with _telling_unfinished(failures):
                    folder = train(Job(planned, results, captioner, Maker(watch, engine)))
                    typer.echo(f"{folder} has its translators.")
        if failures:
            raise typer.Exit(1)


@contextmanager
def _telling_unfinished(failures: list[Failure]) -> Iterator[None]:
    """Say what became of a run that is not complete, and go on; parts given up are added."""
    try:
        yield
    except Unfinished as error:
        typer.echo(error)
        failures += error.failures


def _telling(
    results: Path, plans: Sequence[Plan], sizes: Mapping[tuple[str, str], Size] | None = None
) -> Telling:
    """What dashboards hear of these runs."""
    return Telling(results, [planned.run_id for planned in plans], sizes)


def _ready(config: Config, results: Path) -> list[Plan]:
    """The runs of a configuration, for which everything is here, and space."""
    require_ready(config)
    plans = plan_runs(config)
    require_space(plans, results)
    for planned in plans:
        if planned.items.left_out:
            typer.echo(f"{planned.dataset.name}: left out: {planned.items.left_out}")
    return plans


def _completed(run: Path, seconds: float) -> str:
    """What has become of a run, and in which time."""
    rows = published_manifest(run)["rows"]
    skipped = f" {rows['skipped']} more could not be read." if rows["skipped"] else ""
    return f"{run} is complete: {rows['image']:,} pictures in {duration(seconds)}.{skipped}"


def _dashboard(results: Path) -> str:
    """The command that shows these results."""
    named = f" RESULTS={shlex.quote(str(results))}" if results != Path("results") else ""
    return f"make dashboard{named}"


for command in (publish, verify, export):
    app.command()(command)
app.command("import")(import_)

if __name__ == "__main__":
    app()
