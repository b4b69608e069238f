"""The pictures of a page under one slider of layers: what the gallery is sent."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dashboard import gallery
from dashboard.captions import text as caption_text
from dashboard.charts import maps
from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.names import metrics
from dashboard.names.towers import TOWERS
from dashboard.reader.payload import Payload, pack
from dashboard.views.images.right import Right
from dashboard.widgets import link, navigation
from dashboard.widgets.thumbnail import thumbnail
from store.query import Selection, by_layer
from store.statistics import intervals

_INK = (242, 106, 27)
"""Of maps over a picture: orange is in few of them, and seen by the colour-blind."""


def show(
    key: Key,
    rows: pd.DataFrame,
    chosen: Selection,
    right: Right | None,
    start: int | None,
    value: str | None,
    under: Mapping[str, str],
) -> None:
    """Draw the pictures with their slider.

    Args:
        key: the run.
        rows: of the page at hand, as `filter_images` has them.
        chosen: the images that fit, on all pages: the slider's bars are of these.
        right: which captions are in colour; None if nothing tells.
        start: the layer where the slider begins if the link has none; None for the last.
        value: what the images are sorted by; None not to show it.
        under: image_id -> a line below its captions, such as its tags.
    """
    top = int(run_data.run_row(key)["n_layers"])
    layers = [str(layer) for layer in range(top + 1)]
    for name, known in (("scrub", layers), ("overlay", ["true"])):
        link.note_unknown(name, known)
    asked = link.asked("scrub")
    layer = int(asked) if asked in layers else top if start is None else start
    overlay = link.asked("overlay") == "true"
    payload = _payload(key, rows, chosen, right, value, under, overlay, top)
    header = {**payload.header, "layer": layer}
    gallery.show(pack(Payload(header, payload.arrays)), lambda: _moved(top, start))


def _moved(top: int, start: int | None) -> None:
    """Take over what the component sends; from its callback only."""
    at = st.session_state[gallery.KEY].get("at")
    given = at if isinstance(at, Mapping) else {}
    layer = given.get("layer")
    known = layer if layer in {str(n) for n in range(top + 1)} else None
    begins = str(top if start is None else start)
    link.write(
        scrub=None if known == begins else known,
        overlay="true" if given.get("maps") == "true" else None,
    )


def _payload(
    key: Key,
    rows: pd.DataFrame,
    chosen: Selection,
    right: Right | None,
    value: str | None,
    under: Mapping[str, str],
    overlay: bool,
    top: int,
) -> Payload:
    run, ids = run_data.run_row(key), tuple(rows["image_id"])
    paper = link.asked("numbers") == "paper"
    said = run_data.asked(key, by_layer.texts, ids, chosen.condition)
    said = said.assign(text=[caption_text.text(one) or caption_text.NONE for one in said["text"]])
    texts = _by_layer(said, "text", top)
    passed = _passed(key, ids, chosen.condition, right, top)
    tiles: list[dict[str, Any]] = []
    arrays: dict[str, NDArray[Any]] = {}
    grid = (int(run["grid_h"]), int(run["grid_w"]))
    for i, row in enumerate(rows.astype(object).to_dict("records")):
        image_id = str(row["image_id"])
        tiles.append(
            {
                "id": image_id,
                "query": urlencode(navigation.image_query(key, image_id, chosen.condition)),
                "grid": list(grid),
                "texts": texts.get(image_id, [None] * (top + 1)),
                "right": passed.get(image_id),
                "lines": _lines(row, value, under.get(image_id)),
            }
        )
        arrays[f"picture.{i}"] = np.frombuffer(thumbnail(key, image_id), np.uint8)
        if overlay:
            arrays[f"map.{i}"] = _map(key, image_id, grid)
    tower = TOWERS[run_data.class_token(key)]
    header = {
        "layers": top,
        "tiles": tiles,
        "maps": overlay,
        "ink": _INK,
        **_counted(key, chosen, right, top),
        "words": {
            "layers": [_sentence(metrics.layer_name(n, paper)) for n in range(top + 1)],
            "first": metrics.layer_name(0, paper),
            "last": metrics.layer_name(top, paper),
            "right": "" if right is None else right.does,
            "floor": "Without sight of the picture (permuted towers):",
            "finally": "finally:",
            "none": "(not decoded at this layer)",
            "maps": "Maps",
            "about_maps": f"{tower.attention}, mean over heads, over each picture: the more, the "
            "more orange, on a scale of the picture's own for all its layers.",
        },
    }
    return Payload(header, arrays)


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _lines(row: Mapping[Any, Any], value: str | None, more: str | None) -> list[str]:
    number = "none" if pd.isna(row["sort_value"]) else f"{row['sort_value']:.3g}"
    return [*([] if value is None else [f"{value}: {number}"]), *([more] if more else [])]


def _by_layer(frame: pd.DataFrame, column: str, top: int) -> dict[str, list[Any]]:
    """image_id -> values of layers 0..L, None where there is none."""
    found: dict[str, list[Any]] = {}
    here = frame[frame["layer"].between(0, top)]  # a run from elsewhere may say anything
    for image_id, layer, one in zip(here["image_id"], here["layer"], here[column], strict=True):
        found.setdefault(str(image_id), [None] * (top + 1))[int(layer)] = one
    return found


def _passed(
    key: Key, ids: tuple[str, ...], condition: str, right: Right | None, top: int
) -> dict[str, list[int | None]]:
    """image_id -> whether each layer's caption is right: 1, 0, or None where it was not scored."""
    if right is None:
        return {}
    frame = run_data.asked(key, by_layer.scores, ids, condition, right.predicate.quantity)
    return _by_layer(frame.assign(passes=right.passes(frame["value"])), "passes", top)


def _counted(key: Key, chosen: Selection, right: Right | None, top: int) -> dict[str, Any]:
    """The bars: of how many captions of a layer it holds, and of how many on the floor."""
    here = st.query_params.to_dict()
    if right is None:
        return {"shares": None, "floor": None, "wrong": ""}
    frame = run_data.asked(key, by_layer.shares, chosen, right.predicate)
    shares = _counts(frame, top)
    n = np.maximum(np.array(shares["n"]), 1)
    ends = intervals.wilson(np.array(shares["right"]) / n, n)
    shares["interval"] = np.stack(ends, -1).tolist()
    floor = run_data.asked(key, by_layer.floor_shares, right.predicate)
    kept = {name: text for name, text in here.items() if name not in ("page", "scrub", "overlay")}
    wrong = ";".join(filter(None, (kept.pop("filter", ""), right.wrong_at("LAYER"))))
    return {
        "shares": shares,
        "floor": None if floor.empty else _counts(floor, top),
        "wrong": urlencode({**kept, "filter": wrong}),
    }


def _counts(frame: pd.DataFrame, top: int) -> dict[str, Any]:
    full = frame.set_index("layer").reindex(range(top + 1), fill_value=0)
    return {name: full[name].astype(int).tolist() for name in ("n", "right")}


def _map(key: Key, image_id: str, grid: tuple[int, int]) -> NDArray[np.uint8]:
    """[L, patches]: a picture's mean attention over heads, 255 where the colours end."""
    mean = run_data.tensors(key, image_id).attention.astype(np.float32).mean(1)
    patches = maps.patches_of(mean, grid)
    scaled = np.clip(patches / maps.common_scale(patches).high, 0, 1)
    coloured: NDArray[np.uint8] = np.rint(255 * scaled).astype(np.uint8)
    return coloured
