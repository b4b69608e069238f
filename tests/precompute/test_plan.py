"""What decides a run's name, and how its images are cut."""

import pytest

from precompute.config import Generation
from precompute.plan import plan_runs


def changed(config, room, **values):
    return config.model_copy(update={room: getattr(config, room).model_copy(update=values)})


def test_the_same_configuration_is_the_same_run(config):
    assert plan_runs(config)[0].run_id == plan_runs(config)[0].run_id


@pytest.mark.parametrize(
    ("room", "values"),
    [
        ("decode", {"prompt": "what is this?"}),
        ("decode", {"batch_size": 6}),
        ("decode", {"generation": Generation(num_beams=2)}),
        ("capture", {"part_size": 4}),
        ("capture", {"batch_size": 1}),
        ("model", {"dtype": "bfloat16"}),
    ],
)
def test_whatever_decides_the_numbers_makes_another_run(config, room, values):
    assert plan_runs(changed(config, room, **values))[0].run_id != plan_runs(config)[0].run_id


@pytest.mark.parametrize(
    ("room", "values"), [("score", {"metrics": ("exact",)}), ("capture", {"cls_state": False})]
)
def test_what_decides_no_number_of_it_does_not(config, room, values):
    """They make other stages of the same run."""
    assert plan_runs(changed(config, room, **values))[0].run_id == plan_runs(config)[0].run_id


def test_other_weights_are_another_run(config, captioner, tmp_path):
    captioner.model.save_pretrained(tmp_path)
    captioner.processor.save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    other = changed(config, "model", path=str(tmp_path))
    assert plan_runs(other)[0].run_id != plan_runs(config)[0].run_id


def test_shards_hold_every_image_once_in_order(config):
    (plan,) = plan_runs(changed(config, "capture", part_size=4))
    assert {name: len(items) for name, items in plan.shards.items()} == {
        "images-000000": 4, "images-000004": 2
    }
    ids = [item.image_id for items in plan.shards.values() for item in items]
    assert ids == [item.image_id for item in plan.items]
