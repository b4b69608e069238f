"""Every configuration that is shipped loads; one that does not fit says where and why."""

import tomllib
from typing import get_args

import pytest

from precompute.config.settings import (
    PROJECT,
    Config,
    Generation,
    ModelConfig,
    local_path,
    read_config,
)
from precompute.metrics import METRICS
from store.disk import create_run, run_id
from store.parts import stage_folder, write_failures, write_part

SHIPPED = sorted((PROJECT / "precompute/configs").glob("*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.name)
def test_shipped_configurations_load(path):
    config = read_config(path)
    assert set(config.score.metrics) <= set(METRICS)
    assert (PROJECT / f"precompute/models/{config.model.backend}.py").is_file()


def test_every_back_end_has_a_configuration():
    back_ends = get_args(ModelConfig.model_fields["backend"].annotation)
    assert {read_config(path).model.backend for path in SHIPPED} >= {*back_ends}


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
    path.write_text(text.replace("part_size", "partsize").replace("all_layers", "all_layer", 1))
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
    "content",
    [b"a = " + b"[" * 5000, b"a = " + b"9" * 5000, b'a = "caf\xe9"', b"\x00" * 10],
    ids=["deep", "long", "latin", "zeros"],
)
def test_bytes_that_no_parser_likes_name_the_file(tmp_path, content):
    path = tmp_path / "own.toml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"own\.toml is not TOML") as caught:
        read_config(path)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("decode.max_new_tokens=1000000000", "less than or equal to 2048"),
        ("decode.num_beams=1000000", "less than or equal to 64"),
        ("decode.min_new_tokens=31", "min_new_tokens must be at most max_new_tokens, 20; got 31"),
        ("decode.length_penalty=nan", "finite"),
        ("decode.repetition_penalty=inf", "finite"),
        ("datasets.0.seed=99999999999999999999", "less than 4294967296"),
        ("pruning.0.random_seeds=1000000", "less than or equal to 10000"),
        ("pruning.0.random_seeds=[0, 1]", "valid integer"),
        ("scale.cpus=1e300", "less than or equal to 1024"),
        (f"datasets.0.name={'a' * 300}", "at most 64"),
        (f"experiments.0.name={'a' * 300}", "at most 64"),
        (f"pruning.0.name={'a' * 300}", "at most 64"),
        (f"decode.batch_size={'9' * 5000}", "batch_size"),
        (f"decode.prompt={'[' * 5000}", "must be as in TOML"),
    ],
)
def test_what_no_machine_holds_is_refused_before_anything_runs(setting, words):
    with pytest.raises(ValueError, match=words) as caught:
        read_config(PROJECT / "precompute/configs/demo.toml", [setting])
    assert setting.partition("=")[0].split(".")[-1] in str(caught.value)


def test_the_longest_names_are_names_of_folders(tmp_path):
    """The longest that a stage can be called, with the hidden name under which it is made."""
    longest = max(METRICS, key=len)
    stage = stage_folder(tmp_path, f"score.{longest}.sweep.{'a' * 64}", {})
    with write_part(stage, "part-00000"):
        pass
    write_failures(tmp_path, stage.name, [])
    assert create_run(tmp_path, run_id("d" * 64, {}), {"decides": {}}).is_dir()


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


@pytest.mark.parametrize(
    ("setting", "backend", "fits"),
    [
        ({"aspect": "keep"}, "qwen2_5_vl", True),
        ({"aspect": "keep"}, "llava", False),
        ({"tiles": 2}, "smolvlm", True),
        ({"tiles": 2}, "qwen3_vl", False),
        ({"deepstack": "keep"}, "qwen3_vl", True),
        ({"deepstack": "keep"}, "qwen2_5_vl", False),
    ],
)
def test_what_one_family_alone_can_do(setting, backend, fits):
    if fits:
        assert ModelConfig(backend=backend, path="x", **setting)
    else:
        with pytest.raises(ValueError, match=next(iter(setting))):
            ModelConfig(backend=backend, path="x", **setting)


@pytest.mark.parametrize(
    ("model", "section", "words"),
    [
        ({"backend": "qwen2_5_vl", "aspect": "keep"}, "word_maps", "Set aspect = 'square'"),
        ({"backend": "smolvlm", "tiles": 2}, "faithfulness", "Set tiles = 1"),
        ({"backend": "qwen3_vl"}, "patching", "more than one state"),
        ({"backend": "qwen3_vl"}, "translators", "more than one state"),
        ({"backend": "qwen3_vl"}, "word_maps", ""),
        ({"backend": "smolvlm"}, "translators", ""),
    ],
)
def test_what_wants_one_state_and_one_grid_says_so(model, section, words):
    demo = tomllib.loads((PROJECT / "precompute/configs/demo.toml").read_text(encoding="utf-8"))
    kept = {name: demo[name] for name in ("datasets", "decode", section)}
    config = {**kept, "model": {"path": "x", **model}}
    if words:
        with pytest.raises(ValueError, match=words):
            Config.model_validate(config)
    else:
        assert Config.model_validate(config)
