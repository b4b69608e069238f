"""What translators and their controls give on a captioner that has learnt: the demo's."""

import statistics

import pytest
import torch

from precompute.config.settings import PROJECT, read_config
from precompute.forward import decode_states
from precompute.images import load_dataset
from precompute.metrics.rouge_l import rouge_l
from precompute.models import captioner_of, with_permuted_tower
from precompute.translators.fit import Images
from precompute.translators.passes import all_states
from precompute.translators.readings import Seen, reading
from precompute.translators.stage import fit_kind

LAYER, READ = 6, 12


@pytest.fixture(scope="module")
def config():
    return read_config(PROJECT / "precompute/configs/demo.toml")


@pytest.fixture(scope="module")
def gains(config):
    """Reader -> mean grounded gain (ROUGE-L) of its captions of a middle layer, and of the last."""
    captioner = captioner_of(config.model)()
    items = load_dataset(config.datasets[0])
    fitting, choosing, read = items[:28], items[28:36], items[36 : 36 + READ]
    images = Images(fitting, choosing, 16)
    (settings,) = config.translators
    fitted = {
        kind: fit_kind(kind, captioner, images, settings, config.decode, lambda _: None)
        for kind in ("tuned", "permuted")
    }
    pixels = captioner.pixels([item.open() for item in read])
    with torch.inference_mode():
        plain = all_states(captioner.tower, pixels)
        permuted = all_states(with_permuted_tower(captioner, settings.permuted_seed).tower, pixels)
        turned = [torch.roll(state, 1, 0) for state in plain]
        seen = Seen(plain, turned, permuted)
        handed = {
            "native": plain[LAYER],
            "last": plain[-1],
            **{
                reader: reading(reader, LAYER, seen, fitted)
                for reader in ("tuned", "bias", "others", "permuted")
            },
        }
        texts = {
            reader: [
                caption.text
                for caption in decode_states(
                    captioner, ((row, [1]) for row in state), config.decode
                )
            ]
            for reader, state in handed.items()
        }
    references = [list(item.references) for item in read]
    return {reader: gain(of_reader, references) for reader, of_reader in texts.items()} | {
        "others' own": gain(texts["others"], references[-1:] + references[:-1])
    }


def gain(texts, references):
    """Own references' score minus the mean of all others'."""
    own = rouge_l(texts, references)
    others = [
        statistics.mean(rouge_l([text] * (READ - 1), references[:i] + references[i + 1 :]))
        for i, text in enumerate(texts)
    ]
    return statistics.mean(own) - statistics.mean(others)


def test_a_translator_reads_more_than_the_mean_shift(gains):
    assert gains["last"] > 0.3, "the captioner says what is there"
    assert gains["tuned"] > 0.3 * gains["last"]
    assert gains["tuned"] > gains["bias"] + 0.05


def test_trained_within_a_permuted_tower_it_gains_nothing(gains):
    assert abs(gains["permuted"]) < 0.05 < gains["tuned"]


def test_of_another_picture_it_tells_that_one_s_story(gains):
    assert gains["others"] < 0.05
    assert gains["others' own"] == pytest.approx(gains["tuned"], abs=0.02)
