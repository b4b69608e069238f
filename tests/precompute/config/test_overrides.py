"""`--set key=value` on the command line."""

import tomllib

import pytest

from precompute.config.overrides import override
from precompute.config.settings import PROJECT, Config, read_config

DEMO = PROJECT / "precompute/configs/demo.toml"
TOML = """
[model]
path = "x"
[[datasets]]
name = "one"
kind = "folder"
path = "a"
[[datasets]]
name = "two"
kind = "folder"
path = "b"
[decode]
prompt = "p"
"""


def changed(*texts):
    return Config.model_validate(override(tomllib.loads(TOML), Config, texts))


@pytest.mark.parametrize(
    ("text", "read", "value"),
    [
        ("decode.generation.num_beams=3", lambda c: c.decode.generation.num_beams, 3),
        ("decode.num_beams=3", lambda c: c.decode.generation.num_beams, 3),
        ("datasets.1.path=data/x y", lambda c: c.datasets[1].path, "data/x y"),
        ("datasets.0.n = 7", lambda c: c.datasets[0].n, 7),
        ("model.device=cpu", lambda c: c.model.device, "cpu"),
        ('model.path="3"', lambda c: c.model.path, "3"),
        ("decode.prompt=a=b", lambda c: c.decode.prompt, "a=b"),
        ("capture.cls_state=true", lambda c: c.capture.cls_state, True),
        ('score.metrics=["exact"]', lambda c: c.score.metrics, ("exact",)),
        ("score.bertscore={model = 'm', layer = 2}", lambda c: c.score.bertscore.layer, 2),
        ("score.bertscore.layer=4", lambda c: c.score.bertscore.layer, 4),
        ("questions.layers=[0, 2]", lambda c: c.questions.layers, (0, 2)),
        ("questions.num_beams=2", lambda c: c.questions.generation.num_beams, 2),
    ],
)
def test_one_setting_changes_and_no_other(text, read, value):
    config = changed(text)
    assert read(config) == value
    if text.startswith("datasets.0"):
        assert config.datasets[1] == changed().datasets[1]
    assert config.decode.batch_size == changed().decode.batch_size


def test_the_last_of_two_counts_and_the_given_settings_stay():
    given = tomllib.loads(TOML)
    got = override(given, Config, ["decode.batch_size=2", "decode.batch_size=3"])
    assert got["decode"]["batch_size"] == 3
    assert given == tomllib.loads(TOML)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("decode.batch_size", r"must be KEY=VALUE.*got 'decode\.batch_size'"),
        ("=3", "must be KEY=VALUE"),
        ("decode.batchsize=3", r"no setting decode\.batchsize\. Did you mean decode\.batch_size"),
        ("xyzzy=3", r"no setting xyzzy\. There are: model, model\.backend, "),
        ("datasets.2.path=x", r"datasets\.2\.path: datasets has 2 entries, the first is 0"),
        ("datasets.path=x", r"no setting datasets\.path\. Did you mean datasets\.0\.path"),
        ("pruning.0.name=x", r"the file has no \[\[pruning\]\]"),
        ("score.metrics=[exact", r"--set score\.metrics=\[exact: the value must be as in TOML"),
    ],
)
def test_what_cannot_be_set_says_why(text, words):
    with pytest.raises(ValueError, match=words):
        changed(text)


def test_a_value_that_does_not_fit_names_the_override():
    words = r"--set decode\.num_beams=no does not fit:\n  decode\.generation\.num_beams: "
    with pytest.raises(ValueError, match=words):
        read_config(DEMO, ["decode.num_beams=no"])


def test_a_file_is_read_with_overrides():
    assert read_config(DEMO, ["datasets.1.n=5"]).datasets[1].n == 5
    assert read_config(DEMO).datasets[1].n is None
