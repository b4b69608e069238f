import pandas as pd
import pytest

from dashboard.charts import chance_tables


def table(**values):
    """One comparison of Algorithm 1 with random heads, as `beside_chance` gives it."""
    row = {
        "measure": "CIDEr against the references",
        "heads chosen by": "Algorithm 1",
        "minus random heads": 0.3,
        "95% from": 0.1,
        "95% to": 0.5,
        "p": 1 / 21,
        "random choices": 20,
        "images": 32,
    }
    return pd.DataFrame([{**row, **values}])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "beat chance: +0.300 (95% interval 0.100 to 0.500) beside the mean of 20 random"),
        ({}, "p = 0.048, the least that so many choices can give."),
        ({"p": 6 / 21}, "Algorithm 1 did not beat chance"),
        ({"p": 2 / 51, "random choices": 50}, "beat chance"),
        ({"random choices": 3, "p": 0.25}, "cannot be told: 3 random choices"),
        ({"p": None}, "is not known"),
        ({"heads chosen by": "heads of least norm"}, "is not known"),
    ],
)
def test_one_sentence_says_whether_chance_was_beaten(values, said):
    text = chance_tables.beat_chance(table(**values))
    assert said in text
    assert text.endswith(".")


def test_a_measure_without_a_better_side_does_not_decide():
    both = pd.concat([table(measure="Convergence layer", p=None), table(p=0.5)])
    assert "By CIDEr" in chance_tables.beat_chance(both)


def test_rows_are_those_of_the_number_of_heads_in_the_order_of_table_1():
    rows = pd.DataFrame(
        {
            "condition_id": ["a", "a", "b", "c"],
            "algorithm": ["Algorithm 1", "Algorithm 1", "heads of least norm", "Algorithm 1"],
            "n_pruned": [4, 4, 4, 8],
        }
    )
    chance = pd.DataFrame(
        [
            {
                "condition_id": name,
                "metric": metric,
                "against": "reference",
                "n": 9,
                "n_random": 20,
                "difference": 0.1,
                "low": 0.0,
                "high": 0.2,
                "p": 0.3,
            }
            for name in "abc"
            for metric in ("rouge_l", "bleu", "cider")
        ]
    )
    got = chance_tables.beside_chance(rows, chance, 4)
    assert (
        got["measure"].tolist()
        == ["CIDEr against the references"] * 2 + ["ROUGE-L against the references"] * 2
    )
    assert got["heads chosen by"].tolist() == ["Algorithm 1", "heads of least norm"] * 2
    assert chance_tables.beside_chance(rows, chance.iloc[:0], 4).empty


def test_stability_is_said_beside_chance():
    found = {
        "samples": 3,
        "jaccard": {"1": 0.5, "2": 0.3},
        "chance": {"1": 0.2, "2": 0.3},
        "rank": {"1": 0.6, "2": None},
    }
    text = chance_tables.stable({"sample": ["x"] * 16, "stability": found})
    assert "On 3 samples of 16 images" in text
    assert "share 40% (Jaccard index; as many heads at random would share 25%)" in text
    assert "rank correlation of 0.60" in text
    assert text.endswith("2 layers.")
    assert "was not measured" in chance_tables.stable({"stability": None})
    whole = chance_tables.stable({"stability": {**found, "jaccard": {}, "chance": {}}})
    assert "Jaccard" not in whole
