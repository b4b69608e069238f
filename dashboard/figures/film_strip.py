"""A picture's caption trajectory on one strip (Figure 1): map and caption of a few layers.

Pure functions: arrays and captions in, SVG out, with everything in it. Captions are text,
never markup.
"""

import base64
import hashlib
import html
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from dashboard.captions.diff import diff_words
from dashboard.captions.ladder_rows import folds
from dashboard.charts import maps
from dashboard.charts.maps import Scale
from dashboard.names import metrics
from store.parts import ImageTensors

_CELL, _GAP, _PAD = 164, 14, 16  # pixels
_PER_ROW = 6
_FONT, _LINE, _MOST_LINES = 13, 17, 9
_SHARP = 2  # pixels of a map a point of the strip
_GAINED = "#a1440b"
_WIDE, _NARROW = frozenset("mwMW@%"), frozenset("iljtfrI.,:;'!|()[] -")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class _Word:
    text: str
    gained: bool


def film_strip(
    tensors: ImageTensors,
    captions: Mapping[int, str],
    layers: Sequence[int],
    grid: tuple[int, int],
    *,
    legend: str,
    title: str = "",
    paper: bool = False,
) -> str:
    """Of each layer the attention map over the picture, and the caption below it.

    Maps are the mean over heads, raw, on one scale for all layers of the picture. Words that the
    caption before on the strip does not have are marked.

    Args:
        tensors: the image's arrays.
        captions: of the layers, by layer.
        layers: which are shown, 0..L. Layer 0 has no map but the picture itself, which comes first
            without it, too.
        grid: rows and columns of patches.
        legend: what is coloured.
        title: above the strip.
        paper: number layers as the paper does, one less than here.

    Returns:
        SVG, on white.
    """
    tall = round(_CELL * grid[0] / grid[1])
    scale = maps.shared_scale(tensors.attention.astype(np.float32).mean(1), grid)
    cells = [] if 0 in layers else [_cell(_plain(tensors, tall), tall, "the picture", [])]
    for i, layer in enumerate(layers):
        before = captions.get(layers[i - 1], "") if i else None
        cells.append(
            _cell(
                _map(tensors, layer, grid, scale) if layer else _plain(tensors, tall),
                tall,
                metrics.layer_name(layer, paper),
                _wrapped(_words(before, captions.get(layer, ""))),
            )
        )
    columns = -(-len(cells) // -(-len(cells) // _PER_ROW))
    rows = [cells[i : i + columns] for i in range(0, len(cells), columns)]
    width = max(columns * (_CELL + _GAP) - _GAP, 2 * _CELL) + 2 * _PAD
    body, y = _heading(title, width)
    for row in rows:
        for i, cell in enumerate(row):
            body.append(
                f'<g transform="translate({_PAD + i * (_CELL + _GAP)} {y})">{cell.markup}</g>'
            )
        y += max(cell.height for cell in row) + _GAP
    body.append(_colour_bar(scale, legend, y))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y + 40}" '
        f'viewBox="0 0 {width} {y + 40}" font-family="Arial, Helvetica, Liberation Sans, '
        f'sans-serif" font-size="{_FONT}" fill="#1c1c1c">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{"".join(body)}</svg>'
    )


def turning_points(captions: Mapping[int, str], most: int = 6) -> list[int]:
    """The layers at which the caption becomes another, small words aside, from first to last.

    Args:
        captions: by layer.
        most: of more turning points, so many evenly spread ones, the first and last among them.
    """
    layers = sorted(captions)
    starts = list(dict.fromkeys(folds(layers, [captions[layer] for layer in layers])))
    if len(starts) <= most:
        return starts
    chosen = np.linspace(0, len(starts) - 1, most).round().astype(int)
    return [starts[i] for i in chosen]


@dataclass(frozen=True)
class _Cell:
    markup: str
    height: int


def _cell(jpeg: bytes, tall: int, name: str, lines: list[list[_Word]]) -> _Cell:
    url = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
    parts = [
        f'<text y="12" font-weight="bold">{html.escape(name)}</text>',
        f'<image y="20" width="{_CELL}" height="{tall}" href="{url}"/>',
    ]
    top = 20 + tall + 18
    parts += [_line(words, top + i * _LINE) for i, words in enumerate(lines)]
    return _Cell("".join(parts), top + len(lines) * _LINE)


