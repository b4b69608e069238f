from precompute.metrics.exact import exact


def test_any_reference_counts_after_normalisation():
    texts = ["A cat.", "a  cat", "a cat", "a dog"]
    references = [["a cat"], ["dog", "A CAT!"], ["the cat"], ["a dog", "x"]]
    assert exact(texts, references) == [1.0, 1.0, 0.0, 1.0]
