"""The head gallery as one figure, to be kept as a file (Figure 6)."""

import base64
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from dashboard.charts import colour_bar, heads, maps
from dashboard.charts.base import Chart
from dashboard.charts.maps import Scale
from dashboard.names import metrics
from store.parts import ImageTensors
from store.schema import NO_HEAD

_COLUMNS, _SIZE, _GAP, _TEXT = 4, 150, 16, 84  # pixels
_MAP = 200  # pixels of a head's map, for sharp screens
_BAR = 40  # pixels, of the colour bar with its words
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
    tensors: ImageTensors, grid: tuple[int, int], scale: Scale, layer: int, head: int, text: str
) -> Cell:
    """One head: its attention over the picture, on a scale for all heads, and its caption.

    The null attends to nothing: its picture is the plain one.
    """
    if head == NO_HEAD:
        return Cell(heads.NULL, tensors.model_input, text)
    tokens = maps.patch_map(maps.head_tokens(tensors.attention, layer, head), grid)
    return Cell(
        f"head {head}",
        maps.png(
            maps.blend(
                tensors.model_input, tokens, scale, opacity=maps.OPACITY, smooth=False, width=_MAP
            )
        ),
        text,
    )


def around(picture: bytes, layer: int, texts: Mapping[int, str], paper: bool = False) -> list[Cell]:
    """What the gallery begins with: the captions of the layer below and of the layer itself.

    Args:
        picture: the picture as the model saw it.
        layer: 1..L.
        texts: captions by layer.
        paper: number layers as the paper does.
    """
    return [
        Cell(metrics.layer_name(at, paper), picture, texts.get(at, "")) for at in (layer - 1, layer)
    ]


def gallery(cells: list[Cell], scale: Scale, legend: str) -> Chart:
    """Pictures in rows of four, each with its title and caption; below them what colours mean.

    Args:
        cells: the pictures.
        scale: the ends of the colours.
        legend: what is coloured.
    """
    step, tall = _SIZE + _GAP, _SIZE + _TEXT
    frame = pd.DataFrame(
        [
            {
                "x": (i % _COLUMNS) * step,
                "y": (i // _COLUMNS) * tall + 18,
                "title": cell.title,
                "below": (i // _COLUMNS) * tall + 18 + _SIZE + 6,
                "url": "data:image;base64," + base64.b64encode(cell.picture).decode(),
                "text": textwrap.wrap(cell.text, _LINE, max_lines=_LINES, placeholder=" …") or [""],
            }
            for i, cell in enumerate(cells)
        ]
    )
    width = min(len(cells), _COLUMNS) * step
    end = -(-len(cells) // _COLUMNS) * tall
    height = end + _BAR
    across: dict[str, Any] = {"axis": None, "scale": alt.Scale(domain=[0, width], nice=False)}
    down: dict[str, Any] = {"axis": None, "scale": alt.Scale(domain=[height, 0], nice=False)}
    base = alt.Chart(frame).encode(x=alt.X("x:Q", **across))
    at = alt.Y("y:Q", **down)
    text: dict[str, Any] = {"align": "left", "fontSize": 11, "limit": _SIZE}
    chart: alt.LayerChart = (
        alt.layer(
            base.mark_image(width=_SIZE, height=_SIZE, align="left", baseline="top").encode(
                y=at, url="url:N"
            ),
            base.mark_text(baseline="bottom", dy=-3, fontWeight="bold", **text).encode(
                y=at, text="title:N"
            ),
            base.mark_text(baseline="top", lineHeight=14, **text).encode(
                y=alt.Y("below:Q", **down), text="text:N"
            ),
            *_bar(scale, legend, end, across, down),
        )
        .properties(width=width, height=height)
        .configure_view(stroke=None)
    )
    return chart


def _bar(
    scale: Scale, what: str, top: int, across: dict[str, Any], down: dict[str, Any]
) -> list[alt.Chart]:
    """The colours, the values at their ends, and what is coloured."""
    url = "data:image/png;base64," + base64.b64encode(colour_bar.picture(_SIZE)).decode()
    legend = [
        f"{what}; one scale for all heads",
        "and layers of the picture",
    ]
    left = pd.DataFrame(
        {"x": [0, _SIZE + _GAP], "y": [top + 24, top + 10], "text": [[f"{scale.low:.3g}"], legend]}
    )
    right = pd.DataFrame({"x": [_SIZE], "y": [top + 24], "text": [scale.end]})
    x, y = alt.X("x:Q", **across), alt.Y("y:Q", **down)
    bar = alt.Chart(pd.DataFrame({"x": [0], "y": [top + 4], "url": [url]})).mark_image(
        width=_SIZE, height=9, aspect=False, align="left", baseline="top"
    )
    words_at: dict[str, Any] = {"x": x, "y": y, "text": "text:N"}
    return [
        bar.encode(x=x, y=y, url="url:N"),
        alt.Chart(left).mark_text(align="left", fontSize=11, lineHeight=14).encode(**words_at),
        alt.Chart(right).mark_text(align="right", fontSize=11).encode(**words_at),
    ]
