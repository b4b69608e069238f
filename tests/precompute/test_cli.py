"""The command line as a person meets it."""

import re
import shutil
import sys

import pytest
from typer.testing import CliRunner

from precompute.__main__ import app
from precompute.config.settings import PROJECT
from precompute.forward.batches import DoesNotFit
from precompute.runner.engine import WorkersLost
from precompute.runner.shortfall import Unfinished
from store.parts.failures import Failure


@pytest.fixture
def peel():
    def call(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return call


@pytest.fixture
def toml(config, tmp_path):
    path = tmp_path / "tiny.toml"
    model, (dataset,) = config.model, config.datasets
    path.write_text(f"""
        [model]
        path = "{model.path}"
        device = "cpu"
        [[datasets]]
        name = "tiny"
        kind = "whoops"
        path = "{dataset.path}"
        max_broken = 0.2
        [capture]
        part_size = 3
        batch_size = 3
        [decode]
        prompt = "a short image caption."
        generation = {{ max_new_tokens = 3 }}
    """)
    return path


def test_plan_run_score_verify_export(peel, toml, tmp_path):
    results = tmp_path / "results"
    messages = peel("plan", toml, "--results", results)
    assert messages.exit_code == 0, messages.output
    for words in (
        "6 in 2 parts; 6 to do",
        "image folder (metadata.csv)",
        "3 layers x 8 heads",
        "24 to decode",
        "images/s",
        "assuming",
    ):
        assert words in messages.output
    assert not results.exists()

    ran = peel("run", toml, "--results", results)
    assert ran.exit_code == 0, ran.output
    name = re.search(r"tiny-\w{8}", ran.output)[0]
    assert "0 to do" in peel("plan", toml, "--results", results).output

    assert "MB: whole" in peel("verify", "--results", results).output
    assert peel("score", "--metric", "exact", "--results", results).exit_code == 0
    lacking = peel("score", "--metric", "bertscore", "--results", results)
    assert lacking.exit_code == 1
    assert "`hf download roberta-large` gets it" in lacking.output
    assert "Traceback" not in lacking.output
    assert peel("publish", "tiny", "--results", results).output.startswith(f"{name}: generation")

    table = tmp_path / "captions.csv"
    exported = peel("export", name, "caption", table, "--results", results)
    assert exported.exit_code == 0, exported.output
    assert len(table.read_text().splitlines()) == 5 * 4 + 1

    part = next(results.rglob("caption.parquet"))
    content = bytearray(part.read_bytes())
    content[20] ^= 1
    part.write_bytes(content)
    damaged = peel("verify", name, "--results", results)
    assert damaged.exit_code == 1
    assert "caption.parquet" in damaged.output

    for stage in (results / name / "parts").glob("*exact*"):
        shutil.rmtree(stage)
    shutil.rmtree(part.parent)
    refused = peel("publish", name, "--results", results)
    command = f"python -m precompute publish {name} --allow-fewer"
    assert refused.exit_code == 1 and command in refused.output
    allowed = peel(*command.split()[3:], "--results", results)
    assert allowed.exit_code == 0, allowed.output


def test_the_papers_run_says_what_is_missing_and_names_the_demo(peel, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    messages = peel("run", PROJECT / "precompute/configs/whoops.toml", "--results", tmp_path)
    assert messages.exit_code == 1
    for words in ("a CUDA GPU", "hf download Salesforce/instructblip-flan-t5-xl", "data/whoops"):
        assert words in messages.output
    assert "make demo" in messages.output
    assert "Traceback" not in messages.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("score", "--metric", "meteor"), "noun_depth; got meteor"),
        (("verify",), "holds no runs. `make demo-run` makes two"),
        (("publish", "nobody"), "expected one run named 'nobody'"),
        (("run", "none.toml"), "does not exist"),
    ],
)
def test_errors_say_what_to_do(peel, arguments, words, tmp_path):
    messages = peel(*arguments, "--results", tmp_path)
    assert messages.exit_code == 1
    assert words in " ".join(messages.output.split())
    assert "Traceback" not in messages.output


