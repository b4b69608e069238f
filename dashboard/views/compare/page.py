"""Two runs, or two conditions of one: curves, the paired difference, and where images part."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.captions import text as caption_text
from dashboard.charts import compare as compare_charts
from dashboard.data import run as run_data
from dashboard.data import two_runs as two_runs_data
from dashboard.data.run import Key
from dashboard.figures import display, files
from dashboard.names import intervals, metrics
from dashboard.views.compare import floors, two_maps
from dashboard.views.compare.floors import Floor
from dashboard.views.compare.two_maps import Side
from dashboard.widgets import link, making, menus, navigation, two_captions
from dashboard.widgets import text as plain_text
from dashboard.widgets.link import Place
from dashboard.widgets.thumbnail import thumbnail
from store.metrics import likeness
from store.query import Compared
from store.query import conditions as condition_queries
from store.query import two_runs as two_runs_queries
from store.schema import BASELINE

_PER_PAGE = 8


@dataclass(frozen=True)
class _Sides:
    """What the page compares: side `one` is the selection at the left."""

    one: Side
    two: Side

    @property
    def names(self) -> tuple[str, str]:
        """What charts call the two: by what tells them apart."""
        if self.one.key == self.two.key:
            return self.one.condition, self.two.condition
        first, second = (
            f"{Path(side.key.path).name}, {side.condition}" for side in (self.one, self.two)
        )
        return first, second


def show(place: Place) -> None:
    """Draw the page."""
    st.header("Compare")
    plain_text.line(
        "Does another run, or an edit of the model, say it better, and of which pictures? "
        "The selection at the left beside another one, picture by picture, at the same "
        "depth.",
        "small",
    )
    with link.notes_above():
        sides = _sides(place)
        if sides is None:
            if making.instead(place.run, "Edits of the model to compare with"):
                return
            plain_text.line(
                "There is nothing to compare this with: the results folder has one run, "
                "and that run no edited model. A section [[experiments]] in its "
                "configuration names edits; a second run of the same data set compares "
                "models."
            )
            return
        if two_runs_data.shared_images(sides.one.key, sides.two.key) == 0:
            plain_text.line(
                "These two runs have no picture in common: they read different data sets. "
                "Choose a run of the same data set, or another condition of this run."
            )
            return
        _draw(sides)


def _sides(place: Place) -> _Sides | None:
    key = place.published
    mine = place.run.name
    runs = {run.name: run for run in run_data.runs() if run_data.is_published(run)}
    run_at, condition_at = st.columns(2)
    alone = len(run_data.conditions(key)) < 2
    if alone and len(runs) < 2:
        return None
    with run_at:
        chosen = menus.menu(
            "Compared with run",
            list(runs),
            name="with_run",
            default=next(name for name in runs if name != mine) if alone else mine,
        )
    other = run_data.key_of(runs[chosen])
    known = [
        name for name in run_data.conditions(other) if (chosen, name) != (mine, place.condition)
    ]
    if not known:
        plain_text.line("This run has no other condition.", "small")
        return None
    with condition_at:
        versus = menus.menu(
            "under condition",
            known,
            name="versus",
            default=_most_layers(other, known),
            more=(
                "Which edit of the model stands on the other side: first one that has captions of "
                "all layers, if there is one."
            ),
        )
    return _Sides(Side(key, place.condition), Side(other, versus))


def _most_layers(key: Key, known: list[str]) -> str:
    """The baseline, if it is to choose from; else the condition with curves over most layers."""
    if BASELINE in known:
        return BASELINE
    decoded = run_data.asked(key, condition_queries.decoded)["condition_id"]
    return next((str(name) for name in decoded if name in known), known[0])


def _draw(sides: _Sides) -> None:
    keys = sides.one.key, sides.two.key
    conditions = sides.one.condition, sides.two.condition
    measures = two_runs_data.asked(*keys, two_runs_queries.measures, *conditions)
    if measures.empty:
        plain_text.line(
            "Both sides have no measure in common. python -m precompute score scores what "
            "is not scored yet."
        )
        return
    ids = list(zip(measures["metric"], measures["against"], strict=True))
    tops = [int(run_data.run_row(key)["n_layers"]) for key in keys]
    preferred = (f"{score}:{kind}" for kind in ("reference", "final") for score in likeness())
    measure_at, layer_at = st.columns([2, 1])
    with measure_at:
        metric, against = menus.measure(
            "Measure",
            ids,
            name="metric",
            default=next((name for name in preferred if name in map(":".join, ids)), None),
        )
    measure = f"{metric}:{against}"
    asked = Compared(*conditions, metric, against, two_runs_queries.depths(*tops))
    frame = two_runs_data.asked(*keys, two_runs_queries.curves, asked)
    if frame.empty:
        plain_text.line("No image has this measure on both sides.")
        return
    layers = [str(layer) for layer in frame["layer"]]
    with layer_at:
        layer = int(
            menus.menu(
                "Layer (Z^l)",
                layers,
                name="layer",
                default=layers[int(frame["difference"].abs().argmax())],
                more=(
                    "Whose images and maps are shown below; first the layer where the two means "
                    "lie furthest apart."
                ),
            )
        )
    other = dict(asked.depths)[layer]
    floor = floors.of_sides(keys, sides.names, asked)
    if len(frame) > 1:
        _curves(frame, sides, measure, tops, layer, floor)
    else:
        _one_layer(frame, sides, measure, floor)
    n = int(frame.loc[frame["layer"] == layer, "n"].iloc[0])
    first = _ranked(sides, asked, layer, n)
    two_maps.show(sides.one, sides.two, (layer, other), sides.names, first)


def _curves(
    frame: pd.DataFrame,
    sides: _Sides,
    measure: str,
    tops: list[int],
    layer: int,
    floor: Floor,
) -> None:
    title = menus.title(measure)
    word = metrics.word(measure.partition(":")[0])
    unit = word.unit
    n = int(frame["n"].max())
    one, two = sides.names
    depth = (
        ""
        if tops[0] == tops[1]
        else (
            f" The towers have {tops[0]} and {tops[1]} layers: layers at the same share of the "
            f"depth stand together, numbered as in {one}."
        )
    )
    plain_text.line(
        f"{title}: the same {n:,} images on both sides. {word.meaning} "
        f"{intervals.sentence(frame)} The difference is taken image by image.{depth} {floor[1]}",
        "small",
    )
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True, height="stretch"):
        plain_text.line("Both", "heading")
        chart = display.spec(
            compare_charts.both, frame, sides.names, unit or title, layer, floor[0]
        )
        display.chart(chart, f"{title} of both over layers.")
        files.download_row(chart, frame, "compare")
    with right, st.container(border=True, height="stretch"):
        plain_text.line(f"Difference: {two} minus {one}", "heading")
        chart = display.spec(
            compare_charts.difference, frame, f"difference, {unit}" if unit else "difference", layer
        )
        display.chart(chart, f"{title}: {two} minus {one}, over layers.")
        files.download_row(chart, frame, "difference")
    plain_text.line(_at(frame[frame["layer"] == layer].iloc[0], sides))
    plain_text.line(
        f"That interval is of this layer alone. Of the {len(frame)} layers the page first takes "
        "the one where the two lie furthest apart, which is in part where chance made them; "
        "nothing here is adjusted for that.",
        "small",
    )


def _one_layer(frame: pd.DataFrame, sides: _Sides, measure: str, floor: Floor) -> None:
    row = frame.iloc[0]
    plain_text.line(f"{menus.title(measure)}. {_at(row, sides)}")
    plain_text.line(
        f"Both sides have this measure at layer {row['layer']:.0f} alone, so there is no "
        f"curve. Means over the same {row['n']:,.0f} images; the interval is over images, image "
        f"by image.{intervals.few(frame)} {floors.at(floor, int(row['layer']))}",
        "small",
    )
    files.download_row(None, frame, "compare")


def _at(row: Any, sides: _Sides) -> str:
    one, two = sides.names
    return (
        f"At layer {row['layer']:.0f}: {one} {row['one']:z.3f}, {two} {row['two']:z.3f}; "
        f"difference {row['difference']:+z.3f}, pointwise 95% interval "
        f"{intervals.ends(row['low'], row['high'], '+z.3f')}."
    )


def _ranked(sides: _Sides, asked: Compared, layer: int, n: int) -> str | None:
    """Draw the images that lie furthest apart at the layer; the first of all."""
    st.subheader(f"Images that lie furthest apart at layer {layer}")
    rows_at = st.container()
    number = menus.pages(math.ceil(n / _PER_PAGE), "apart")
    rows = two_runs_data.asked(
        sides.one.key,
        sides.two.key,
        two_runs_queries.most_different,
        asked,
        layer,
        _PER_PAGE,
        (number - 1) * _PER_PAGE,
    )
    with rows_at:
        if number == 1 and not rows["difference"].any():
            plain_text.line(
                "By this measure both sides are the same for every image here.", "small"
            )
        for row in rows.astype(object).to_dict("records"):
            _row(sides, row, layer)
    return None if rows.empty else str(rows["image_id"][0])


def _row(sides: _Sides, row: dict[Any, Any], layer: int) -> None:
    image_id = str(row["image_id"])
    picture, text, more = st.columns([1, 6.4, 2.2], vertical_alignment="center", gap="small")
    picture.image(
        thumbnail(sides.one.key, image_id),
        width=88,
        alt=f"Picture {image_id} as the model saw it.",
    )
    texts = [caption_text.text(row[name]) for name in ("one_text", "two_text")]
    names = sides.names
    with text:
        two_captions.side_by_side(
            texts[0], texts[1], (f"{names[0]}: {row['one']:z.3f}", f"{names[1]}: {row['two']:z.3f}")
        )
    with more:
        plain_text.line(f"{row['difference']:+z.3f}", "heading")
        ways = st.container(horizontal=True, gap="small", vertical_alignment="center")
    with ways:
        st.button(
            "Maps",
            key=f"maps-{image_id}",
            type="tertiary",
            icon=":material/visibility:",
            on_click=link.set_image,
            args=(image_id,),
            help="Show this picture's maps of both sides below.",
        )
        navigation.to_image(
            sides.one.key,
            image_id,
            sides.one.condition,
            layer=str(layer),
            head=link.asked("head") or link.MEAN,
            versus=sides.two.condition if sides.one.key == sides.two.key else None,
        )
