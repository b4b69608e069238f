"""What decides a run's name, and how its images are cut."""

import shutil
from importlib.metadata import version

import pytest

from precompute.config.settings import Generation
from precompute.estimate.report import describe
from precompute.interventions.means import source_run
from precompute.models import huggingface
from precompute.runner import plan
from precompute.runner.plan import plan_runs


def changed(config, section, **values):
    return config.model_copy(update={section: getattr(config, section).model_copy(update=values)})


def test_the_same_configuration_is_the_same_run(config):
    assert plan_runs(config)[0].run_id == plan_runs(config)[0].run_id


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("decode", {"prompt": "what is this?"}),
        ("decode", {"batch_size": 6}),
        ("decode", {"generation": Generation(num_beams=2)}),
        ("capture", {"part_size": 4}),
        ("capture", {"batch_size": 1}),
        ("model", {"dtype": "bfloat16"}),
    ],
)
def test_whatever_decides_the_numbers_makes_another_run(config, section, values):
    assert plan_runs(changed(config, section, **values))[0].run_id != plan_runs(config)[0].run_id


@pytest.mark.parametrize(
    ("section", "values"), [("score", {"metrics": ("exact",)}), ("capture", {"cls_state": False})]
)
def test_what_decides_no_number_of_it_does_not(config, section, values):
    """They make other stages of the same run."""
    assert plan_runs(changed(config, section, **values))[0].run_id == plan_runs(config)[0].run_id


def test_a_background_of_transparent_pictures_makes_another_run(config):
    (dataset,) = config.datasets
    on_white = dataset.model_copy(update={"background": "white"})
    other = config.model_copy(update={"datasets": (on_white,)})
    (before,), (after,) = plan_runs(config), plan_runs(other)
    assert after.run_id != before.run_id
    assert {item.background for item in after.items} == {"white"}


def test_other_weights_are_another_run(config, captioner, tmp_path):
    captioner.model.save_pretrained(tmp_path)
    captioner.processor.save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    other = changed(config, "model", path=str(tmp_path))
    assert plan_runs(other)[0].run_id != plan_runs(config)[0].run_id


@pytest.mark.parametrize(
    ("name", "decides"),
    [
        ("config.json", True),
        ("generation_config.json", True),
        ("processor_config.json", True),
        ("tokenizer.json", True),
        ("qformer_tokenizer/tokenizer_config.json", True),
        ("README.md", False),
        (".cache/etag.json", False),
    ],
)
def test_what_a_checkpoint_says_beside_its_weights_makes_another_run(
    config, checkpoint, tmp_path, name, decides
):
    copy = shutil.copytree(checkpoint, tmp_path / "copy")
    here = changed(config, "model", path=str(copy))
    before = plan_runs(here)[0]
    (copy / name).parent.mkdir(exist_ok=True)
    with (copy / name).open("a") as file:
        file.write("\n")
    (after,) = plan_runs(here)
    assert (after.run_id != before.run_id) is decides
    assert after.decides["weights"] == before.decides["weights"]


def test_the_versions_are_those_of_the_back_ends_libraries(config, monkeypatch):
    (planned,) = plan_runs(config)
    assert planned.decides["versions"]["transformers"] == version("transformers")
    monkeypatch.setattr(huggingface, "LIBRARIES", ("torch", "no-such-package"))
    assert plan_runs(config)[0].decides["versions"] == {
        "torch": version("torch"),
        "no-such-package": None,
    }


def test_weights_are_read_once_for_all_data_sets(config, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(plan, "weights_sha256", lambda model: calls.append(model) or "w")
    (dataset,) = config.datasets
    two = config.model_copy(
        update={
            "datasets": (dataset, dataset.model_copy(update={"name": "again"})),
        }
    )
    first, second = plan_runs(two)
    assert first.decides == second.decides and first.run_id != second.run_id
    messages = describe(two, tmp_path)
    assert first.run_id in messages and second.run_id in messages
    assert len(calls) == 2
    assert source_run(first, "again", tmp_path).run_id == second.run_id
    assert len(calls) == 2


def test_shards_hold_every_image_once_in_order(config):
    (planned,) = plan_runs(changed(config, "capture", part_size=4))
    assert {name: len(items) for name, items in planned.shards.items()} == {
        "images-000000": 4,
        "images-000004": 2,
    }
    ids = [item.image_id for items in planned.shards.values() for item in items]
    assert ids == [item.image_id for item in planned.items]
    some = planned.shards_of(["img-1", "img-0", "nobody"])
    assert {name: [item.image_id for item in items] for name, items in some.items()} == {
        "images-000000": ["img-0", "img-1"]
    }
