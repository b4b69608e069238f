"""Edits in words, without an edit: prunings, and conditions that have no specification."""

from dashboard.names.conditions import edit_name, resampled, which_mean
from store.interventions import read_spec


def test_a_pruning_is_named_by_who_chose_its_heads():
    chosen = {"algorithm": "random", "n_pruned": 20, "seed": 0}
    assert edit_name("prune:x-1a2b", {"pruning": chosen}) == "20 heads, random heads, seed 0"
    chosen = {"algorithm": "importance", "n_pruned": 4, "seed": None}
    assert edit_name("prune:x-1a2b", {"pruning": chosen}) == "4 heads, Algorithm 1"


def test_what_has_no_specification_keeps_its_id():
    assert edit_name("skip:3", read_spec(None)) == "skip:3"
    assert which_mean(read_spec(None)) == []


def test_pages_say_what_stands_in_place_of_a_mean_where_something_does():
    assert resampled([{}, {"mean": {"pool": "position"}}, {"mean": None}]) == ""
    assert "in place of the mean" in resampled([{}, {"mean": {"pool": "resample"}}])
