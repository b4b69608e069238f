import pytest
from PIL import Image

from precompute.images import LOADERS, load


def test_an_unknown_kind_names_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match=r"must be one of whoops, imagenet, folder; got 'coco'"):
        load("coco", tmp_path)


@pytest.mark.parametrize("kind", LOADERS)
def test_an_absent_folder_names_the_way_that_needs_none(kind, tmp_path):
    with pytest.raises(ValueError, match=r"no such folder.*make demo"):
        load(kind, tmp_path / "absent")


@pytest.mark.parametrize("kind", LOADERS)
def test_a_folder_of_something_else_says_expected_found_remedy(kind, tmp_path):
    (tmp_path / "holiday.txt").touch()
    with pytest.raises(ValueError, match=r"expected .*; found holiday\.txt\. \w+"):
        load(kind, tmp_path)


def test_two_pictures_may_not_share_an_id(tmp_path):
    for suffix in ("jpg", "png"):
        Image.new("RGB", (2, 2)).save(tmp_path / f"val_1_n02056570.{suffix}")
    with pytest.raises(ValueError, match=r"'val_1' twice: val_1_n02056570\.jpg and val_1_n"):
        load("imagenet", tmp_path)
