import io
import xml.etree.ElementTree as ET

from PIL import Image

from dashboard import exporting
from dashboard.figure6 import Cell, gallery


def picture(color):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), color).save(buffer, "PNG")
    return buffer.getvalue()


def test_the_figure_holds_every_picture_with_its_caption():
    cells = [Cell(f"head {i}", picture(color), text) for i, (color, text) in enumerate([
        ("red", "a red thing"), ("lime", ""), ("blue", "<script>x</script>"),
        ("yellow", "word " * 60), ("white", "e"), ("black", "f")])]
    chart = gallery(cells)
    root = ET.fromstring(exporting.svg(chart))
    text = " ".join(node.text or "" for node in root.iter())
    assert all(f"head {i}" in text for i in range(6))
    assert "a red thing" in text
    assert "<script>x</script>" in text
    assert "…" in text
    assert len([node for node in root.iter() if node.tag.endswith("image")]) == 6
    with Image.open(io.BytesIO(exporting.png(chart))) as image:
        x0, y0 = 2 * (5 + 75), 2 * (5 + 18 + 75)
        assert image.convert("RGB").getpixel((x0, y0)) == (255, 0, 0)
        assert image.convert("RGB").getpixel((x0 + 2 * 166 * 2, y0)) == (0, 0, 255)
