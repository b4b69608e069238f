"""Pictures opened in the background come as if they were not."""

import threading
import time

import pytest
from PIL import Image

from precompute.images import ImageItem, UnreadableImage, readable
from precompute.images.prefetch import WORKERS, readable_ahead


class Slow(ImageItem):
    """Opens slowly, the first slowest; every third is broken."""

    def open(self):
        number = int(self.image_id)
        with lock:
            opened.append(number)
        time.sleep(0.02 / (1 + number))
        if number % 3 == 2:
            raise UnreadableImage(self.source, "broken")
        return Image.new("RGB", (1, 1), (number, 0, 0))


lock, opened = threading.Lock(), []


@pytest.fixture
def items():
    opened.clear()
    return [Slow(str(i), f"{i}.png", lambda: b"") for i in range(12)]


def test_order_and_errors_are_those_of_opening_one_by_one(items):
    skipped, broken = [], []
    expected = [(i.image_id, p.getpixel((0, 0))) for i, p in readable(items, skipped.append)]
    got = [
        (i.image_id, p.getpixel((0, 0))) for i, p in readable_ahead(items, broken.append, ahead=5)
    ]
    assert got == expected
    assert [e.source for e in broken] == [e.source for e in skipped]
    assert len(broken) == 4


def test_no_more_wait_than_asked_for_and_the_rest_is_never_opened(items):
    pictures = readable_ahead(items, lambda error: None, ahead=3)
    next(pictures)
    time.sleep(0.05)
    assert max(opened) <= 3
    pictures.close()
    assert len(opened) <= 4
    assert not [t for t in threading.enumerate() if t.name.startswith("jpeg")]
    assert WORKERS > 1


def test_a_bug_is_no_broken_picture(items):
    def wrong():
        raise KeyError("a bug")

    item = ImageItem("x", "x.png", wrong)
    with pytest.raises(KeyError):
        list(readable_ahead([item], lambda error: None, ahead=2))
