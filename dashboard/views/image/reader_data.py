"""What the Image page shows of one picture, gathered for the reader."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import reader
from dashboard.captions import ladder_rows
from dashboard.charts import base as base_charts
from dashboard.charts import maps
from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.names import maps as map_names
from dashboard.names import metrics
from dashboard.names.towers import TOWERS, Tower
from dashboard.reader import payload, place
from dashboard.views.image import word_map
from dashboard.widgets import picture
from dashboard.widgets import text as plain_text
from dashboard.widgets.picture import Seen
from store.disk import short_hash
from store.metrics import GAIN, METRICS, gains, likeness
from store.parts import ImageTensors
from store.query import maps as map_queries
from store.query import reader as reader_queries
from store.schema import BASELINE, CAPTION_METRICS, LAYER_METRICS

_TOWER_WORDS = ("attention", "contribution", "about", "lookers", "share", "curves")
_PALETTES = {"map": maps.INFERNO, "matrix": base_charts.VIRIDIS, "diverging": base_charts.DIVERGING}


def show(key: Key, image_id: str, condition: str, against: str | None) -> dict[str, str]:
    """Draw the reader.

    Args:
        key: the run.
        image_id: the picture.
        condition: the one that is shown.
        against: another condition that it is compared with, or None.

    Returns:
        Where it looks: `layer`, `head` and all else that the link has.
    """
    shown = _shown(key, image_id, condition, against)
    peak = shown.header["peak"]
    known = place.choices(shown.header, (peak["layer"], peak["head"]) if peak else None)
    here = place.read(known)
    start = place.start(here, (key.path, image_id, condition, against))
    reader.show(
        _packed(shown, start, _attended(key, image_id, here["patch"], shown.header)),
        partial(place.moved, known),
    )
    return here


def _attended(key: Key, image_id: str, box: str, header: Mapping[str, Any]) -> payload.Payload:
    """What the patches of a box attend to in their mean at every layer, where that was kept."""
    if box == place.NO_PATCH or not header["tokens"]:
        return payload.Payload({"patch": box}, {})
    tokens = run_data.token_attention(key, image_id)
    assert tokens is not None  # the header says so
    rows = [header["first_patch"] + patch for patch in place.patches(box, header["grid"][1])]
    return payload.Payload(
        {"patch": box}, {"patch": tokens[:, rows].mean(axis=1, dtype=np.float32).astype(np.float16)}
    )


def _packed(shown: payload.Payload, start: dict[str, Any], patch: payload.Payload) -> bytes:
    return payload.pack(payload.joined(shown, patch, payload.Payload({"start": start}, {})))


@st.cache_resource(max_entries=16, show_spinner=False)
def _shown(key: Key, image_id: str, condition: str, against: str | None) -> payload.Payload:
    """All that does not depend on where one looks; shared, never to be written to."""
    run, captions = run_data.run_row(key), run_data.captions(key, image_id, condition)
    seen = picture.look(key, image_id, condition)
    n_layers, grid = int(run["n_layers"]), maps.grid_of(seen.tensors)
    other, tower = _other_maps(key, image_id, seen, against), TOWERS[run_data.class_token(key)]
    scores = _scores(key, image_id, condition)
    header = payload.Payload(
        _descriptions(key, image_id, condition, against)
        | {
            "layers": n_layers,
            "heads": int(run["n_heads"]),
            "tower": {name: getattr(tower, name) for name in _TOWER_WORDS},
            "palettes": _PALETTES,
            "compared": against,
            "difference": other is not None,
            "tokens": condition == BASELINE and run_data.token_attention(key, image_id) is not None,
            "peak": _peak(seen.heads, tower),
            "verdicts": _verdicts(key) if condition == BASELINE else {},
            "followed": word_map.followed(key, image_id) if condition == BASELINE else {},
            "words": ladder_rows.first_appearances(captions),
            "marks": ladder_rows.marks(captions, _gain(scores)),
            "rows": ladder_rows.rows(
                captions,
                _row_scores(key, scores),
                picture.texts_by_layer(key, image_id, against) if against else None,
                _shared(key, image_id, condition),
            ),
        },
        {},
    )
    before = (
        {}
        if against is None
        else _lines(
            run_data.layer_stats(key, image_id, against),
            run_data.captions(key, image_id, against),
            _scores(key, image_id, against),
        )
    )
    return payload.joined(
        header,
        payload.maps(seen.tensors, grid, other),
        payload.matrix(seen.heads, n_layers, int(run["n_heads"]), tower),
        payload.curves(_lines(seen.stats, captions, scores), before, n_layers),
    )


def _verdicts(key: Key) -> dict[str, dict[str, str]]:
    """What trials say of each kind of map that is drawn, by layer; empty where none was tried."""
    trials, verdicts = (
        run_data.asked(key, query) for query in (map_queries.trials, map_queries.verdicts)
    )
    said = {kind: map_names.lines(verdicts, trials, kind) for kind in payload.KINDS}
    return {**said, "single": {"": map_names.SINGLE}} if any(said.values()) else {}


def _descriptions(key: Key, image_id: str, condition: str, against: str | None) -> dict[str, Any]:
    curves = run_data.curves(key, condition)
    alone = curves[curves["metric"] == "uniqueness"].dropna(subset="mean")
    gain, like = _first(key, condition, _gained()), _first(key, condition, _likes("previous"))
    grounded = metrics.word(gain[0]) if gain else None
    return {
        "key": short_hash([*key, image_id, condition, against]),
        "unique": dict(zip(alone["layer"].astype(int).astype(str), alone["mean"], strict=True)),
        "bars": {
            "grounded": "Grounded: "
            + (
                f"{grounded.label}. {grounded.meaning} A full bar is the last layer's mean over "
                "all pictures."
                if grounded
                else "this run has no such score."
            ),
            "sure": "Sure: how sure the decoder is of the caption, as a probability a token "
            "(their geometric mean).",
            "changed": "Changed: "
            + (f"1 minus {metrics.title(*like)}." if like else "this run has no such score."),
        },
    }


def _gained() -> list[tuple[str, str]]:
    return [(gain, "shuffled") for gain in gains()]


def _likes(against: str) -> list[tuple[str, str]]:
    # A bar is empty at 0 and full at 1: what keeps to that range comes first.
    names = sorted(likeness(), key=lambda name: METRICS[name].range != (0, 1))
    return [(name, against) for name in names]


def _first(key: Key, condition: str, pairs: list[tuple[str, str]]) -> tuple[str, str] | None:
    scored = run_data.asked(key, reader_queries.scored, condition)
    there = set(zip(scored["metric"], scored["against"], strict=True))
    return next((pair for pair in pairs if pair in there), None)


def _scores(key: Key, image_id: str, condition: str) -> dict[str, pd.Series]:
    """A few scores over layers: `metric:against` -> by layer."""
    pairs = [
        _first(key, condition, wanted)
        for wanted in (_gained(), _likes("previous"), _likes("final"))
    ]
    asked = tuple(pair for pair in pairs if pair)
    frame = run_data.asked(key, reader_queries.score_lines, image_id, condition, asked)
    return {
        f"{metric}:{against}": lines.set_index("layer")["value"]
        for (metric, against), lines in frame.groupby(["metric", "against"])
    }


def _shared(key: Key, image_id: str, condition: str) -> dict[int, int]:
    frame = run_data.asked(key, reader_queries.sharing, image_id, condition)
    return dict(
        zip(frame["layer"].astype(int).tolist(), frame["others"].astype(int).tolist(), strict=True)
    )


def _row_scores(key: Key, scores: dict[str, pd.Series]) -> dict[str, pd.Series]:
    series = {}
    for name, values in scores.items():
        if name.startswith(GAIN):
            series["grounded"] = values / _full(key, name.partition(":")[0])
        elif name.endswith(":previous"):
            series["same"] = values
    return series


def _gain(scores: dict[str, pd.Series]) -> pd.Series | None:
    return next((values for name, values in scores.items() if name.startswith(GAIN)), None)


def _full(key: Key, gain: str) -> float:
    """What a full bar of grounding is: the last layer's mean over all pictures, of the baseline."""
    curves = run_data.curves(key, BASELINE)
    means = curves[curves["metric"] == gain].sort_values("layer")["mean"]
    return float(means.iloc[-1]) if len(means) and means.iloc[-1] > 0 else 1.0


