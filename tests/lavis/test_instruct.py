"""InstructBLIP in LAVIS, which only its source tree has; PyPI's release says so."""

import importlib.util

import numpy as np
import pytest

from precompute.config.settings import ModelConfig
from precompute.forward.parity import certificate
from precompute.models import load_captioner
from tests.lavis.conftest import CHECK
from tests.lavis.numbers import GREEDY, demo_tokens, pictures

HAS_INSTRUCT = importlib.util.find_spec("lavis.models.blip2_models.blip2_t5_instruct") is not None


def load():
    return load_captioner(ModelConfig(backend="lavis", path=str(CHECK / "instruct"), device="cpu"))


@pytest.mark.skipif(HAS_INSTRUCT, reason="this LAVIS has InstructBLIP")
def test_a_release_without_it_says_where_it_is():
    with pytest.raises(ValueError, match=r"PyPI's 1\.0\.2 has no InstructBLIP"):
        load()


@pytest.mark.skipif(not HAS_INSTRUCT, reason="LAVIS from PyPI has no InstructBLIP")
def test_the_demos_captions_are_those_of_transformers(theirs):
    captioner = load()
    assert np.array_equal(demo_tokens(captioner), theirs["demo_tokens"])
    result = certificate(captioner, pictures(), GREEDY)
    assert result["passed"], result
