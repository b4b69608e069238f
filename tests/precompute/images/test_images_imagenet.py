import pytest
from PIL import Image

from precompute.images import UnknownLayout, load

NAMES = ["ILSVRC2012_val_00000002_n01751748.JPEG", "ILSVRC2012_val_00000001_n02056570.JPEG"]


@pytest.fixture
def folder(tmp_path):
    for name in NAMES:
        Image.new("CMYK", (4, 4)).save(tmp_path / name)
    return tmp_path


def test_labels_come_from_the_file_of_names(folder):
    lines = "n02056570 king penguin, Aptenodytes patagonica\nn01751748 sea snake\n\n"
    (folder / "synset_words.txt").write_text(lines)
    first, second = load("imagenet", folder)
    assert (first.image_id, first.label) == ("ILSVRC2012_val_00000001_n02056570", "king penguin")
    assert (second.source, second.label) == (NAMES[0], "sea snake")
    assert first.references == (), "ImageNet has no captions"
    assert first.open().mode == "RGB"


def test_without_names_the_label_is_the_wnid(folder):
    assert [item.label for item in load("imagenet", folder)] == ["n02056570", "n01751748"]


def test_a_picture_without_a_wnid_is_named(folder):
    (folder / "ILSVRC2012_val_00000003.JPEG").touch()
    with pytest.raises(UnknownLayout, match=r"_<wnid>.*found ILSVRC2012_val_00000003\.JPEG"):
        load("imagenet", folder)
