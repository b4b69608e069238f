"""Arrays: what goes in comes out, in float16, or is refused by name."""

import io
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from store.errors import ImageNotFound, PartDamaged, RowsRefused
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
