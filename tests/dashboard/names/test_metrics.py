"""Labels of metrics, of what they are held against, and of those made from another."""

from dashboard.names import metrics


def test_titles_name_what_a_metric_is_held_against():
    assert metrics.title("rouge_l", "final") == "ROUGE-L against the final caption"
    assert metrics.title("uniqueness", "self") == "Unique captions"
    assert metrics.axis("repetition", "self") == "Repetition (share)"
    assert metrics.held("self") == "alone"
    assert metrics.word("new_metric").label == "new metric"


def test_metrics_made_from_another_are_called_after_it():
    assert metrics.word("grounded_gain_rouge_l").label == "Grounded gain, ROUGE-L"
    assert metrics.word("grounding_onset_cider").label == "Grounding sets in, CIDEr"
    assert metrics.word("grounded_gain_new").label == "Grounded gain, new"


def test_metrics_of_a_judge_are_called_after_it():
    assert metrics.word("judge.wise-1a2b").label == "Judge wise-1a2b"
    assert metrics.word("judge.wise-1.5-1a2b.entities").label == "Entities, judge wise-1.5-1a2b"
    assert metrics.word("judge_rise.wise-1a2b").unit == "points"
    assert metrics.word("judge.wise-1a2b.mean").range == (1, 5)
