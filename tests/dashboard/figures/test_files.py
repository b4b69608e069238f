import io
import xml.etree.ElementTree as ET

import altair as alt
import pandas as pd
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from dashboard.figures import files

HOSTILE = "<script>alert(1)</script> & </svg>"


@pytest.fixture
def chart():
    frame = pd.DataFrame({"a": ["x", HOSTILE], "b": [1.0, 2.0]})
    return alt.layer(alt.Chart(frame).mark_bar().encode(x="a:N", y="b:Q")).properties(
        height=100, title=HOSTILE, autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    )


def test_svg_is_well_formed_and_takes_text_as_text(chart):
    root = ET.fromstring(files.svg(chart))
    assert root.tag.endswith("svg")
    assert int(root.attrib["width"]) == 640
    assert not [node for node in root.iter() if node.tag.endswith("script")]
    assert any(HOSTILE in (node.text or "") for node in root.iter())


def test_png_is_a_picture_at_double_size(chart):
    with Image.open(io.BytesIO(files.png(chart))) as image:
        assert image.width == 2 * 640


def test_a_chart_with_a_width_keeps_it():
    chart = (
        alt.Chart(pd.DataFrame({"a": [1]}))
        .mark_point()
        .encode(x="a:Q")
        .properties(width=123, autosize=alt.AutoSizeParams(type="fit", contains="padding"))
    )
    assert ET.fromstring(files.svg(chart)).attrib["width"] == "123"


def test_a_chart_that_would_fetch_is_refused():
    chart = (
        alt.Chart(alt.UrlData("http://127.0.0.1:9/data.csv", format=alt.CsvDataFormat()))
        .mark_point()
        .encode(x="a:Q")
    )
    with pytest.raises(ValueError, match="not allowed"):
        files.svg(chart)


def test_one_button_a_file():
    def page():
        import altair as alt
        import pandas as pd

        from dashboard.figures import files

        frame = pd.DataFrame({"a": [1]})
        files.download_row(alt.Chart(frame).mark_point().encode(x="a:Q"), frame, "figure")
        files.download_row(None, frame, "table")

    at = AppTest.from_function(page).run()
    assert not at.exception
    assert [button.proto.label for button in at.get("download_button")] == [
        "CSV",
        "SVG",
        "PNG",
        "CSV",
    ]
