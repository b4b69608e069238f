import math

import numpy as np
import pandas as pd
import pytest

from dashboard.captions import ladder_rows

CAPTIONS = pd.DataFrame(
    {
        "layer": [0, 1, 2, 3, 4],
        "mean_logprob": [-1.0, None, -0.5, 0.0, 0.0],
        "text": [
            "a cat a cat a cat",
            None,
            "A cat, in the snow",
            "a cat in the snow",
            "a dog in snow",
        ],
    }
)


def test_rows_tell_what_changed_and_against_what():
    rows = ladder_rows.rows(CAPTIONS, {}, {2: "a cat"}, {})
    assert [row["layer"] for row in rows] == [0, 1, 2, 3, 4]
    assert rows[0]["pieces"]["previous"] == [["kept", "a cat a cat a cat"]]
    assert rows[1]["pieces"]["previous"] == [["lost", "a cat a cat a cat"]]
    assert rows[2]["pieces"]["other"] == [["kept", "A cat,"], ["gained", "in the snow"]]
    assert "other" not in rows[3]["pieces"]
    assert rows[4]["pieces"]["final"] == [["kept", "a dog in snow"]]
    assert [row["degenerate"] for row in rows] == [True, True, False, False, False]
    assert [row["fold"] for row in rows] == [0, 1, 2, 2, 4]


def test_bars_are_shares_or_unknown():
    scores = {"grounded": pd.Series({2: 0.25}), "same": pd.Series({2: 0.75, 3: np.nan})}
    rows = ladder_rows.rows(CAPTIONS, scores, None, {2: 0, 3: 12})
    assert rows[2]["bars"] == {
        "grounded": 0.25,
        "sure": pytest.approx(math.exp(-0.5)),
        "changed": 0.25,
    }
    assert rows[3]["bars"] == {"grounded": None, "sure": 1.0, "changed": None}
    assert rows[1]["bars"]["sure"] is None
    assert [row["shared"] for row in rows] == [0, 0, 0, 12, 0]


def test_captions_fold_that_name_the_same_things():
    long = "there is a {} that is standing in front of the {} in {} green garden"
    texts = [
        long.format("horse", "house", "the"),
        long.format("horse", "house", "a"),
        long.format("zebra", "house", "a"),
        long.format("zebra", "tree", "a"),
        "a tree and a zebra in a garden",
        "the zebra by the tree",
    ]
    assert ladder_rows.folds([3, 4, 5, 6, 7, 8], texts) == [3, 3, 5, 6, 7, 8]


def test_words_of_the_last_caption_are_followed_to_where_they_begin():
    assert ladder_rows.first_appearances(CAPTIONS) == [
        {"word": "dog", "first": 4, "stays": 4},
        {"word": "snow", "first": 2, "stays": 2},
    ]
    gone = CAPTIONS.assign(text=["snow", "rain", "snow", "snow", "snow"])
    assert ladder_rows.first_appearances(gone) == [{"word": "snow", "first": 0, "stays": 2}]
    assert ladder_rows.first_appearances(CAPTIONS.iloc[:0]) == []


def test_the_ladder_is_marked_where_the_pictures_own_captions_settle_and_are_grounded():
    settled = CAPTIONS.assign(text=["a", "a dog", "A dog.", None, "a dog"])
    gain = pd.Series({0: -1.0, 1: 0.3, 2: 0.2, 3: np.nan, 4: 0.8}, dtype="float32")
    # Half of 0.8 is 0.4: below it lie -1.0, 0.3 and 0.2, and the NaN is no layer.
    own = ladder_rows.marks(settled, gain)
    assert [(mark["layer"], mark["text"]) for mark in own] == [
        (4, "This picture's caption settles"),
        (4, "This picture's grounding sets in"),
    ]
    early = ladder_rows.marks(settled.assign(text="a dog"), gain + 2)
    assert [mark["layer"] for mark in early] == [0, 1]
    assert len(ladder_rows.marks(settled, -gain)) == 1  # its last caption is of another picture
    assert len(ladder_rows.marks(settled, None)) == 1
    assert ladder_rows.marks(settled.iloc[-1:], None) == []
    assert ladder_rows.marks(settled.iloc[:0], gain.iloc[:0]) == []
