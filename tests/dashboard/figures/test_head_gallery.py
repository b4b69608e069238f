import io
import xml.etree.ElementTree as ET

from PIL import Image

from dashboard.charts.maps import Scale
from dashboard.figures import files
from dashboard.figures.head_gallery import Cell, around, gallery


def picture(color):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), color).save(buffer, "PNG")
    return buffer.getvalue()


def test_the_figure_holds_every_picture_with_its_caption():
    cells = [
        Cell(f"head {i}", picture(color), text)
        for i, (color, text) in enumerate(
            [
                ("red", "a red thing"),
                ("lime", ""),
                ("blue", "<script>x</script>"),
                ("yellow", "word " * 60),
                ("white", "e"),
                ("black", "f"),
            ]
        )
    ]
    chart = gallery(cells, Scale(0.0, 0.125, True), "what is seen")
    root = ET.fromstring(files.svg(chart))
    text = " ".join(node.text or "" for node in root.iter())
    assert all(f"head {i}" in text for i in range(6))
    assert "a red thing" in text
    assert "<script>x</script>" in text
    assert "…" in text
    assert "what is seen; one scale for all heads" in text
    assert len([node for node in root.iter() if node.tag.endswith("image")]) == 6 + 1
    assert {"0", "≥ 0.125"} < {node.text for node in root.iter()}
    with Image.open(io.BytesIO(files.png(chart))) as image:
        x0, y0 = 2 * (5 + 75), 2 * (5 + 18 + 75)
        assert image.convert("RGB").getpixel((x0, y0)) == (255, 0, 0)
        assert image.convert("RGB").getpixel((x0 + 2 * 166 * 2, y0)) == (0, 0, 255)
        bar = [
            image.convert("RGB").getpixel((2 * (8 + x), 2 * (8 + 2 * 234 + 8)))
            for x in (1, 75, 148)
        ]
    expected = [(0, 0, 4), (185, 57, 90), (252, 255, 164)]  # inferno's ends and its middle
    assert all(
        abs(a - b) < 12
        for colour, right in zip(bar, expected, strict=True)
        for a, b in zip(colour, right, strict=True)
    )


def test_the_layer_below_the_first_is_the_embedding():
    texts = {0: "below", 1: "here"}
    assert [(cell.title, cell.text) for cell in around(b"", 1, texts)] == [
        ("layer 0", "below"),
        ("layer 1", "here"),
    ]
    assert [(cell.title, cell.text) for cell in around(b"", 1, texts, paper=True)] == [
        ("embeddings", "below"),
        ("layer 0", "here"),
    ]
