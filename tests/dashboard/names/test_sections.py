"""Which curves of a run stand in which section of the page Layers."""

from dashboard.names.sections import ABOUT, TITLES, by_section
from store.metrics import FAMILIES, METRICS


def test_every_metric_has_one_section():
    metrics = [
        "cider",
        "grounded_gain_cider",
        "label",
        "attn_to_patches",
        "update_norm",
        "attn_norm",
        "final_logprob",
        "n_nouns",
        "a_new_one",
    ]
    sections = by_section(metrics)
    placed = [
        metric for section, there in sections.items() if section != "glance" for metric in there
    ]
    assert sorted(placed) == sorted(set(metrics) - {"attn_norm"})  # a line beside update_norm's
    assert sections["captions"] == ["cider", "a_new_one"]
    assert next(iter(sections)) == "glance" and "settles" in sections
    assert list(by_section(["cider"])) == ["glance", "captions", "settles"]


def test_sections_keep_the_order_of_the_page_and_likenesses_that_of_the_run():
    sections = by_section(
        [
            "attn_entropy",
            "exact",
            "answer_accuracy",
            "bleu",
            "attn_to_patches",
            "grounded_gain_label",
            "label",
            "uniqueness",
            "grounded_gain_cider",
        ]
    )
    assert sections["attention"] == ["attn_to_patches", "attn_entropy"]
    assert sections["captions"] == ["exact", "bleu"]
    gains = ["grounded_gain_label", "grounded_gain_cider"]
    assert sections["grounding"] == [*gains, "answer_accuracy", "label", "uniqueness"]
    assert sections["glance"] == ["bleu", "grounded_gain_cider", "attn_to_patches"]


def test_every_section_that_a_metric_names_is_on_the_page():
    named = {metric.section for metric in (*METRICS.values(), *FAMILIES.values())} - {None}
    assert named | {"glance", "settles"} == set(TITLES) == set(ABOUT)
