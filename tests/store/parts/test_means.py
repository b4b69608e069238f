"""Sums of states: written, read, added up, and what may not be added."""

from dataclasses import replace

import numpy as np
import pytest

from store.errors import PartDamaged, RunMismatch
from store.parts.means import StateSums, add_up, read_dataset, read_sums, write_sums


@pytest.fixture
def states():
    """Seven images, two states, three tokens of width four."""
    return np.random.default_rng(0).normal(size=(7, 2, 3, 4))


def sums(states, images):
    ids = tuple(f"img-{i}" for i in images)
    return StateSums("tiny", "abc", (2, 5), ids, states[list(images)].sum(0))


def test_parts_add_up_to_the_mean_over_all_images(states, tmp_path):
    for i, images in enumerate([(0, 1, 2), (3,), (4, 5, 6), ()]):
        write_sums(tmp_path / f"{i}.h5", sums(states, images))
    total = add_up(read_sums(tmp_path / f"{i}.h5") for i in range(4))
    assert total.image_ids == tuple(f"img-{i}" for i in range(7))
    np.testing.assert_allclose(total.mean(2), states[:, 0].mean(0), rtol=1e-12)
    np.testing.assert_allclose(total.mean(5), states[:, 1].mean(0), rtol=1e-12)


def test_what_was_written_is_read(states, tmp_path):
    value = sums(states, (1, 2))
    write_sums(tmp_path / "means.h5", value)
    got = read_sums(tmp_path / "means.h5")
    assert replace(got, sums=None) == replace(value, sums=None)
    assert got.sums.dtype == np.float64
    assert read_dataset(tmp_path / "means.h5") == value.dataset
    np.testing.assert_array_equal(got.sums, value.sums)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights_sha256": "def"}, "one weights_sha256; got abc and def"),
        ({"dataset": "other"}, "one dataset"),
        ({"states": (2, 6)}, "one states"),
        ({"sums": np.zeros((2, 9, 4))}, "one shape"),
        ({"image_ids": ("img-0",)}, "different images; got 2 with only 1"),
    ],
)
def test_what_does_not_belong_together_is_refused(states, change, message):
    with pytest.raises(RunMismatch, match=message):
        add_up([sums(states, (0,)), replace(sums(states, (1,)), **change)])


def test_a_mean_over_nothing_or_of_another_state_is_refused(states):
    with pytest.raises(ValueError, match="over 0 images of tiny"):
        sums(states, ()).mean(2)
    with pytest.raises(ValueError, match=r"sums of Z\^3 over images; got sums of \[2, 5\]"):
        sums(states, (1,)).mean(3)


def test_a_damaged_file_says_so(tmp_path):
    (tmp_path / "means.h5").write_bytes(b"not HDF5")
    for read in (read_sums, read_dataset):
        with pytest.raises(PartDamaged, match="must be an HDF5 file"):
            read(tmp_path / "means.h5")
