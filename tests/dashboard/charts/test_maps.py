import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dashboard.charts import maps
from dashboard.charts.maps import Scale


def jpeg(color=(200, 100, 50), size=(32, 32)):
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def test_patches_lie_row_by_row_and_cls_is_left_out_where_there_is_one():
    assert maps.patch_map(np.arange(7), (2, 3)).tolist() == [[1, 2, 3], [4, 5, 6]]
    assert maps.patch_map(np.arange(6), (2, 3)).tolist() == [[0, 1, 2], [3, 4, 5]]
    for n in (7, 8, 11):
        with pytest.raises(ValueError, match="expected 9 tokens for a grid of 3 by 3"):
            maps.patch_map(np.arange(n), (3, 3))


def test_heads_and_their_mean():
    values = np.random.default_rng(0).random((2, 3, 5)).astype(np.float16)
    assert maps.head_tokens(values, 2, 1) == pytest.approx(values[1, 1])
    assert maps.head_tokens(values, 1, None) == pytest.approx(
        [np.mean([float(values[0, h, i]) for h in range(3)]) for i in range(5)], abs=1e-6
    )


def test_the_shared_scale_does_not_depend_on_the_cell_and_leaves_out_cls():
    values = np.zeros((2, 2, 1001), np.float16)
    values[..., 0] = 9
    values[0, 0, 1] = 1
    values[1, :, 2:500] = 0.25
    grid = (25, 40)
    assert maps.shared_scale(values, grid) == Scale(0.0, 0.25, clipped=True)
    assert maps.shared_scale(values[..., 1:], grid) == maps.shared_scale(values, grid)
    assert maps.shared_scale(np.zeros((1, 1, 5)), (2, 2)) == Scale(0.0, 1.0, clipped=False)


@given(st.floats(-1, 2))
def test_colours_are_between_those_of_the_palette(value):
    palette = ("#000000", "#ff8000", "#ffffff")
    got = maps.colour(np.array([[value]]), Scale(0.0, 1.0, False), palette)[0, 0]
    place = min(max(value, 0.0), 1.0) * 2
    low, high = ((0, 0, 0), (255, 128, 0)) if place <= 1 else ((255, 128, 0), (255, 255, 255))
    share = place if place <= 1 else place - 1
    expected = [round(a + (b - a) * share) for a, b in zip(low, high, strict=True)]
    assert np.abs(got.astype(int) - expected).max() <= 1


def test_blending_is_a_weighted_mean_of_picture_and_colour():
    values = np.array([[0.0, 1.0], [1.0, 0.0]], np.float32)
    scale = Scale(0.0, 1.0, False)
    got = maps.blend(jpeg(), values, scale, opacity=0.25, smooth=False, width=64)
    assert got.shape == (64, 64, 3)
    for row, column in ((5, 5), (5, 60), (60, 5), (60, 60)):
        colour = maps.colour(values, scale)[row // 32, column // 32]
        expected = 0.75 * np.array([200, 100, 50]) + 0.25 * colour
        assert np.abs(got[row, column] - expected).max() <= 3  # JPEG is not exact


def test_opacity_runs_from_the_picture_alone_to_the_map_alone():
    values = np.array([[0.0, 1.0]], np.float32)
    scale = Scale(0.0, 1.0, False)
    alone = maps.blend(jpeg(), values, scale, opacity=0, smooth=True, width=64)
    assert np.abs(alone.astype(int) - [200, 100, 50]).max() <= 3
    flat = maps.blend(jpeg(), values, scale, opacity=1, smooth=False, width=64)
    assert {tuple(color) for color in flat.reshape(-1, 3)} == {(0, 0, 4), (252, 255, 164)}


def test_smooth_maps_have_more_than_the_patches_colours():
    values = np.array([[0.0, 1.0]], np.float32)
    smooth = maps.blend(jpeg(), values, Scale(0, 1, False), opacity=1, smooth=True, width=64)
    assert len(np.unique(smooth.reshape(-1, 3), axis=0)) > 10


def test_thumbnails_keep_their_form():
    tall = Image.open(io.BytesIO(maps.card(jpeg(size=(20, 60)), 90)))
    assert tall.size == (90, 90) and tall.getbbox() == (30, 0, 60, 90)
    assert Image.open(io.BytesIO(maps.card(jpeg(size=(64, 32)), 100))).size == (100, 50)
    small = Image.open(io.BytesIO(maps.thumbnail(jpeg(size=(64, 32)), 100)))
    assert small.size == (100, 50)
    assert small.format == "JPEG"
