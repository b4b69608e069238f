from precompute.metrics.label import class_name, label


def test_any_name_as_whole_words():
    names = ["king penguin", "Aptenodytes patagonica"]
    texts = ["A king penguin.", "a penguin", "the kings penguin", "aptenodytes  patagonica!"]
    assert label(texts, [names] * 4) == [1.0, 0.0, 0.0, 1.0]


def test_the_right_class_is_its_first_name_and_no_other():
    names = ["king penguin", "Aptenodytes patagonica", "penguin", "bird"]
    texts = ["King penguin", "a king penguin", "penguin", "Aptenodytes patagonica", "king penguin."]
    assert class_name(texts, [names] * 5) == [1.0, 0.0, 0.0, 0.0, 1.0]
