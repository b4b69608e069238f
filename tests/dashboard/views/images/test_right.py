"""When a caption counts as right."""

import pandas as pd
import pytest

from dashboard.views.images import right
from dashboard.views.images.right import measure
from store.query import parse_predicates

NAMES = {
    "class": ["class_name:label", "label:label", "grounded_gain_cider:shuffled", "rouge_l:final"],
    "gain": ["grounded_gain_cider:shuffled", "grounded_gain_exact:shuffled", "rouge_l:final"],
    "alike": ["bertscore:final", "rouge_l:final", "exact:final"],
    "none": ["n_nouns:self"],
}


@pytest.fixture
def of(monkeypatch):
    """`measure` of a run that has such scores, and a last layer's mean gain of 3."""

    def asked(kind, text="", gain=3.0):
        curves = pd.DataFrame(
            {"metric": "grounded_gain_cider", "layer": [3, 4], "mean": [1.0, gain]}
        )
        monkeypatch.setattr(right.run_data, "quantities", lambda key: NAMES[kind])
        monkeypatch.setattr(right.run_data, "curves", lambda key, condition: curves)
        return measure("key", parse_predicates(text), 4)

    return asked


@pytest.mark.parametrize(
    ("kind", "text", "wrong"),
    [
        ("class", "", "class_name:label@LAYER<1"),
        ("gain", "", "grounded_gain_cider:shuffled@LAYER<1.5"),
        ("alike", "", "bertscore:final@LAYER<0.9"),
        ("alike", "map_shift@2>1;n_tokens<3", "bertscore:final@LAYER<0.9"),
        ("class", "rouge_l:final@2>0.5", "rouge_l:final@LAYER<=0.5"),
        ("class", "rouge_l:final@2<=0.5", "rouge_l:final@LAYER<=0.5"),
        ("class", "|rouge_l:final|@2<=0.5", "class_name:label@LAYER<1"),
        ("class", "repetition:self@2>0.1", "repetition:self@LAYER>0.1"),
    ],
)
def test_by_what(of, kind, text, wrong):
    assert of(kind, text).wrong_at("LAYER") == wrong


def test_nothing_tells(of):
    assert of("none") is None
    assert of("gain", gain=-0.5).wrong_at(2) == "rouge_l:final@2<0.9"


def test_a_filter_of_the_usual_measure_has_its_words(of):
    assert of("class", "class_name:label@2<1").does == "name the picture's class"
    assert of("class", "class_name:label@2<0.5").does.startswith("score 0.5 or more by")


def test_a_threshold_counts_as_the_store_keeps_it(of):
    values = pd.Series([0.1, 0.0999, 0.2]).astype("float32")
    assert list(of("class", "rouge_l:final@2>0.1").passes(values)) == [0, 0, 1]
    assert list(of("class", "rouge_l:final@2>=0.1").passes(values)) == [1, 0, 1]
