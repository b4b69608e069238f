import pandas as pd

from dashboard.names import score_line
from tests.dashboard.opening import words

NOBODY = pd.DataFrame({"judge": [], "value": []})


def scores(*rows):
    return pd.DataFrame(rows, columns=["metric", "against", "value"])


def test_the_few_scores_that_tell_are_one_line():
    line = score_line.line(
        scores(
            ("bertscore", "reference", 0.98765),
            ("bertscore", "final", 1.0),
            ("cider", "reference", 4.891),
            ("coco_rouge_l", "reference", 0.4),
            ("rouge_l", "reference", 1.0),
            ("grounded_gain_rouge_l", "shuffled", 0.6),
            ("grounded_gain_bertscore", "shuffled", 0.321),
            ("cider", "shuffled", 0.1),
        ),
        pd.DataFrame({"judge": ["wise-1a2b"], "value": [4.25]}),
    )
    assert line == (
        "CIDEr 4.89, BERTScore 0.988, ROUGE-L 1 against the references · "
        "Grounded gain, BERTScore 0.321 · Judge wise-1a2b 4.25 of 5"
    )


def test_a_class_is_named_or_not():
    for value, line in ((1.0, "Names its class"), (0.0, "Does not name its class")):
        assert (
            score_line.line(
                scores(("label", "label", value), ("grounded_gain_label", "shuffled", value)),
                NOBODY,
            )
            == line
        )


def test_a_class_is_the_right_one_or_not():
    for value, line in ((1.0, "Right class"), (0.0, "Not the right class")):
        rows = ("class_name", "label", value), ("grounded_gain_class_name", "shuffled", value)
        assert score_line.line(scores(*rows), NOBODY) == line


def test_what_was_not_scored_is_left_out():
    assert (
        score_line.line(scores(("cider", "reference", None), ("exact", "final", 1.0)), NOBODY) == ""
    )


def test_they_stand_at_the_top_and_the_table_keeps_its_name_at_every_layer(open_page):
    at = open_page("image", image="img00003", layer="2")
    assert "ROUGE-L 1 against the references" in words(at)
    at.session_state["scores"] = True
    at.run()
    assert "Of the caption at layer 2." in words(at)
    labels = [box.label for box in at.expander]
    assert "Scores of the caption" in labels
    assert [box.label for box in open_page("image", image="img00003", layer="4").expander] == labels
