"""Every configuration that is shipped loads; one that does not fit says where and why."""

import tomllib

import pytest

from precompute.config.settings import PROJECT, Config, Generation, local_path, read_config
from precompute.metrics import METRICS

SHIPPED = sorted((PROJECT / "precompute/configs").glob("*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.name)
def test_shipped_configurations_load(path):
    config = read_config(path)
    assert set(config.score.metrics) <= set(METRICS)


def test_the_demo_is_shipped_with_its_model_and_pictures():
    config = read_config(PROJECT / "precompute/configs/demo.toml")
    assert len(config.datasets) == 2
    for path in (config.model.path, *(dataset.path for dataset in config.datasets)):
        assert local_path(path).is_dir()


def test_what_does_not_fit_is_listed(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text('[model]\npath = 3\n[decode]\nprompt = "x"\nbatch_size = 0\ncolour = 1\n')
    with pytest.raises(ValueError, match=r"own\.toml does not fit") as caught:
        read_config(path)
    for part in ("model.path", "datasets: Field required", "decode.batch_size", "decode.colour"):
        assert part in str(caught.value)


def test_a_misspelt_setting_names_the_one_that_is_meant(tmp_path):
    path = tmp_path / "own.toml"
    text = (PROJECT / "precompute/configs/demo.toml").read_text(encoding="utf-8")
    path.write_text(text.replace("part_size", "partsize").replace("all_layers", "all_layer"))
    with pytest.raises(ValueError, match="does not fit") as caught:
        read_config(path)
    _, *lines = str(caught.value).splitlines()
    assert [line.partition(" or ")[0].strip(" ?") for line in lines] == [
        "capture.partsize: there is no such setting. Did you mean capture.part_size",
        "experiments.0.all_layer: there is no such setting. Did you mean experiments.0.all_layers",
    ]


def test_a_missing_file_names_those_that_are_there(tmp_path):
    with pytest.raises(ValueError, match=r"does not exist. precompute/configs has: .*demo\.toml"):
        read_config(tmp_path / "none.toml")


def test_what_is_no_toml_says_so(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text("prompt: x")
    with pytest.raises(ValueError, match="is not TOML"):
        read_config(path)


@pytest.mark.parametrize(
    ("section", "name"),
    [("datasets", "demo-whoops"), ("experiments", "inside"), ("pruning", "algorithm1")],
)
def test_two_of_one_name_are_refused(tmp_path, section, name):
    shipped = tomllib.loads((PROJECT / "precompute/configs/demo.toml").read_text(encoding="utf-8"))
    (first,) = (each for each in shipped[section] if each["name"] == name)
    shipped[section].append(first)
    with pytest.raises(ValueError, match=rf"names under \[\[{section}\]\]; got {name} more than"):
        Config.model_validate(shipped)


def test_a_configuration_is_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Generation().num_beams = 3
