"""Maps of words as they are kept: what comes back, and what is refused."""

import numpy as np
import pytest

from store.errors import ImageNotFound, RowsRefused
from store.parts import word_maps
from store.parts.word_maps import WordRow

TOKENS, LAYERS, HEADS = 5, 3, 2


def row(layer, word, seed, shape=(2, TOKENS)):
    rng = np.random.default_rng(seed)
    return WordRow(
        layer,
        word,
        rng.uniform(-1, 1, shape),
        rng.uniform(-1, 1, (LAYERS, HEADS)),
        rng.uniform(-1, 1, TOKENS),
    )


@pytest.fixture
def path(tmp_path):
    rows = [("a", row(3, 0, 0)), ("b", row(3, 0, 1)), ("a", row(2, 0, 2)), ("a", row(3, 1, 3))]
    word_maps.write(tmp_path / "x.h5", [1, 3], (TOKENS, LAYERS, HEADS), rows)
    return tmp_path / "x.h5"


def test_the_words_of_a_caption_come_back_in_order(path):
    got = word_maps.read(path, "a", 3)
    assert (got.at, got.words) == ([1, 3], [0, 1])
    for at, seed in enumerate((0, 3)):
        kept = row(3, at, seed)
        np.testing.assert_allclose(got.maps[:, at], kept.maps, atol=1e-3)
        np.testing.assert_allclose(got.heads[at], kept.heads, atol=1e-3)
        np.testing.assert_allclose(got.deletion[at], kept.deletion, atol=1e-3)
    assert got.maps.dtype == np.float16
    np.testing.assert_allclose(
        word_maps.read(path, "a", 2).maps[:, 0], row(2, 0, 2).maps, atol=1e-3
    )
    assert word_maps.read(path, "b", 2) is None
    assert word_maps.read(path, "c", 3) is None


def test_other_shapes_and_infinities_are_refused(path, tmp_path):
    with pytest.raises(RowsRefused, match=r"maps of word 0 of a must have shape \(2, 5\)"):
        word_maps.write(
            tmp_path / "y.h5", [1, 3], (TOKENS, LAYERS, HEADS), [("a", row(3, 0, 0, (1, TOKENS)))]
        )
    bad = row(3, 0, 0)
    bad.heads[0, 0] = np.inf
    with pytest.raises(RowsRefused, match="heads of word 0 of a must be finite"):
        word_maps.write(tmp_path / "z.h5", [1, 3], (TOKENS, LAYERS, HEADS), [("a", bad)])
    with pytest.raises(ImageNotFound):
        word_maps.read(tmp_path / "none.h5", "a", 3)
