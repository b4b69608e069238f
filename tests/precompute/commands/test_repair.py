"""Damaged parts are set aside and made again, number for number."""

import shutil

import pytest
from typer.testing import CliRunner

from precompute.__main__ import app
from precompute.commands.repair import repair
from precompute.models import CheckpointMissing
from precompute.pipeline import execute
from precompute.runner.job import Job
from precompute.runner.plan import plan_runs
from precompute.runner.stage import Maker
from precompute.runner.watch import Watch
from store.upkeep.verify import verify_run
from tests.stress.same import differences


@pytest.fixture(scope="module")
def whole(config, captioner, tmp_path_factory):
    (plan,) = plan_runs(config)
    with Watch() as watch:
        return execute(Job(plan, tmp_path_factory.mktemp("whole"), lambda: captioner, Maker(watch)))


@pytest.fixture
def run(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "results" / whole.name, symlinks=True)


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def mend(run, captioner, config=None):
    messages = []
    with Watch() as watch:
        return repair(run, config, lambda _: captioner, watch, messages.append), messages


@pytest.mark.parametrize(
    ("pattern", "damage"),
    [
        ("capture-*/images-000002/tensors.h5", cut),
        ("capture-*/images-000000/caption.parquet", flip),
        ("score.exact-*/images-000004/score.parquet", flip),
        ("score.exact-*/images-000004/part.json", cut),
        ("capture-*/images-000002/part.json", lambda path: path.unlink()),
        ("capture-*/images-000002", shutil.rmtree),
    ],
)
def test_damaged_parts_are_made_again(run, whole, captioner, pattern, damage):
    (path,) = (run / "parts").glob(pattern)
    damage(path)
    assert not verify_run(run).ok
    report, messages = mend(run, captioner)
    assert report.ok, report.problems
    assert any("is to be made again" in line for line in messages)
    assert differences(run.parent, whole.parent) == []


def test_several_at_once_and_nothing_is_deleted(run, whole, captioner):
    for pattern in ("capture-*/images-000002/tensors.h5", "score.*/images-000002/score.parquet"):
        for path in (run / "parts").glob(pattern):
            flip(path)
    report, messages = mend(run, captioner)
    assert report.ok
    aside = sorted(path.parent.name for path in run.glob("damaged/parts/*/images-000002~*"))
    assert len(aside) == sum("is damaged" in line for line in messages) >= 2
    assert differences(run.parent, whole.parent) == []


@pytest.mark.parametrize("damage", [flip, cut])
def test_damaged_tables_are_built_again(run, whole, captioner, damage):
    damage((run / "results.duckdb").resolve())
    assert not verify_run(run).ok
    report, _ = mend(run, captioner)
    assert report.ok
    assert differences(run.parent, whole.parent) == []


def test_what_is_whole_is_left_alone(run):
    def no_model(_):
        pytest.fail("nothing is missing")

    with Watch() as watch:
        assert repair(run, None, no_model, watch, pytest.fail).ok


def test_other_settings_touch_nothing(run, config, captioner):
    (path,) = (run / "parts").glob("capture-*/images-000002/tensors.h5")
    cut(path)
    other = config.model_copy(
        update={"decode": config.decode.model_copy(update={"prompt": "a photo of"})}
    )
    with pytest.raises(ValueError, match="differs in: prompt"):
        mend(run, captioner, other)
    assert path.exists()
    assert not (run / "damaged").exists()


def test_the_command_repairs_with_the_configuration_of_the_run(run, whole):
    (path,) = (run / "parts").glob("capture-*/images-000002/tensors.h5")
    cut(path)
    output = CliRunner().invoke(app, ["verify", "--repair", "--results", str(run.parent)])
    assert output.exit_code == 0, output.output
    assert "images-000002 is to be made again" in output.output
    assert "MB: whole" in output.output
    assert differences(run.parent, whole.parent) == []


def test_without_the_weights_it_says_how_to_get_them(run, whole, captioner, config, tmp_path):
    (part, *_) = (run / "parts").glob("capture-*/images-000002/tensors.h5")
    cut(part)
    elsewhere = config.model_copy(
        update={
            "model": config.model.model_copy(update={"path": str(tmp_path / "nowhere")}),
        }
    )
    with pytest.raises(CheckpointMissing, match="Correct its path"):
        mend(run, captioner, elsewhere)
