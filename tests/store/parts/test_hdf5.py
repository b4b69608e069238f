"""Arrays that a stranger sent: what HDF5 can name elsewhere, promise or unpack is never read."""

import io
import shutil
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from store import open_run
from store.errors import PartDamaged
from store.parts import means, tensors, token_attention
from tests.synthetic import make_run

SECRET = b"a key of the receiver's, 64 bytes of it ....................... "


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("made"), n_images=3, n_layers=3, n_heads=2)


@pytest.fixture
def run(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / made.name, symlinks=True))


def picture(size=(8, 8), kind="JPEG"):
    buffer = io.BytesIO()
    Image.new("RGB", size).save(buffer, kind)
    return np.frombuffer(buffer.getvalue(), np.uint8)


def again(file, name, **how):
    """Make an array of the file anew, of the same shape and type."""
    shape, kind = file[name].shape, file[name].dtype
    del file[name]
    return file.create_dataset(name, **{"shape": shape, "dtype": kind, **how})


def external_storage(file, secret):
    shape = file["cls_attention"].shape
    n_bytes = int(np.prod(shape)) * 2
    again(file, "cls_attention", external=[(str(secret), 0, n_bytes)])


def external_link(file, secret):
    del file["cls_attention"]
    file["cls_attention"] = h5py.ExternalLink(str(secret.with_suffix(".h5")), "values")


def soft_link(file, secret):
    del file["cls_attention"]
    file["cls_attention"] = h5py.SoftLink("/contribution")


def virtual(file, secret):
    shape = file["cls_attention"].shape
    layout = h5py.VirtualLayout(shape, dtype="f2")
    layout[...] = h5py.VirtualSource(str(secret.with_suffix(".h5")), "values", shape=shape)
    del file["cls_attention"]
    file.create_virtual_dataset("cls_attention", layout)


def promised(file, secret):
    again(file, "cls_attention", shape=(3, 1000, 1000, 1000), chunks=(1, 1, 10, 10), fillvalue=0.5)


def promised_rows(file, secret):
    again(file, "image_id", shape=(10**12,), chunks=(1000,))


def packed(file, secret):
    data = np.zeros((3, 3, 2, 17), np.float16)
    again(file, "cls_attention", shape=None, data=data, dtype="f2", compression="gzip")


def group(file, secret):
    del file["cls_attention"]
    file.create_group("cls_attention/inner")


def other_type(file, secret):
    again(file, "cls_attention", dtype="f8", data=np.zeros(file["cls_attention"].shape))


def other_shape(file, secret):
    n, layers, heads, tokens = file["cls_attention"].shape
    for name in ("cls_attention", "contribution"):
        again(file, name, shape=None, data=np.zeros((n, layers, heads, tokens + 1), np.float16))


def scalar(file, secret):
    again(file, "cls_attention", shape=None, data=np.float16(1))


def not_there(file, secret):
    del file["contribution"]


def ghostscript(file, secret):
    file["model_input"][0] = picture(kind="EPS")


def png(file, secret):
    file["model_input"][0] = picture(kind="PNG")


def no_picture(file, secret):
    file["model_input"][0] = np.zeros(0, np.uint8)


def huge_picture(file, secret):
    # The head alone says how large it is; what follows is cut off.
    head = picture()
    start = bytes(head).index(b"\xff\xc0")
    head = head.copy()
    head[start + 5 : start + 9] = [0xFF, 0xFF, 0xFF, 0xFF]
    file["model_input"][0] = head


BAD = [
    external_storage,
    external_link,
    soft_link,
    virtual,
    promised,
    promised_rows,
    packed,
    group,
    other_type,
    other_shape,
    scalar,
    not_there,
    ghostscript,
    png,
    no_picture,
    huge_picture,
]


@pytest.mark.parametrize("change", BAD, ids=lambda change: change.__name__)
def test_nothing_is_read_of_a_file_that_is_not_as_ours_are(run, tmp_path, change):
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET * 1000)
    with h5py.File(secret.with_suffix(".h5"), "w") as file:
        file["values"] = np.ones((3, 3, 2, 17), np.float16)
    with open_run(run) as opened:
        name = opened.table("image", "row_in_part = 0").image_id[0]
        part = opened.table("image", "image_id = ?", [name]).part[0]
        with h5py.File(run / "parts" / part / "tensors.h5", "r+") as file:
            change(file, secret)
        tracemalloc.start()
        try:
            with pytest.raises(PartDamaged, match=r"tensors\.h5 must be .* got: .+"):
                opened.tensors(name)
            assert tracemalloc.get_traced_memory()[1] < 50e6
        finally:
            tracemalloc.stop()


def test_sums_and_attention_of_tokens_come_through_the_same_gate(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET * 1000)
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file.attrs["dataset"] = file.attrs["weights_sha256"] = "x"
        file["state"] = np.arange(2)
        file.create_dataset("image_id", data=["a"], dtype=h5py.string_dtype())
        for name in ("sum", token_attention.STAGE):
            file.create_dataset(name, (2, 2, 2), "f2", external=[(str(secret), 0, 16)])
    with pytest.raises(PartDamaged, match="lie in another file"):
        means.read_sums(path)
    with pytest.raises(PartDamaged, match="lie in another file"):
        token_attention.read(path, "a")
    with pytest.raises(PartDamaged, match="lie in another file"):
        tensors.read_ids(path)


def test_no_array_of_an_image_is_larger_than_the_bound(tmp_path, monkeypatch):
    monkeypatch.setattr("store.parts.hdf5.IMAGE_BYTES", 10)
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["values"] = np.zeros((2, 6), np.float16)
    with pytest.raises(PartDamaged, match="more than 10 bytes an image"):
        tensors.read_ids(path)
