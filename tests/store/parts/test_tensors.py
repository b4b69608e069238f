"""Arrays: what goes in comes out, in float16, or is refused by name."""

import io
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from store.errors import ImageNotFound, PartDamaged, RowsRefused
from store.parts import token_attention
from store.parts.tensors import ImageTensors, TensorWriter, read_ids, read_image

L, H, N = 3, 2, 5


def jpeg(size: int = 8) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (size, size)).save(buffer, "JPEG")
    return buffer.getvalue()


def image(i: int, width: int | None = 4, **changed: object) -> ImageTensors:
    rng = np.random.default_rng(i)
    values = {
        "image_id": f"i{i}ü",
        "attention": rng.random((L, H, N)),
        "contribution": rng.random((L, H, N)),
        "token_norm": rng.random((L + 1, N)),
        "summary_state": None if width is None else rng.normal(size=(L + 1, width)),
        "model_input": jpeg(8 + i),
    }
    return ImageTensors(**{**values, **changed})


@pytest.mark.parametrize("class_token", [True, False])
@pytest.mark.parametrize("width", [4, None])
def test_round_trip(tmp_path: Path, width: int | None, class_token: bool) -> None:
    path = tmp_path / "tensors.h5"
    with TensorWriter(path, L, H, N, width, class_token) as writer:
        assert [writer.append(image(i, width)) for i in range(4)] == [0, 1, 2, 3]
    assert read_ids(path) == [f"i{i}ü" for i in range(4)]
    for i in range(4):
        there, expected = read_image(path, i), image(i, width)
        assert (there.image_id, there.model_input) == (expected.image_id, expected.model_input)
        for name in ("attention", "contribution", "token_norm"):
            values = getattr(there, name)
            assert values.dtype == np.float16
            np.testing.assert_array_equal(values, getattr(expected, name).astype(np.float16))
        assert (there.summary_state is None) == (width is None)


@pytest.mark.parametrize(
    ("class_token", "expected"),
    [(True, {"cls_attention", "cls_state"}), (False, {"received_attention", "mean_state"})],
)
def test_a_file_says_which_kind_of_tower_it_is_of(
    tmp_path: Path, class_token: bool, expected: set[str]
) -> None:
    path = tmp_path / "tensors.h5"
    with TensorWriter(path, L, H, N, 4, class_token) as writer:
        writer.append(image(0))
    with h5py.File(path) as file:
        assert set(file) == expected | {"image_id", "contribution", "token_norm", "model_input"}
    assert read_image(path, 0, (L, H, N), class_token).summary_state is not None
    with pytest.raises(PartDamaged, match=r"attention, \w+_state, where \w+_attention must be"):
        read_image(path, 0, (L, H, N), not class_token)


@pytest.mark.parametrize("names", [("cls_attention", "received_attention"), ("mean_state",), ()])
def test_a_file_of_both_kinds_or_of_none_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    path = tmp_path / "tensors.h5"
    with TensorWriter(path, L, H, N) as writer:
        writer.append(image(0, width=None))
    with h5py.File(path, "a") as file:
        values = file["cls_attention"][:]
        del file["cls_attention"]
        for name in names:
            file[name] = values
    for class_token in (True, False, None):
        with pytest.raises(PartDamaged):
            read_image(path, 0, (L, H, N), class_token)


@pytest.mark.parametrize("bad", [np.inf, np.nan, 70000.0, -1e9])
def test_values_that_do_not_fit_are_named(tmp_path: Path, bad: float) -> None:
    norm = np.ones((L + 1, N))
    norm[2, 3] = bad
    with TensorWriter(tmp_path / "t.h5", L, H, N, 4) as writer:
        with pytest.raises(RowsRefused, match=r"token_norm of i0ü.*at \(2, 3\)"):
            writer.append(image(0, token_norm=norm))
        assert writer.append(image(1)) == 0  # the refused image left nothing
    assert read_image(tmp_path / "t.h5", 0).image_id == "i1ü"


def test_wrong_shapes_are_refused(tmp_path: Path) -> None:
    with TensorWriter(tmp_path / "t.h5", L, H, N, 4) as writer:
        with pytest.raises(RowsRefused, match="shape"):
            writer.append(image(0, contribution=np.ones((L, H, N + 1))))
        with pytest.raises(RowsRefused, match="summary_state"):
            writer.append(image(0, width=None))
        with pytest.raises(RowsRefused, match="model_input"):
            writer.append(image(0, model_input=b""))


def test_missing_rows_and_files(tmp_path: Path) -> None:
    with TensorWriter(tmp_path / "t.h5", L, H, N, 4) as writer:
        writer.append(image(0))
    for row in (-1, 1):
        with pytest.raises(ImageNotFound, match=r"0\.\.0"):
            read_image(tmp_path / "t.h5", row)
    with pytest.raises(ImageNotFound, match="Copy the whole run"):
        read_image(tmp_path / "none.h5", 0)
    (tmp_path / "bad.h5").write_bytes(b"no")
    with pytest.raises(PartDamaged, match="HDF5"):
        read_image(tmp_path / "bad.h5", 0)


def of_grid(i: int, grid: tuple[int, int], class_token: bool) -> ImageTensors:
    n, rng = grid[0] * grid[1] + class_token, np.random.default_rng(i)
    sizes = {"attention": (L, H, n), "contribution": (L, H, n), "token_norm": (L + 1, n)}
    return image(i, grid=grid, **{name: rng.random(size) for name, size in sizes.items()})


@pytest.mark.parametrize("class_token", [True, False])
def test_images_of_several_grids_lie_in_one_file(tmp_path: Path, class_token: bool) -> None:
    path, grids = tmp_path / "tensors.h5", [(2, 3), (3, 1), (1, 5)]
    with TensorWriter(path, L, H, 6 + class_token, 4, class_token, grids=True) as writer:
        for i, grid in enumerate(grids):
            writer.append(of_grid(i, grid, class_token))
        with pytest.raises(RowsRefused, match="at most"):
            writer.append(of_grid(3, (2, 4), class_token))
        with pytest.raises(RowsRefused, match="must have shape"):
            writer.append(image(3, grid=(2, 3)))
        with pytest.raises(RowsRefused, match="its grid must be given"):
            writer.append(image(3))
    shape = (L, H, 6 + class_token)
    for i, grid in enumerate(grids):
        there, expected = read_image(path, i, shape, class_token), of_grid(i, grid, class_token)
        assert there.grid == grid
        for name in ("attention", "contribution", "token_norm", "summary_state"):
            values = getattr(expected, name).astype(np.float16)
            np.testing.assert_array_equal(getattr(there, name), values)
    with h5py.File(path, "r+") as file:
        kept = file["cls_attention" if class_token else "received_attention"]
        assert np.isnan(kept[1, ..., 3 + class_token :]).all()
        file["grid"][1] = (7, 7)
    with pytest.raises(PartDamaged, match="a grid of 7 by 7"):
        read_image(path, 1, shape, class_token)


def test_attention_of_all_tokens_of_several_grids(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    given = {f"i{n}": rng.random((L, n, n)) for n in (6, 4)}
    token_attention.write(tmp_path / "t.h5", (L, 6, 6), iter(given.items()))
    for name, values in given.items():
        there = token_attention.read(tmp_path / "t.h5", name)
        np.testing.assert_array_equal(there, values.astype(np.float16))