def _lines(
    stats: pd.DataFrame, captions: pd.DataFrame, scores: dict[str, pd.Series]
) -> dict[str, pd.Series]:
    layers, decoded = stats.set_index("layer"), captions.set_index("layer")
    return (
        {name: layers[name] for name in LAYER_METRICS if name in layers}
        | {name: decoded[name] for name in CAPTION_METRICS}
        | scores
    )


def _other_maps(key: Key, image_id: str, seen: Seen, against: str | None) -> ImageTensors | None:
    """The maps of the other condition, if both conditions have maps of their own."""
    captured = (
        seen.condition == BASELINE
        or run_data.condition_tensors(key, image_id, seen.condition) is not None
    )
    if against is None or not captured:
        return None
    if against == BASELINE:
        return run_data.tensors(key, image_id)
    return run_data.condition_tensors(key, image_id, against)


def _peak(heads: pd.DataFrame, tower: Tower) -> dict[str, str] | None:
    cell = picture.strongest(heads)
    return (
        None
        if cell is None
        else {
            "layer": str(cell[0]),
            "head": str(cell[1]),
            "why": picture.BY_GRADIENT if cell[2] == "gradient" else tower.largest,
        }
    )


def scores(key: Key, image_id: str, condition: str, layer: int) -> None:
    """What the chosen layer's caption scores."""
    # Scored and drawn when it is opened; a label that named the layer would close it at every move.
    place = st.expander("Scores of the caption", key="scores", on_change="rerun")
    if not place.open:
        return
    here = run_data.scores(key, image_id, layer, condition)
    with place:
        if here.empty:
            plain_text.line("Nothing has scored this caption.", "small")
            return
        table = here.assign(
            score=[metrics.word(metric).label for metric in here["metric"]],
            against=[metrics.held(name) for name in here["against"]],
        ).pivot(index="score", columns="against", values="value")
        plain_text.line(f"Of the caption at layer {layer}.", "small")
        st.dataframe(
            table,
            placeholder="",
            column_config={
                name: st.column_config.NumberColumn(format="%.3f") for name in table.columns
            },
        )
