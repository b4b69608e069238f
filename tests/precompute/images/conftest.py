import gc
import io
import warnings

import pytest
from PIL import Image

from precompute.images import hub


@pytest.fixture
def bytes_of():
    """A name -> the bytes of a small picture of its own; JPEG, PNG and modes by turns."""

    def picture_bytes(name):
        shade = sum(map(ord, name)) % 256
        mode = ("L", "RGB", "CMYK")[shade % 3]
        written = io.BytesIO()
        Image.new(mode, (6, 4), (shade,) * len(mode) if len(mode) > 1 else shade).save(
            written, "PNG" if mode == "RGB" else "JPEG"
        )
        return written.getvalue()

    return picture_bytes


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    """`datasets` keeps what it prepares in the test's folder, and shows no bars."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hub-cache")
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()
    hub._open.cache_clear()
    with warnings.catch_warnings():
        # Its reader of CSV leaves a file to the garbage collector, in whoever's test that runs.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
