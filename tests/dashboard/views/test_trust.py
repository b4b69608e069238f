"""What a run was held against, in words: of a run that has it, and of one that has nothing."""

import pytest

from dashboard.views import trust
from store import open_run
from store.query import checks
from tests.dashboard.opening import words
from tests.synthetic import make_run

NOTHING = dict.fromkeys(
    ("towers", "floor_images", "null_layers", "random_choices", "banded_curves"), 0
)


@pytest.fixture(scope="module")
def edited_run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("edited"), n_images=12, conditions=True)


def test_counts_are_those_of_the_tables(edited_run):
    with open_run(edited_run) as run:
        got = checks.checks(run)
        heads, chance = run.table("head_caption"), run.table("chance")
        assert got["null_layers"] == heads.loc[heads["head"] == -1, "layer"].nunique() > 0
        assert got["random_choices"] == chance["n_random"].max() > 1
        assert got["banded_curves"] == run.table("band")["metric"].nunique() > 0
        assert got["towers"] == got["floor_images"] == 0


def test_a_run_without_any_of_it_says_so_everywhere():
    facts = dict(trust.facts(NOTHING, None))
    assert facts["floor"].startswith("None was made")
    assert facts["null heads"].startswith("None were decoded")
    assert facts["chance"].startswith("No pruning")
    assert "Publish again" in facts["comparisons"]
    some = NOTHING | {"towers": 2, "floor_images": 12, "null_layers": 3, "random_choices": 20}
    facts = dict(trust.facts(some, {"passed": True}))
    assert "2 towers with permuted weights, 12 images each" in facts["floor"]
    assert facts["null heads"].startswith("In 3 layers")
    assert "20 random choices" in facts["chance"]
    assert "no p can be below 0.048" in facts["chance"]


def test_the_page_shows_it(visit, edited_run):
    at = visit("runs", edited_run.parent)
    assert not at.exception
    assert "What was checked" in [header.value for header in at.subheader]
    assert "random choices of as many heads" in words(at)