@pytest.mark.parametrize(
    "error",
    [
        DoesNotFit("one item at a time does not fit: take a larger GPU"),
        WorkersLost("a worker must start: look at its packages"),
    ],
)
def test_errors_with_a_remedy_come_without_a_traceback(peel, toml, tmp_path, monkeypatch, error):
    def execute(*_):
        raise error

    monkeypatch.setattr("precompute.__main__.execute", execute)
    messages = peel("run", toml, "--results", tmp_path / "results")
    assert (messages.exit_code, messages.output.strip()) == (1, str(error))


def test_a_bug_leaves_its_traceback_in_the_runs_log(peel, toml, tmp_path, monkeypatch):
    def breaks(*_):
        raise ValueError("nobody thought of this")

    monkeypatch.setattr("precompute.pipeline.score_corpus", breaks)
    messages = peel("run", toml, "--results", tmp_path / "results")
    assert messages.exit_code == 1 and messages.output.endswith("nobody thought of this\n")
    assert "Traceback" not in messages.output
    (log,) = tmp_path.rglob("run.log")
    assert "in breaks" in log.read_text() and "Traceback" in log.read_text()


def test_every_command_is_in_the_readme():
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    for command in app.registered_commands:
        name = command.name or command.callback.__name__
        assert f"precompute {name}" in readme, name


def test_translators_are_trained_where_a_configuration_has_them(peel, toml, tmp_path):
    refused = peel("train-translators", toml, "--results", tmp_path / "results")
    assert refused.exit_code == 1 and "a section [[translators]] makes it" in refused.output
    more = toml.read_text() + '[[translators]]\nn = 5\nbeside = ["bias"]\n'
    toml.write_text(more)
    made = peel("train-translators", toml, "--results", tmp_path / "results")
    assert made.exit_code == 0 and "has its translators." in made.output
    assert [path.parent.name for path in tmp_path.rglob("*.safetensors")] == ["tuned"]


def test_shares_end_saying_so_and_the_last_completes(peel, toml, tmp_path):
    call = ("run", toml, "--results", tmp_path / "results", "--shard")
    first = peel(*call, "1/2")
    assert first.exit_code == 0, first.output
    assert "share 1/2 has made what can be made now" in first.output
    assert not list(tmp_path.rglob("results.duckdb"))
    rest = [peel(*call, f"{1 + i % 2}/2") for i in range(1, 6)]
    assert rest[-1].exit_code == 0 and "is complete" in rest[-1].output
    refused = peel(*call, "9/8")
    assert refused.exit_code == 1 and "got 9/8" in refused.output


def test_parts_that_were_given_up_end_the_command_with_a_status(peel, toml, tmp_path, monkeypatch):
    failure = Failure("capture-1", "images-000003", "ValueError: no", 3, "host")

    def execute(*_):
        raise Unfinished("tiny: 1 parts were given up", [failure])

    monkeypatch.setattr("precompute.__main__.execute", execute)
    ended = peel("run", toml, "--results", tmp_path / "results")
    assert ended.exit_code == 1 and "1 parts were given up" in ended.output


def test_questions_that_were_given_up_end_the_command_with_a_status(
    peel, toml, tmp_path, monkeypatch
):
    toml.write_text(toml.read_text() + "[questions]\n")
    assert peel("run", toml, "--results", tmp_path).exit_code == 0
    failure = Failure("questions-1", "images-000003", "ValueError: no", 3, "host")

    def ask(job):
        job.maker.shortfall.give_up(job.run, "questions-1", [failure])

    monkeypatch.setattr("precompute.__main__.ask_questions", ask)
    messages = peel("questions", toml, "--results", tmp_path)
    assert messages.exit_code == 1 and "1 parts were given up" in messages.output
    assert "has its answers" not in messages.output
    monkeypatch.undo()
    messages = peel("questions", toml, "--results", tmp_path)
    assert messages.exit_code == 0 and "has its answers" in messages.output


def test_without_ray_the_command_names_the_remedy(peel, toml, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "precompute.runner.ray_engine", raising=False)
    messages = peel("run", toml, "--results", tmp_path / "results", "--set", "scale.engine=ray")
    assert messages.exit_code == 1
    assert "needs Ray" in messages.output and "requirements-ray.txt" in messages.output
