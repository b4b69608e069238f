from precompute.metrics.label import label


def test_any_name_as_whole_words():
    names = ["king penguin", "Aptenodytes patagonica"]
    texts = ["A king penguin.", "a penguin", "the kings penguin", "aptenodytes  patagonica!"]
    assert label(texts, [names] * 4) == [1.0, 0.0, 0.0, 1.0]
