"""The head gallery as one figure, to be kept as a file (Figure 6)."""

import base64
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from dashboard import overlays
from dashboard.charts import Chart
from store.tensors import ImageTensors

_COLUMNS, _SIZE, _GAP, _TEXT = 4, 150, 16, 84  # pixels
_MAP = 200  # pixels of a head's map, for sharp screens
_LINE, _LINES = 25, 4  # characters of a line, lines of a caption


@dataclass(frozen=True)
class Cell:
    """One picture of the figure.

    Attributes:
        title: whose it is.
        picture: PNG or JPEG bytes.
        text: the caption below it; long ones are cut.
    """

    title: str
    picture: bytes
    text: str


def head_cell(
    tensors: ImageTensors, grid: tuple[int, int], layer: int, head: int, text: str
) -> Cell:
    """One head: its attention over the picture, on the picture's shared scale, and its caption."""
    tokens = overlays.patch_map(overlays.head_tokens(tensors.cls_attention, layer, head), grid)
    scale = overlays.shared_scale(tensors.cls_attention)
    return Cell(f"head {head}", overlays.blend(
        tensors.model_input, tokens, scale, opacity=overlays.OPACITY, smooth=False, width=_MAP),
        text)


def around(picture: bytes, layer: int, texts: Mapping[int, str]) -> list[Cell]:
    """What the gallery begins with: the captions of the layer below and of the layer itself."""
    return [Cell(f"layer {at}", picture, texts.get(at, "")) for at in (layer - 1, layer)]


def gallery(cells: list[Cell]) -> Chart:
    """Pictures in rows of four, each with its title and caption."""
    step, tall = _SIZE + _GAP, _SIZE + _TEXT
    frame = pd.DataFrame([{
        "x": (i % _COLUMNS) * step, "y": (i // _COLUMNS) * tall + 18, "title": cell.title,
        "below": (i // _COLUMNS) * tall + 18 + _SIZE + 6,
        "url": "data:image;base64," + base64.b64encode(cell.picture).decode(),
        "text": textwrap.wrap(cell.text, _LINE, max_lines=_LINES, placeholder=" …") or [""],
    } for i, cell in enumerate(cells)])
    width = min(len(cells), _COLUMNS) * step
    height = -(-len(cells) // _COLUMNS) * tall
    across: dict[str, Any] = {"axis": None, "scale": alt.Scale(domain=[0, width], nice=False)}
    down: dict[str, Any] = {"axis": None, "scale": alt.Scale(domain=[height, 0], nice=False)}
    base = alt.Chart(frame).encode(x=alt.X("x:Q", **across))
    at = alt.Y("y:Q", **down)
    words: dict[str, Any] = {"align": "left", "fontSize": 11, "limit": _SIZE}
    chart: alt.LayerChart = alt.layer(
        base.mark_image(width=_SIZE, height=_SIZE, align="left", baseline="top").encode(
            y=at, url="url:N"),
        base.mark_text(baseline="bottom", dy=-3, fontWeight="bold", **words).encode(
            y=at, text="title:N"),
        base.mark_text(baseline="top", lineHeight=14, **words).encode(
            y=alt.Y("below:Q", **down), text="text:N"),
    ).properties(width=width, height=height).configure_view(stroke=None)
    return chart
