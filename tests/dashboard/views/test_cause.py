"""The pages Robustness and Patching, and what Figures, Images and Image have of them."""

import pytest

from store.disk.runs import list_runs
from store.query import open_generation
from tests.dashboard.opening import opened, words
from tests.synthetic_cause import make_caused


@pytest.fixture(scope="module")
def caused(tmp_path_factory):
    folder = tmp_path_factory.mktemp("caused")
    make_caused(folder, n_images=12, n_layers=3, n_heads=2)
    return folder


def test_curves_differences_and_the_ranking_are_on_the_page(visit, caused):
    at = visit("robustness", caused)
    assert not at.exception
    text = words(at)
    assert "Which layers bear it: gaussian noise" in text
    assert "Means over 12 images" in text
    assert len(at.get("vega_lite_chart")) == 1
    (parting,) = [one.value for one in at.dataframe if "images" in one.value]
    assert parting["images"].tolist() == [12] * 4
    assert "gaussian noise, severity 1" in parting["broken by"].tolist()
    assert len(opened(at)) == 8
    assert {link["condition"] for link in opened(at)} == {"gaussian_noise@5"}


def test_a_measure_that_the_clean_have_too_is_paired(visit, caused):
    at = visit("robustness", caused, measure="repetition:self", way="attack on the final caption")
    assert not at.exception
    assert "At the last layer, against the clean picture" in words(at)
    (paired,) = [one.value for one in at.dataframe if "difference" in one.value]
    assert len(paired) == 4


def test_another_condition_ranks_when_it_is_chosen(visit, caused):
    at = visit("robustness", caused, condition="occlude:30:map")
    assert "Condition occlude:30:map" in words(at)
    assert {link["condition"] for link in opened(at)} == {"occlude:30:map"}


def test_images_are_found_by_where_their_stories_part(visit, caused):
    (path,) = list_runs(caused)
    at = visit("images", caused, condition="gaussian_noise@5", filter="divergence_layer<2")
    assert not at.exception
    with open_generation(path, 1) as run:
        stat = run.table(
            "image_stat", "condition_id = 'gaussian_noise@5' AND metric = 'divergence_layer'"
        )
    n = int((stat["value"] < 2).sum())
    assert 0 < n < 12
    assert f"{n} of 12 images" in words(at)


def test_the_image_page_offers_broken_pictures(visit, caused):
    at = visit("image", caused, edit="corrupt")
    assert not at.exception
    assert "Corruption: the picture is broken as in ImageNet-C" in words(at)


def test_a_pair_is_shown_with_its_maps(visit, caused):
    at = visit("patching", caused, patched="b")
    assert not at.exception
    text = words(at)
    assert "What carries the difference between two pictures" in text
    assert "Means over fewer than 10 pairs have none" in text
    assert "mean over 4 ways" in text
    assert len(at.get("vega_lite_chart")) == 4


def test_a_pair_of_one_caption_says_so(visit, caused):
    at = visit("patching", caused, pair="02")
    assert not at.exception
    assert "nothing to put over" in words(at)
    assert len(at.get("vega_lite_chart")) == 1


def test_figures_have_both(visit, caused):
    at = visit("figures", caused)
    assert not at.exception
    text = words(at)
    assert "Which layers bear it: patches covered in the map's order" in text.replace("&#x27;", "'")
    assert "What carries the difference" in text


@pytest.mark.parametrize("page", ["robustness", "patching"])
def test_a_run_without_says_how_to_ask(visit, page):
    at = visit(page)
    assert not at.exception
    assert "[[experiments]]" in words(at) or "[patching]" in words(at)
