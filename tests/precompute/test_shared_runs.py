"""Configurations that go on with another's run have to name the same one."""

import pytest

from precompute.config.settings import PROJECT, read_config

CONFIGS = PROJECT / "precompute/configs"


@pytest.mark.parametrize("name", ["figure2", "pruning"])
def test_they_decide_the_same_numbers_as_the_main_run(name):
    main, other = (read_config(CONFIGS / f"{file}.toml") for file in ("whoops", name))
    assert other.model == main.model
    assert other.decode == main.decode
    assert main.datasets[0] in other.datasets
    for setting in ("part_size", "batch_size", "cls_state"):
        assert getattr(other.capture, setting) == getattr(main.capture, setting)
