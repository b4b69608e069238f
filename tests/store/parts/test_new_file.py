"""HDF5 files: what is written is there, and a disk that fills up is an error, never a crash."""

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from store.parts.hdf5 import open_file
from store.parts.new_file import NewFile

WRITE = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from store.parts import means, tensors, token_attention

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder, limit = Path(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
rng = np.random.default_rng(0)
appended = []

def arrays(path):
    with tensors.TensorWriter(path, 12, 6, 65) as writer:
        for k in range(24):
            some = rng.random((12, 6, 65))
            norm = rng.random((13, 65))
            writer.append(tensors.ImageTensors(f"i{k}", some, some, norm, None, bytes(3000)))
            appended.append(k)

def rows(path):
    images = [(f"i{k}", rng.random((12, 65, 65))) for k in range(6)]
    token_attention.write(path, (12, 65, 65), images)

def sums(path):
    value = means.StateSums("d", "w", (0, 1), ("a", "b"), rng.random((2, 65, 600)))
    means.write_sums(path, value)

for write in (arrays, rows, sums):
    try:
        write(folder / write.__name__)
        print("written")
    except OSError as error:
        print(error.strerror)
print(len(appended))
"""


@pytest.mark.parametrize("limit", [100, 3_000, 50_000, 250_000, 10_000_000])
def test_a_disk_that_fills_up_is_an_error_and_the_process_ends_well(tmp_path: Path, limit: int):
    """HDF5 left alone tries to write again as the process ends, and ends it by a signal."""
    ended = subprocess.run(
        [sys.executable, "-c", WRITE, tmp_path, str(limit)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    *each, appended = ended.stdout.splitlines()
    full = limit < 10_000_000
    assert each == (["File too large"] * 3 if full else ["written"] * 3)
    if full:  # it does not go on for a whole part before it says so
        assert int(appended) <= limit // 19_000 + 2
    else:
        assert int(appended) == 24


def test_what_a_full_disk_did_not_take_is_read_back_until_the_file_is_closed(
    tmp_path: Path,
) -> None:
    """HDF5 reads what it wrote; what it gets back must be that, or it ends the process."""
    rng = np.random.default_rng(0)
    values = rng.random((40, 300, 100))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(OSError, match="too large"), NewFile(tmp_path / "x.h5") as file:
            kept = file.create_dataset("x", values.shape, "f8", chunks=(1, 300, 100))
            resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, before[1]))
            for k, row in enumerate(values):
                kept[k] = row
            np.testing.assert_array_equal(kept[:], values)
            with pytest.raises(OSError, match="too large"):
                file.require_written()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_is_whole_once_it_is_closed_and_never_written_over(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((5, 30, 10))
    with NewFile(tmp_path / "x.h5") as file:
        file.create_dataset("x", data=values, chunks=(1, 30, 10))
        file.attrs["name"] = "ä"
        file.require_written()
    file.close()  # twice does no harm
    with open_file(tmp_path / "x.h5") as back:
        np.testing.assert_array_equal(back["x"][:], values)
        assert back.attrs["name"] == "ä"
    with pytest.raises(FileExistsError):
        NewFile(tmp_path / "x.h5")
    with open_file(tmp_path / "x.h5") as back:
        np.testing.assert_array_equal(back["x"][:], values)
