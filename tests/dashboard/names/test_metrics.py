"""Labels of metrics, of what they are held against, and of those made from another."""

from dashboard.names import metrics as words


def test_titles_name_what_a_metric_is_held_against():
    assert words.title("rouge_l", "final") == "ROUGE-L against the final caption"
    assert words.title("uniqueness", "self") == "Unique captions"
    assert words.axis("repetition", "self") == "Repetition (share)"
    assert words.held("self") == "alone"
    assert words.word("new_metric").label == "new metric"


def test_metrics_made_from_another_are_called_after_it():
    assert words.word("grounded_gain_rouge_l").label == "Grounded gain, ROUGE-L"
    assert words.word("grounding_onset_cider").label == "Grounding sets in, CIDEr"
    assert words.word("grounded_gain_new").label == "Grounded gain, new"


def test_metrics_of_a_judge_are_called_after_it():
    assert words.word("judge.wise-1a2b").label == "Judge wise-1a2b"
    assert words.word("judge.wise-1.5-1a2b.entities").label == "Entities, judge wise-1.5-1a2b"
    assert words.word("judge_rise.wise-1a2b").unit == "points"
    assert words.word("judge.wise-1a2b.mean").range == (1, 5)
