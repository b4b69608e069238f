"""What can be said of LAVIS's back end where LAVIS is not; the rest is `make test-lavis`."""

import pytest
import torch

from precompute.config.settings import PROJECT, ModelConfig, read_config
from precompute.models import missing_weights
from precompute.models.checkpoint import CheckpointMissing
from precompute.models.lavis_files import EVA_VIT_G, describe, weight_files


def test_this_environment_is_distinguished_from_lavis():
    config = read_config(PROJECT / "precompute/configs/whoops-lavis.toml")
    output = missing_weights(ModelConfig(**config.model.model_dump() | {"device": "cpu"}))
    assert "the back end 'lavis' is not in this environment" in output
    assert "`make setup-lavis`" in output


def test_a_folder_that_is_not_whole_says_how_to_get_the_rest(tmp_path):
    torch.save({}, tmp_path / "eva_vit_g.pth")
    with pytest.raises(CheckpointMissing) as caught:
        weight_files(tmp_path)
    assert "there is eva_vit_g.pth, and flan-t5 is not" in str(caught.value)
    assert "blip2_pretrained_flant5xl.pth` and `hf download google/flan-t5-xl" in str(caught.value)


def test_dimensions_are_lavis_own_unless_the_folder_says_otherwise(tmp_path):
    assert describe(tmp_path).vision == EVA_VIT_G
    assert not describe(tmp_path).instruct
    (tmp_path / "config.json").write_text('{"vision": {"depth": 3}, "num_query_token": 8}')
    (tmp_path / "bert-base-uncased").mkdir()
    files = describe(tmp_path)
    assert (files.vision["depth"], files.vision["num_heads"]) == (3, EVA_VIT_G["num_heads"])
    assert (files.n_queries, files.instruct) == (8, True)
