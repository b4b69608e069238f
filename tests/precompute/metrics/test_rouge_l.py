from itertools import combinations

import pytest

from precompute.metrics.rouge_l import rouge_l


def longest_common(a, b):
    """By trying every subsequence."""
    for size in range(min(len(a), len(b)), 0, -1):
        of_b = set(combinations(b, size))
        if any(part in of_b for part in combinations(a, size)):
            return size
    return 0


@pytest.mark.parametrize(
    ("text", "references"),
    [
        ("a cat sat on a mat", ["the cat sat", "on a mat a cat sat"]),
        ("a dog", ["a dog"]),
        ("snow", ["a dog in the snow", "sand"]),
        ("nothing alike", ["a dog"]),
    ],
)
def test_equals_the_definition_by_brute_force(text, references):
    def f1(reference):
        a, b = text.split(), reference.split()
        common = longest_common(a, b)
        return 2 * common / (len(a) + len(b))

    expected = max(map(f1, references))
    assert rouge_l([text], [references]) == [pytest.approx(expected)]
