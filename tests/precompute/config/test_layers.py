"""Layers of every section of a configuration, held against one tower."""

import pytest

from precompute.config.experiments import HeadsConfig, PruningConfig
from precompute.config.judge import JudgeConfig
from precompute.config.layers import check_layers, require_layers
from precompute.config.settings import QuestionsConfig

L = 3


def sections(layers):
    """What can name layers, as an update of a configuration -> the lowest layer allowed."""
    judge = JudgeConfig.model_construct(layers=layers)  # a negative one is no JudgeConfig at all
    return {
        "heads": ({"heads": HeadsConfig(layers=layers)}, 1),
        "questions": ({"questions": QuestionsConfig(layers=layers)}, 0),
        "judge": ({"judge": judge}, 0),
        "pruning": ({"pruning": (PruningConfig(name="x", layers=layers),)}, 1),
    }


@pytest.mark.parametrize("section", sections((1, 2)))
@pytest.mark.parametrize("wrong", [-1, L + 1, 10**9])
def test_no_section_names_a_layer_that_the_tower_has_not(config, section, wrong):
    update, lowest = sections((1, wrong))[section]
    message = rf"{section}.* must be in {lowest}\.\.{L} for this tower; got {wrong}\."
    with pytest.raises(ValueError, match=message):
        check_layers(config.model_copy(update=update), L)


@pytest.mark.parametrize("section", sections((1, 2)))
def test_the_lowest_and_the_highest_layer_are_there(config, section):
    _, lowest = sections((1, 2))[section]
    update, _ = sections((lowest, L, L))[section]
    check_layers(config.model_copy(update=update), L)
    if lowest:
        update, _ = sections((0, L))[section]
        with pytest.raises(ValueError, match=r"got 0\."):
            check_layers(config.model_copy(update=update), L)


def test_layers_come_back_ascending_and_once():
    assert require_layers((3, 0, 3, 1), 0, L, "layers") == [0, 1, 3]
    assert require_layers((), 1, L, "layers") == []
    with pytest.raises(ValueError, match=r"got -2, 0, 9\. Layer l names"):
        require_layers((9, 0, -2, 1), 1, L, "layers")
