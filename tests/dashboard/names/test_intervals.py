"""What pages say that an interval is."""

import pandas as pd

from dashboard.names import intervals


def frame(n, low):
    return pd.DataFrame({"n": n, "low": low, "high": low})


def test_a_page_says_whether_bands_are_of_a_layer_or_of_a_curve():
    enough = frame([10, 48], [0.1, 0.2])
    pointwise = intervals.sentence(enough)
    assert "pointwise: each layer by itself" in pointwise and "simultaneous" not in pointwise
    assert "each head by itself" in intervals.sentence(enough, "Intervals", of="head")
    whole = intervals.sentence(enough, band="simultaneous")
    assert "a whole curve" in whole and "pointwise" not in whole
    assert "fewer" not in pointwise + whole


def test_it_says_why_few_images_have_no_interval():
    nan = float("nan")
    assert "fewer than 10 images have none" in intervals.sentence(frame([9, 48], [nan, 0.1]))
    assert intervals.few(frame([5, 48], [0.3, 0.1])) == ""  # a share has one
    assert intervals.few(frame([48, 48], [nan, 0.1])) == ""  # not for want of images
    assert intervals.ends(nan, nan) == intervals.p_value(nan) == "\N{EN DASH}"
    assert intervals.ends(-0.001, 2) == "0.00 to 2.00"
