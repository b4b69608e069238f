"""A new HDF5 file on a disk that may fill up.

HDF5 keeps what it could not write, tries again when the process ends, and crashes on it. So here no
write fails before HDF5 has let go of the file; then the error of the first that did is raised.
"""

import io
from pathlib import Path
from typing import Any

import h5py


class NewFile(h5py.File):  # type: ignore[misc]  # h5py has no types
    """An HDF5 file under construction, which ends whole or with an error.

    Args:
        path: the file to make.

    Raises:
        FileExistsError: there is one of that name.
    """

    def __init__(self, path: Path) -> None:
        self._kept = _Kept(path.open("x+b", buffering=0))
        # A bounded format version: files stay readable with older HDF5 libraries.
        super().__init__(self._kept, "w", libver=("earliest", "v110"))

    def require_written(self) -> None:
        """Look, between two images, whether the disk took all so far.

        Raises:
            OSError: why it did not, the first time.
        """
        if self._kept.error is not None:
            raise self._kept.error

    def close(self) -> None:
        """Close the file; twice does no harm.

        Raises:
            OSError: the disk did not take all of it.
        """
        if self.id:
            super().close()
            self._kept.close()
            self.require_written()


class _Kept(io.RawIOBase):
    """A file whose writes never fail: what the disk does not take is kept in memory.

    That is what HDF5 holds back, some megabytes: nothing is added after the first error.

    Attributes:
        error: why the disk took no more; None if it took all.
    """

    def __init__(self, disk: io.FileIO) -> None:
        super().__init__()
        self._disk = disk
        self._at = 0
        self._size = 0
        self._later: list[tuple[int, bytes]] = []
        self.error: OSError | None = None

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def write(self, content: Any) -> int:
        data, start = bytes(content), self._at
        self._at += len(data)
        self._size = max(self._size, self._at)
        try:
            if self.error is None:
                self._disk.seek(start)
                done = 0
                while done < len(data):
                    done += self._disk.write(data[done:])
        except OSError as error:
            self.error = error
        if self.error is not None:
            self._later.append((start, data))
        return len(data)

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        start, n = self._at, max(0, min(len(view), self._size - self._at))
        self._disk.seek(start)
        there = self._disk.readinto(view[:n]) or 0
        view[there:n] = bytes(n - there)
        for at, data in self._later:
            low, high = max(at, start), min(at + len(data), start + n)
            if low < high:
                view[low - start : high - start] = data[low - at : high - at]
        self._at += n
        return n

    def truncate(self, size: int | None = None) -> int:
        self._size = self._at if size is None else size
        try:
            if self.error is None:
                self._disk.truncate(self._size)
        except OSError as error:
            self.error = error
        return self._size

    def flush(self) -> None:
        """Nothing: there is no buffer, and who commits the part flushes it to the disk."""

    def close(self) -> None:
        self._disk.close()
        super().close()
