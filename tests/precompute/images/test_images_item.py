import dataclasses
import hashlib
import io
import pickle
import tracemalloc

import pytest
from PIL import Image

from precompute.images import ImageItem, UnreadableImage, fingerprint, readable
from precompute.images.sources import file_reader


def item(path, image_id="a", references=("one", "two")):
    return ImageItem(image_id, path.name, file_reader(path, path.name), references)


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "grey.png"
    Image.new("L", (6, 4), 128).save(path, "JPEG")
    return path


def test_pictures_open_by_content_and_in_rgb(picture):
    assert picture.read_bytes()[:2] == b"\xff\xd8", "a JPEG under the name of a PNG"
    opened = item(picture).open()
    assert (opened.mode, opened.size) == ("RGB", (6, 4))


@pytest.mark.parametrize("mode", ["CMYK", "P", "RGBA", "LA", "1"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    path = tmp_path / "picture"
    Image.new(mode, (3, 2)).save(path, "JPEG" if mode == "CMYK" else "PNG")
    assert item(path).open().mode == "RGB"


@pytest.mark.parametrize("content", [b"", b"not a picture", None], ids=["empty", "text", "cut"])
def test_a_broken_picture_says_which_and_why(tmp_path, content):
    path = tmp_path / "broken.png"
    if content is None:
        whole = io.BytesIO()
        Image.effect_noise((64, 64), 50).save(whole, "PNG")
        content = whole.getvalue()[:2000]
    path.write_bytes(content)
    with pytest.raises(
        UnreadableImage, match=r"cannot read the picture broken\.png: \w+"
    ) as caught:
        item(path).open()
    assert caught.value.source == "broken.png"
    assert "0x" not in caught.value.reason, "the reason must not change from run to run"


def test_an_absent_picture_is_unreadable(tmp_path):
    with pytest.raises(UnreadableImage, match="No such file"):
        item(tmp_path / "absent.png").open()


def test_fingerprint_is_a_sha256_that_repeats(picture):
    assert fingerprint([item(picture)]) == fingerprint([item(picture)])
    assert len(fingerprint([])) == len(hashlib.sha256().hexdigest())


CHANGED = {
    "image_id": "b",
    "source": "elsewhere.png",
    "references": ("one",),
    "label": "husky",
    "category": "dogs",
    "explanation": "Dogs do not fly.",
    "questions": (("what?", "a dog"),),
    "background": "white",
}


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(ImageItem)])
def test_whatever_is_stored_of_a_picture_decides_its_fingerprint(picture, field):
    before = fingerprint([item(picture)])
    if field == "read":
        picture.write_bytes(picture.read_bytes() + b"more")
        changed = item(picture)
    else:
        changed = dataclasses.replace(item(picture), **{field: CHANGED[field]})
    assert fingerprint([changed]) != before


def test_fingerprint_sees_bounds_order_and_what_is_not_there(picture):
    variants = [
        [item(picture, references=("a", "bc"))],
        [item(picture, references=("ab", "c"))],
        [item(picture, references=("a", "b", "c"))],
        [item(picture, references=())],
        [item(picture, references=("",))],
        [dataclasses.replace(item(picture, references=()), label="")],
        [dataclasses.replace(item(picture, references=()), category="")],
        [item(picture, "a"), item(picture, "b")],
        [item(picture, "b"), item(picture, "a")],
    ]
    assert len({fingerprint(items) for items in variants}) == len(variants)


def test_fingerprint_sees_the_bytes_of_a_file(picture):
    before = fingerprint([item(picture)])
    picture.write_bytes(picture.read_bytes() + b"\0")
    assert fingerprint([item(picture)]) != before


def test_fingerprint_survives_an_absent_picture(tmp_path):
    path = tmp_path / "later.png"
    before = fingerprint([item(path)])
    Image.new("RGB", (2, 2)).save(path)
    assert fingerprint([item(path)]) != before


def test_readable_opens_in_order_and_tells_of_what_it_passes_by(picture, tmp_path):
    items = [item(picture), item(tmp_path / "absent.png", "b"), item(picture, "c")]
    skipped = []
    opened = [(one.image_id, image.size) for one, image in readable(items, skipped.append)]
    assert opened == [(items[0].image_id, (6, 4)), ("c", (6, 4))]
    assert [error.source for error in skipped] == ["absent.png"]


def test_a_photograph_is_turned_upright(tmp_path):
    lying = Image.new("RGB", (6, 4))
    lying.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: the camera was turned; show it a quarter turn clockwise
    lying.save(tmp_path / "photo.png", exif=exif)
    opened = item(tmp_path / "photo.png").open()
    assert opened.size == (4, 6)
    assert opened.getpixel((3, 0)) == (255, 255, 255), "top left became top right"


def test_errors_go_to_another_process_whole(tmp_path):
    error = pickle.loads(pickle.dumps(UnreadableImage("a.png", "cut off")))
    assert (error.source, error.reason) == ("a.png", "cut off")
    assert str(error) == "cannot read the picture a.png: cut off."


def test_a_small_file_of_very_many_pixels_is_not_unpacked():
    buffer = io.BytesIO()
    Image.new("1", (20_000, 4_400)).save(buffer, "PNG")
    assert len(buffer.getvalue()) < 50_000
    item = ImageItem("bomb", "bomb.png", buffer.getvalue)
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableImage, match="20000 by 4400 pixels, where at most"):
            item.open()
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


def test_a_format_whose_decoder_starts_programs_is_no_picture():
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "EPS")
    with pytest.raises(UnreadableImage, match="cannot identify"):
        ImageItem("eps", "drawn.jpg", buffer.getvalue).open()
