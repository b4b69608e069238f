import pandas as pd

from dashboard import ladder


def test_rows_compare_with_the_layer_below_or_with_the_final_caption():
    captions = pd.DataFrame({"layer": [0, 1, 2], "text": ["a cat", None, "a dog"]})
    below = ladder.rows(captions, against_final=False)
    assert [row["layer"] for row in below] == [0, 1, 2]
    assert below[0] == {"layer": 0, "pieces": [{"text": "a cat", "change": "kept"}], "same": True}
    assert below[1]["pieces"] == [{"text": "a cat", "change": "lost"}]
    assert below[2]["pieces"] == [{"text": "a dog", "change": "gained"}]
    final = ladder.rows(captions, against_final=True)
    assert [row["same"] for row in final] == [False, False, True]
    assert final[0]["pieces"] == [{"text": "a", "change": "kept"},
                                  {"text": "dog", "change": "lost"},
                                  {"text": "cat", "change": "gained"}]