def _line(words: list[_Word], y: int) -> str:
    spans = [
        f'<tspan font-weight="bold" fill="{_GAINED}">{html.escape(word.text)}</tspan>'
        if word.gained
        else html.escape(word.text)
        for word in words
    ]
    return f'<text y="{y}">{" ".join(spans)}</text>'


def _words(before: str | None, text: str) -> list[_Word]:
    """The words of a caption, with what the one before lacks; nothing is new at the first."""
    text = _NOT_XML.sub("\ufffd", text)
    if not text.split():
        return [_Word("(no caption)", False)]
    pieces = diff_words(text if before is None else _NOT_XML.sub("\ufffd", before), text)
    return [
        _Word(word, piece.change == "gained")
        for piece in pieces
        if piece.change != "lost"
        for word in piece.text.split()
    ]


def _wrapped(words: list[_Word], width: float = _CELL) -> list[list[_Word]]:
    lines: list[list[_Word]] = [[]]
    used = 0.0
    for word in _broken(words, width):
        wide = _width(word.text)
        if lines[-1] and used + wide > width:
            lines.append([])
            used = 0.0
        lines[-1].append(word)
        used += wide + _width(" ")
    if len(lines) > _MOST_LINES:
        lines = [*lines[: _MOST_LINES - 1], [*lines[_MOST_LINES - 1][:-1], _Word("…", False)]]
    return lines


def _broken(words: list[_Word], width: float) -> Iterator[_Word]:
    """Words, those that no line holds cut into pieces."""
    most = int(width / (0.9 * _FONT))
    for word in words:
        fits = _width(word.text) <= width
        for piece in [word.text] if fits else re.findall(f".{{1,{most}}}", word.text):
            yield _Word(piece, word.gained)


def _width(text: str) -> float:
    """About how wide text is in a sans-serif face, in pixels, rather too wide than too narrow."""
    return _FONT * sum(
        0.9
        if c in _WIDE or ord(c) > 0x2E80
        else 0.34
        if c in _NARROW
        else 0.74
        if c.isupper()
        else 0.6
        for c in text
    )


def _heading(title: str, width: int) -> tuple[list[str], int]:
    if not title:
        return [], _PAD
    lines = _wrapped(
        [_Word(word, False) for word in _NOT_XML.sub("\ufffd", title).split()], width - 2 * _PAD
    )
    return [
        f'<g transform="translate({_PAD} {_PAD})">{_line(line, 12 + i * _LINE)}</g>'
        for i, line in enumerate(lines)
    ], _PAD + len(lines) * _LINE + 10


def _plain(tensors: ImageTensors, tall: int) -> bytes:
    return _jpeg(maps.enlarged(tensors.model_input, (_SHARP * _CELL, _SHARP * tall)))


def _map(tensors: ImageTensors, layer: int, grid: tuple[int, int], scale: Scale) -> bytes:
    tokens = maps.patch_map(maps.head_tokens(tensors.attention, layer, None), grid)
    pixels = maps.blend(
        tensors.model_input,
        tokens,
        scale,
        opacity=maps.OPACITY,
        smooth=False,
        width=_SHARP * _CELL,
    )
    return _jpeg(Image.fromarray(pixels))


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88, subsampling="4:4:4")
    return buffer.getvalue()


def _colour_bar(scale: Scale, legend: str, y: int) -> str:
    stops = "".join(
        f'<stop offset="{i / (len(maps.INFERNO) - 1):.3f}" stop-color="{color}"/>'
        for i, color in enumerate(maps.INFERNO)
    )
    # Several strips may stand in one document, where names are shared.
    name = "peel-" + hashlib.sha256(repr(scale).encode()).hexdigest()[:8]
    return (
        f'<defs><linearGradient id="{name}">{stops}</linearGradient></defs>'
        f'<g transform="translate({_PAD} {y})">'
        f'<rect width="{_CELL}" height="9" fill="url(#{name})"/>'
        f'<text y="24" font-size="11">{scale.low:.3g}</text>'
        f'<text x="{_CELL}" y="24" font-size="11" text-anchor="end">{scale.end}</text>'
        f'<text x="{_CELL + _GAP}" y="9" font-size="11">{html.escape(legend)}; '
        f"mean over heads; one scale for all layers</text></g>"
    )
