"""The page Maps, its lines on the Image page, the words that can be followed, and the report."""

import re

import pytest

from dashboard.names import maps as map_names
from dashboard.report import report
from store import open_run
from store.publish import publish
from store.query import maps as map_queries
from store.query.images import Selection, filter_images
from store.query.predicates import parse_predicates
from tests.dashboard.opening import words
from tests.synthetic import make_run
from tests.synthetic_maps import GAINS, write_maps


def run_with(folder, gains=GAINS, **options):
    run = make_run(folder, publish=False, **options)
    write_maps(run, gains=gains)
    publish(run)
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return run_with(tmp_path_factory.mktemp("maps"))


def test_the_page_says_which_maps_may_be_read(run, visit):
    at = visit("maps", run.parent)
    assert not at.exception
    said = words(at)
    assert (
        "May be read as where it looked: attention, mean over heads (layers 1, 3); contribution, "
        "mean over heads (layers 1, 3)."
    ) in said
    assert (
        "Points at what is named; that it carries the caption is not shown: gradient times state, "
        "each word (layers 1, 3)."
    ) in said
    assert "Maps of single words, checked without gradients" in [h.value for h in at.subheader]
    other = visit("maps", run.parent, trial="rank:")
    assert not other.exception
    assert other.selectbox(key="trial").value == "rank:"


def test_what_fails_a_trial_may_not_and_says_why(visit, tmp_path):
    run = run_with(tmp_path, {**GAINS, "insertion": -0.2, "rank": -0.1})
    said = words(visit("maps", run.parent))
    assert "Not to be read as where it looked: attention, mean over heads (layers 1, 3)" in said
    with open_run(run) as opened:
        trials, verdicts = map_queries.trials(opened), map_queries.verdicts(opened)
        line = map_names.line(verdicts, trials, "attention", 3)
    assert line == (
        "Not to be read as where it looked: by insertion (blurred picture) its patches are "
        "not shown to matter more than random ones, and it is not shown to point at what is named "
        "(12 pictures; page Maps)."
    )


def test_a_run_without_trials_says_so(visit):
    said = words(visit("maps"))
    assert "that it shows where the model looked is not known" in said


def test_few_pictures_say_that_they_are_few(visit, tmp_path):
    run = run_with(tmp_path, n_images=4)
    assert "Tried on fewer than 10 pictures: too few to tell" in words(visit("maps", run.parent))


def test_a_word_is_followed_from_the_link(run, visit):
    at = visit("image", run.parent, image="img00000")
    assert not at.exception
    assert "What carries" not in words(at)
    at = visit("image", run.parent, image="img00000", word="5-0")
    assert not at.exception
    said = words(at)
    assert "What carries “&lt;first&gt;” in the caption of layer 5" in said
    assert "Patches taken away" in said
    assert "Maps of words in Z^1, Z^3: Points at what is named" in said
    heads = [b for b in at.button if b.label.startswith("Layer ")]
    sizes = [abs(float(b.label.split(": ")[1])) for b in heads]
    assert len(sizes) == 6 and sizes == sorted(sizes, reverse=True)
    place = re.match(r"Layer (\d), head (\d)", heads[0].label)
    heads[0].click().run()
    assert (at.query_params["layer"], at.query_params["head"]) == (place[1], place[2])
    unknown = visit("image", run.parent, image="img00000", word="9-9")
    assert not unknown.exception
    assert "the word “9-9”" in words(unknown)


def test_pictures_are_filtered_by_whether_words_point(run):
    with open_run(run) as opened:
        chosen = filter_images(opened, Selection(parse_predicates("word_map_points>=0.5")))
    assert chosen["image_id"].tolist() == [f"img{k:05d}" for k in (1, 3, 6, 8, 11)]


def test_without_a_class_token_words_are_followed_too(visit, tmp_path):
    run = run_with(tmp_path, class_token=False)
    at = visit("image", run.parent, image="img00000", word="5-1")
    assert not at.exception
    with open_run(run) as opened:
        word = opened.table("word", "image_id = 'img00000' AND word = 1")["text"][0]
    assert f"What carries “{word}”" in words(at)


def test_the_report_has_a_figure_a_measure_and_the_verdicts(run):
    with open_run(run) as opened:
        made = report(opened)
    assert made.count("What maps gain over") >= 5
    assert "May be read as where it looked: attention, mean over heads" in made
