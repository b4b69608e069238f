import itertools
import xml.etree.ElementTree as ET

import pandas as pd
import pytest

from dashboard.data import run as run_data
from dashboard.views import pruning
from dashboard.widgets import picture
from store.disk.runs import list_runs
from store.query import conditions as condition_queries
from tests.dashboard.opening import words
from tests.dashboard.reader.test_reader import sent


def test_heads_come_by_their_effect_first(open_page):
    at = open_page("heads")
    assert not at.exception
    assert at.selectbox(key="heads_by").value == "gradient:self"
    text = words(at)
    assert "How far the gradient can be trusted" in text
    assert "ranks these heads cannot be told: fewer than 10 images" in text  # 9 measure
    assert "in the middle half of 14 images" in text
    assert len(at.get("vega_lite_chart")) == 3  # the matrix, the scatter, heads beside the null
    assert "winner&#x27;s curse" in text or "winner's curse" in text


def test_heads_are_those_of_the_condition_where_it_was_measured(open_page, edited):
    effects = run_data.asked(
        run_data.key_of(list_runs(edited)[0]),
        condition_queries.head_curve,
        "attn_to_patches",
        "self",
        "skip:5",
    )
    at = open_page("heads", condition="skip:5", heads_by="attn_to_patches:self")
    assert not at.exception
    text = words(at)
    assert ">Under skip:5.<" in text
    assert "heads were not measured" not in text
    assert "Of the baseline: heads were removed from the unedited model alone." in text
    assert "Of the baseline: heads were not read under skip:5." in text
    largest = next(frame.value for frame in at.dataframe if "95% interval" in frame.value)
    row = effects.loc[effects["mean"].idxmax()]
    assert largest.iloc[0, :2].tolist() == [row["layer"], row["head"]]
    assert largest.iloc[0, 2] == pytest.approx(row["mean"])


def test_heads_of_a_condition_that_was_not_measured_are_labelled_as_the_baselines(open_page):
    text = words(open_page("heads", condition="confuse:4"))
    assert "Of the baseline: heads were not measured under confuse:4." in text
    assert "Of the baseline" not in words(open_page("heads"))


def test_any_measure_of_heads_can_be_chosen(open_page, edited):
    measures = run_data.asked(run_data.key_of(list_runs(edited)[0]), condition_queries.head_metrics)
    assert len(measures) > 3
    for metric, against in zip(measures["metric"], measures["against"], strict=True):
        at = open_page("heads", heads_by=f"{metric}:{against}")
        assert not at.exception, metric
        assert at.selectbox(key="heads_by").value == f"{metric}:{against}"
        assert "which is not here" not in words(at)


def test_the_gallery_has_a_card_a_head_and_the_layer_below(open_page):
    at = open_page("heads", image="img00003", heads_at="5")
    text = words(at)
    assert [f">head {head}<" in text for head in range(4)] == [True, True, True, False]
    assert text.index(">no head<") < text.index(">head 0<")
    assert "The line is the layer with all its heads off" in text
    assert "the layer below, Z^4" in text
    assert "this layer, Z^5" in text
    assert "ROUGE-L to this layer" in text
    assert "Carried through" not in text
    assert "one scale for all heads and layers of the picture" in text
    assert "<span>0</span>" in text and "<span>≥ 0." in text
    assert "heads:6-without-0+2" in words(open_page("heads", heads_at="6"))


def test_table_1_has_the_controls_at_equal_count(open_page):
    at = open_page("pruning", pruned="4")
    assert not at.exception
    assert "on a sample of 3 images" in words(at)
    table = next(text for text in words(at).splitlines() if text.startswith("<table"))
    groups = {}
    for body in ET.fromstring(table).iter("tbody"):
        name, *rows = ([cell.text for cell in row] for row in body)
        groups[name[0]] = rows
    for measure in ("ROUGE-L against the references", "Convergence layer"):
        rows = groups[measure]
        assert [row[0] for row in rows] == [
            "Algorithm 1",
            "random heads, mean of 2, and their range",
            "heads of least norm",
        ]
        assert [row[-1] for row in rows] == ["11"] * 3  # those of the sample are left out
    for row in itertools.chain(*groups.values()):
        before, after, difference = map(float, row[1:4])
        low, high = map(float, row[4].split(" to "))
        assert after - before == pytest.approx(difference, abs=2e-3)
        assert low <= difference <= high
    assert len(at.get("vega_lite_chart")) == 3
    text = words(at)
    assert "Whether Algorithm 1 beat chance cannot be told: 2 random choices" in text
    assert "share 50% (Jaccard index; as many heads at random would share 25%)" in text
    # Two layers of three heads: one surely above the null, one surely below.
    assert "Of 6 heads 2 alone keep more of the layer" in text and "2 keep less" in text
    assert at.selectbox(key="quality").value == "rouge_l:reference"


def test_settings_of_a_pruning_are_words():
    assert pruning._setting("layers", [1, 2, 3, 4]) == "layers 1 to 4"
    assert pruning._setting("layers", [1, 2, 4]) == "layers 1, 2, 4"
    assert pruning._setting("temperature", 0.03612) == "temperature 0.0361"
    assert pruning._setting("softmax", "plain") == "softmax plain"


def test_the_image_page_says_which_maps_are_the_baselines(open_page):
    at = open_page("image", condition="confuse:4", against="baseline")
    assert not at.exception
    assert "Maps and measures of heads and measures of layers were not taken" in words(at)
    assert "final caption, confuse:4" in words(at)
    assert "the last layer alone was decoded" in words(at)
    at = open_page("image", condition="skip:5")
    assert "Maps were not taken under skip:5" in words(at)
    assert "were not taken" not in words(open_page("image"))


def test_the_strongest_cell_is_that_of_the_largest_gradient(open_page, edited):
    key = run_data.key_of(list_runs(edited)[0])
    seen = picture.look(key, "img00002", "baseline")
    layer, head, metric = picture.strongest(seen.heads)
    largest = max(seen.heads.itertuples(), key=lambda row: abs(row.gradient))
    assert (layer, head, metric) == (largest.layer, largest.head, "gradient")
    at = open_page("image", image="img00002")
    header, _ = sent(at)
    assert header["start"]["at"]["layer"] == header["peak"]["layer"] == str(layer)
    assert "By the gradient" in header["peak"]["why"]


def test_without_numbers_there_is_no_strongest_cell():
    empty = pd.DataFrame(
        {"layer": [1], "head": [0], "gradient": [None], "contribution_share": [None]}
    )
    assert picture.strongest(empty) is None
    shares = empty.assign(contribution_share=0.5)
    assert picture.strongest(shares) == (1, 0, "contribution_share")
