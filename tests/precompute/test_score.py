"""Which pairs are scored, and what is left unscored."""

from precompute import metrics
from precompute.score import pairs, score_rows

STORY = ["", "a dog", "a cat on a mat"]


def test_pairs_of_one_image():
    got = [(p.layer, p.against, p.text, p.references) for p in pairs(STORY, ["a cat"])]
    assert got == [
        (0, "final", "", ("a cat on a mat",)),
        (0, "reference", "", ("a cat",)),
        (1, "previous", "a dog", ("",)),
        (1, "final", "a dog", ("a cat on a mat",)),
        (1, "reference", "a dog", ("a cat",)),
        (2, "previous", "a cat on a mat", ("a dog",)),
        (2, "final", "a cat on a mat", ("a cat on a mat",)),
        (2, "reference", "a cat on a mat", ("a cat",)),
    ]


def test_without_references_there_are_no_rows_against_them():
    assert {pair.against for pair in pairs(STORY, [])} == {"previous", "final"}


def test_an_empty_side_is_unscored_and_never_0():
    rows = score_rows("exact", "baseline", {"i": STORY}, {"i": ["a cat"]})
    value = {(row["layer"], row["against"]): row["value"] for row in rows}
    assert value[0, "final"] is value[0, "reference"] is value[1, "previous"] is None
    assert value[1, "final"] == 0.0
    assert value[2, "final"] == 1.0


def test_a_pair_that_many_images_share_is_scored_once(monkeypatch):
    asked = []

    def counting(texts, references):
        asked.extend(texts)
        return [0.5] * len(texts)

    monkeypatch.setitem(metrics.METRICS, "exact", counting)
    stories = {str(i): ["a man", "a man"] for i in range(100)}
    rows = score_rows("exact", "baseline", stories, dict.fromkeys(stories, ()))
    assert asked == ["a man"]
    assert len(rows) == 300
    assert {row["value"] for row in rows} == {0.5}
