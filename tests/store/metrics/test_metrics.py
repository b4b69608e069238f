"""The registry names what the tables have, and its ranks and ranges mean what they say."""

import re

from store.metrics import (
    CRITERIA,
    FAMILIES,
    HEADS,
    JUDGED,
    METRICS,
    gains,
    head_columns,
    head_menu,
    likeness,
    quality,
)
from store.metrics.inside import CAPTIONS, LAYERS
from store.schema import CAPTION_METRICS, LAYER_COLUMNS, TABLES, layer_columns
from store.statistics.convergence import SCORES as SETTLING

EVERY = [*METRICS.items(), *FAMILIES.items(), *CRITERIA.items(), *JUDGED.items()]


def test_every_number_of_the_tables_is_described_and_nothing_else():
    assert set(LAYERS) == set(LAYER_COLUMNS)
    assert set(CAPTIONS) == set(CAPTION_METRICS)
    for name, metric in EVERY:
        assert metric.label and metric.meaning.endswith("."), name


def test_heads_have_two_tables_whose_columns_keep_their_order():
    columns = {
        name: [column for column in TABLES[name].columns if column not in TABLES[name].key]
        for name in ("head_stat", "head_effect")
    }
    # As parts and published runs have them.
    assert columns["head_stat"] == [
        "attn_to_patches",
        "attn_entropy",
        "contribution_norm",
        "contribution_share",
        "received_entropy",
        "mean_contribution_norm",
        "mean_contribution_share",
    ]
    assert columns["head_effect"] == ["gradient", "without"]
    assert {table: list(head_columns(table)) for table in columns} == columns
    assert head_menu()[:3] == ("gradient", "without", "contribution_share")
    assert len({statistic.rank for statistic in HEADS.values()}) == len(HEADS) == len(head_menu())


def test_every_tower_has_its_own_statistics_and_no_other_s():
    cls, patches = set(layer_columns(True)), set(layer_columns(False))
    assert cls | patches == set(LAYER_COLUMNS)
    assert cls & patches == {"patch_update_norm", "patch_attn_share", "n_outlier_tokens"}
    # Each of the CLS token's has its like of the mean patch, but A, which is 1 by definition.
    assert len(cls) == len(patches) + len(("attn_to_patches", "delta_attn"))
    assert not set(head_columns("head_stat", True)) & set(head_columns("head_stat", False))
    for name in (patches - cls) | set(head_columns("head_stat", False)):
        assert "CLS" not in METRICS[name].label + METRICS[name].meaning, name


def test_lists_of_preference_are_those_of_the_pages():
    assert quality() == ("cider", "bertscore", "rouge_l", "coco_rouge_l", "label")
    assert likeness() == ("bertscore", "rouge_l", "bleu", "exact")
    assert gains()[0] == "grounded_gain_cider" and len(gains()) == len(quality())


def test_what_is_preferred_is_better_when_it_is_more_and_no_two_share_a_rank():
    for names, rank in ((quality(), "quality"), (likeness(), "likeness")):
        assert {METRICS[name].better for name in names} == {"more"}
        ranks = [getattr(METRICS[name], rank) for name in names]
        assert ranks == sorted(set(ranks))
    assert {METRICS[name].range[1] for name in likeness()} == {1}


def test_a_unit_that_names_ends_names_those_of_the_range():
    messages = 0
    for name, metric in EVERY:
        low, high = metric.range
        assert low < high, name
        if ends := re.search(r"(\d+) (?:to|or) (\d+)$", metric.unit):
            assert metric.range == (int(ends[1]), int(ends[2])), name
            messages += 1
    assert messages > 10


def test_a_metric_with_both_signs_is_drawn_around_0():
    signed = {name for name, statistic in HEADS.items() if statistic.metric.signed}
    assert signed == {
        "gradient",
        "without",
        "contribution_share",
        "mean_contribution_share",
    }


def test_what_settles_is_a_score_of_two_captions():
    assert {metric for metric, _ in SETTLING.values()} <= set(likeness())
