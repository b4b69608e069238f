"""The first page a newcomer meets."""

from urllib.parse import parse_qs

from store.runs import list_runs
from tests.dashboard.pages import words


def test_the_first_page_asks_a_newcomer_what_the_run_can_answer(visit, edited):
    at = visit("images", edited)
    assert not at.exception
    assert "What does each layer of a vision transformer see?" in words(at)
    ways = {link.proto.label: link.proto for link in at.get("page_link")}
    asked = [label for label in ways if label.endswith("?")]
    # Without a grounded gain none is known to be described fluently but wrongly.
    assert [label.split()[0] for label in asked] == ["At", "Which", "What"]
    for label in asked:
        query = parse_qs(ways[label].query_string)
        assert query["run"] == [list_runs(edited)[0].name], label
        page = ways[label].page or "images"
        there = visit(page, edited, **{name: values[0] for name, values in query.items()})
        assert not there.exception
        assert "which is not here" not in words(there), label


def test_who_looks_for_something_is_not_welcomed(visit):
    assert "What does each layer" in words(visit("images"))
    assert "What does each layer" not in words(visit("images", find="penguin"))
