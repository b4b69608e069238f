"""Corpus BLEU-4 equals the package's, called on the whole set; sums of any sample do, too."""

import csv
import json
import math
from itertools import islice

import numpy as np
import pytest
from pycocoevalcap.bleu.bleu import Bleu

from precompute.config.settings import PROJECT
from precompute.metrics import ptb
from precompute.metrics.coco_corpus import SUMMANDS, bleu4, summands


@pytest.fixture(scope="module")
def references():
    """Five captions an image: the demo's."""
    path = PROJECT / "precompute/demo/whoops/test/metadata.csv"
    with path.open(newline="", encoding="utf-8") as file:
        return [json.loads(row["crowd_captions"]) for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def texts(references):
    """A caption an image: some of others, some cut, some longer than any reference."""
    last = len(references)
    got = [references[(k + (k % 3 == 0)) % last][k % 5] for k in range(last)]
    changed = [" ".join(got[0].split()[:2]), "one", f"{got[2]}, and {got[3]}!"]
    return changed + got[3:]


@pytest.fixture(scope="module")
def package(texts, references):
    """Corpus BLEU-4 as the package's evaluation calls it, of some of the captions."""
    flat = iter(ptb.tokenise([text for itself in references for text in itself]))  # in one process
    refs = {k: list(islice(flat, len(itself))) for k, itself in enumerate(references)}
    messages = ptb.tokenise(texts)

    def score(values, words=None):
        itself = {k: refs[i] for k, i in enumerate(values)}
        mine = {k: [" ".join(messages[i].split()[:words])] for k, i in enumerate(values)}
        return Bleu(4).compute_score(itself, mine, verbose=0)[0][3]

    return score


def test_the_whole_set_is_the_packages(texts, references, package):
    sums = summands(texts, references).sum(axis=0)
    assert float(bleu4(sums)) == pytest.approx(package(range(len(texts))), abs=1e-6)


def test_the_penalty_of_brevity_is_the_packages(texts, references, package):
    short = [" ".join(text.split()[:4]) for text in texts]
    sums = summands(short, references).sum(axis=0)
    assert sums[-2] < sums[-1]
    assert float(bleu4(sums)) == pytest.approx(package(range(len(texts)), words=4), abs=1e-6)


def test_bootstrap_samples_are_the_packages_on_them(texts, references, package):
    values = summands(texts, references)
    for seed in range(5):
        drawn = np.random.default_rng(seed).integers(0, len(texts), len(texts))
        sums = np.bincount(drawn, minlength=len(texts)).astype(np.float64) @ values
        assert float(bleu4(sums)) == pytest.approx(package(drawn), abs=1e-6)


def test_nothing_has_no_score_and_no_match_has_nearly_0(references):
    assert summands([], []).shape == (0, SUMMANDS)
    assert math.isnan(float(bleu4(np.zeros(SUMMANDS))))
    assert float(bleu4(summands(["zyx"], references[:1])[0])) < 1e-6
