"""The bootstrap against one that writes every drawn image out."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.statistics import bootstrap
from tests.store.slow import slow_interval


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 16), st.integers(1, 4), st.integers(1, 5), st.integers(0, 9999))
def test_chunks_do_not_matter_and_gaps_are_left_out(n: int, k: int, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, k))
    values[rng.random((n, k)) < 0.3] = np.nan
    weights = rng.multinomial(n, np.full(n, 1 / n), size=30).astype(np.uint8)
    cut = [slice(start, min(start + size, n)) for start in range(0, n, size)]
    summary = bootstrap.summarise(iter([(s, values[s]) for s in cut]), weights, np.zeros(k, bool))
    for column in range(k):
        mine = values[:, column]
        there = np.isfinite(mine)
        assert summary.n[column] == there.sum()
        if weights[:, there].sum():
            low, high = slow_interval(mine, weights)
            assert summary.mean[column] == pytest.approx(mine[there].mean())
            assert (summary.low[column], summary.high[column]) == pytest.approx(
                (low, high), rel=1e-3, abs=1e-3, nan_ok=True
            )


def test_weights_draw_as_many_images_as_there_are(tmp_path: Path) -> None:
    kept = bootstrap.bootstrap_weights(50, tmp_path / "w")
    assert (kept.sum(axis=1) == 50).all()
    np.testing.assert_array_equal(kept, bootstrap.bootstrap_weights(50))
