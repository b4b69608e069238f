"""The paper's figures of one run, each with its numbers and a caption that explains them.

Pure but for the questions to the store, so that pages and reports show the same.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from dashboard.captions import text as caption_text
from dashboard.charts import base as base_charts
from dashboard.charts import chance_tables, condition_tables, head_tables, maps, pruning_tables
from dashboard.charts import conditions as condition_charts
from dashboard.charts import judge as judge_charts
from dashboard.figures import files, head_gallery
from dashboard.names import intervals, metrics
from dashboard.names import landmarks as landmark_names
from dashboard.names.towers import TOWERS, Tower
from store.interventions import KINDS
from store.metrics import likeness
from store.parts import ImageTensors
from store.query import conditions as condition_queries
from store.query import floor as floor_queries
from store.query import images as image_queries
from store.schema import BASELINE

Ask = Callable[..., pd.DataFrame]
"""Answers one of the store's queries for the run, given the query and its other arguments."""

ABSENT = {
    "figure2": "Figure 2: no layer was averaged, confused or removed. A section [[experiments]] of "
    "the configuration asks for it.",
    "figure3": "Figure 3: no CIDEr against references. It needs a data set with references and the "
    "metric cider under [score].",
    "figure5": "Figure 5: no judge has scored the captions. python -m precompute judge lets one.",
    "figure6": "Figure 6: no head was read by itself. A section [heads] of the configuration names "
    "the layers whose heads are.",
    "table1": "Table 1: no heads were pruned. A section [[pruning]] of the configuration asks for "
    "it.",
    "maps": "Maps: none was tried, so that none is shown to say where the model looked. A section "
    "[faithfulness] of the configuration asks for it.",
}
"""What a run lacks that has not one of them, and what makes it."""

_PAPER_AXIS = "layer, the paper's numbers"
_DOTTED = (
    " Dotted: where the decoder becomes sure of captions, and where they become those of their own "
    "picture (grounded gain)."
)


@dataclass(frozen=True)
class About:
    """What every figure's caption names, and how layers are numbered.

    Attributes:
        run: its name in full.
        condition: which edit of the model; Figure 2 and Table 1 compare all of them.
        paper: number layers as the paper does, one less than here. Z^0 then has no number and is
            left out.
        class_token: whether the run's tower has one.
    """

    run: str
    condition: str = BASELINE
    paper: bool = False
    class_token: bool = True

    @property
    def tower(self) -> Tower:
        """What maps are called."""
        return TOWERS[self.class_token]

    def numbered(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Rows with `layer` in these numbers."""
        shifted = frame.assign(layer=frame["layer"] - self.paper)
        return shifted[shifted["layer"] >= 0]

    @property
    def axis(self) -> str:
        """Title of an axis of layers."""
        return _PAPER_AXIS if self.paper else metrics.LAYER_AXIS

    @property
    def source(self) -> str:
        """Where the numbers come from, as a sentence."""
        return f"Run {self.run}{'' if self.condition == BASELINE else f', {self.condition}'}."


@dataclass(frozen=True)
class Figure:
    """A figure or table.

    Attributes:
        name: of its files.
        title: what it is, and which of the paper's.
        caption: what is shown, n, the interval and the run.
        chart: the picture; None for a table.
        frame: the numbers.
    """

    name: str
    title: str
    caption: str
    chart: files.Figure | None
    frame: pd.DataFrame


def figure2(ask: Ask, about: About, measure: tuple[str, str] | None = None) -> Figure | None:
    """Layers averaged, confused and removed; by the first measure there is, unless one is named."""
    conditions = ask(condition_queries.conditions)
    known = condition_tables.measures(ask(condition_queries.sweep_metrics))
    if conditions.empty or not known:
        return None
    metric, against = measure or known[0]
    values = ask(condition_queries.at_last_layer, metric, against)
    frame = condition_tables.sweep(conditions, values)
    if frame.empty:
        return None
    baseline = None if against == BASELINE else condition_tables.baseline_of(values)
    floors = ask(floor_queries.at_last_layer)
    floor = floor_queries.of_measure(floors, metric, against)
    chart = condition_charts.sweep(
        frame, metrics.axis(metric, against), baseline=baseline, paper=about.paper, floor=floor
    )
    kinds = set(conditions["kind"])
    shown = " ".join(KINDS[kind].meaning for kind in condition_tables.swept() if kind in kinds)
    dashed = "" if baseline is None else " Dashed: the model unedited."
    return Figure(
        "figure2",
        "Layers edited (the paper's Figure 2)",
        (
            f"{metrics.title(metric, against)}, of the last layer's captions, by the layer that is "
            f"edited. {shown} Curves: one layer at a time; bars: all layers under the bar at once."
            f"{dashed} Means over {images(frame)}. "
            f"{intervals.sentence(frame, 'Shades', of='condition')} "
            f"{metrics.floor(floor, curves=False, made=not floors.empty)} "
            f"{f'{about.tower.no_a} ' if about.tower.no_a else ''}Run {about.run}."
        ),
        chart,
        frame,
    )


def figure3(ask: Ask, about: About) -> list[Figure]:
    """CIDEr over layers, and its upper range with an axis of its own; empty without CIDEr."""
    curves = ask(image_queries.curves, about.condition)
    frame = curves[(curves["metric"] == "cider") & (curves["against"] == "reference")]
    if frame.empty:
        return []
    marks = [
        (layer - about.paper, what)
        for layer, what in landmark_names.marks(
            ask(image_queries.landmarks, about.condition), set(curves["metric"])
        )
    ]
    upper = frame[frame["layer"] >= upper_range(int(frame["layer"].max()))]
    floors = ask(floor_queries.band)
    floor = about.numbered(floor_queries.of_measure(floors, "cider", "reference")).assign(
        series=metrics.SERIES["reference"]
    )
    made = []
    for name, rows, what in (("figure3", frame, ""), ("figure3-upper", upper, ", upper range")):
        rows = about.numbered(rows).assign(series=metrics.SERIES["reference"])
        first, last = int(rows["layer"].min()), int(rows["layer"].max())
        marked = [mark for mark in marks if first <= mark[0] <= last]
        chart = base_charts.bands(
            rows,
            "CIDEr (0 to 10)",
            height=280,
            first=first,
            across=about.axis,
            marks=marked,
            floor=None if what else floor,
        )
        made.append(
            Figure(
                name,
                f"CIDEr by layer{what} (the paper's Figure 3)",
                (
                    "Captions of every layer against their references; the mean over "
                    f"{images(rows)} is "
                    f"the set's CIDEr. {intervals.sentence(rows)}{_DOTTED if marked else ''} "
                    f"{'' if what else metrics.floor(floor, made=not floors.empty)} {about.source}"
                ),
                chart,
                rows.drop(columns="series"),
            )
        )
    return made


def figure5(ask: Ask, about: About, judge: str) -> Figure | None:
    """A judge's scores by layer; None if none of its replies has one."""
    scores = judge_charts.of_judge(ask(image_queries.curves, about.condition), "judge", judge)
    if scores.empty:
        return None
    scores = about.numbered(scores)
    return Figure(
        f"figure5-{judge}",
        "Judged captions by layer (the paper's Figure 5)",
        (
            f"Scores of judge {judge}, 1 to 5. Means over {images(scores)}; an image counts with "
            f"the mean of its votes. {intervals.sentence(scores)} {about.source}"
        ),
        judge_charts.figure5(scores, about.axis),
        scores[["metric", "criterion", "layer", "n", "mean", "low", "high"]],
    )


def figure6_of(
    ask: Ask,
    about: About,
    image_id: str,
    layer: int,
    tensors: ImageTensors,
    grid: tuple[int, int],
    captions: Mapping[int, str],
) -> Figure:
    """The caption of every head of a layer for one picture, of the baseline."""
    heads = ask(condition_queries.head_captions, image_id, layer)
    texts = heads["text"].map(caption_text.text)
    scale = maps.shared_scale(tensors.attention, grid)
    cells = head_gallery.around(tensors.model_input, layer, captions, about.paper)
    cells += [
        head_gallery.head_cell(tensors, grid, scale, layer, int(head), text)
        for head, text in zip(heads["head"], texts, strict=True)
    ]
    named_layer = metrics.layer_name(layer, about.paper)
    return Figure(
        "figure6",
        f"The caption of each head of {named_layer} (the paper's Figure 6)",
        (
            f"Picture {image_id}, {BASELINE}. The layer below and the layer itself; no head, the "
            "caption of the state in which none attends (b_O is kept), which the residual "
            f"connection carries; then each head: {about.tower.map} through it, all on one scale, "
            "and the caption of the state in which it alone attends. "
            f"{_null(ask, layer)}One picture, no interval. Run {about.run}."
        ),
        files.svg(head_gallery.gallery(cells, scale, about.tower.legend)),
        heads.assign(image_id=image_id, layer=layer),
    )


def _null(ask: Ask, layer: int) -> str:
    """What no head at all scores over the data set, as a sentence; empty where that is unknown."""
    measures = ask(condition_queries.head_metrics).query("against == @BASELINE")
    metric = next((name for name in likeness() if name in set(measures["metric"])), "")
    frame = ask(condition_queries.head_curve, metric, BASELINE)
    return head_tables.null_score(frame[frame["layer"] == layer], metrics.word(metric).label)


def table1(
    ask: Ask, about: About, group: str | None = None, n_pruned: int | None = None
) -> list[Figure]:
    """Table 1, and its measures' first as a curve by heads pruned; empty without prunings.

    Args:
        ask: the run.
        about: how it is called.
        group: which pruning; the first if not given.
        n_pruned: how many heads; the middle one of the numbers there are, if not given.
    """
    rows = pruning_tables.pruned(ask(condition_queries.changes_of_kind, "prune"))
    if rows.empty:
        return []
    group = group or str(rows["group"].min())
    rows = rows[rows["group"] == group]
    counts = sorted(rows["n_pruned"].unique())
    count = n_pruned or int(counts[len(counts) // 2])
    floors = ask(floor_queries.at_last_layer)
    table = pruning_tables.table1(rows, count, floors)
    chance = chance_tables.beside_chance(rows, ask(condition_queries.chance), count)
    made = [
        Figure(
            "table1",
            "Heads pruned (the paper's Table 1)",
            (
                f"Pruning {group}: {count} heads removed by Algorithm 1 and, beside it, as many "
                "by chance and those of least norm. Measured on images outside Algorithm 1's "
                "sample; the interval is of the difference, 95% over images, paired, pointwise: "
                "each row by itself; of random heads the range over their choices. "
                f"{metrics.floor_rows(floors)} "
                f"{chance_tables.beat_chance(chance)} Run {about.run}."
            ),
            None,
            table,
        )
    ]
    for measure in pruning_tables.telling(rows)[:1]:
        metric, _, against = measure.partition(":")
        frame = rows[(rows["metric"] == metric) & (rows["against"] == against)]
        floor = floor_queries.of_measure(floors, metric, against)
        chart = condition_charts.pruning(
            frame,
            metrics.axis(metric, against),
            baseline=float(frame["baseline"].mean()),
            floor=floor,
        )
        made.append(
            Figure(
                "table1-curve",
                "Quality by the number of heads pruned",
                (
                    f"{metrics.title(metric, against)}. Dashed: the model unpruned. Of random "
                    "heads every "
                    f"seed is a point, their line the mean. Means over {images(frame)}; bars are "
                    f"95% intervals of the paired difference, pointwise.{intervals.few(frame)} "
                    f"{pruning_tables.floor_of_curve(frame, floor, not floors.empty)} "
                    f"Run {about.run}."
                ),
                chart,
                frame,
            )
        )
    return made


def upper_range(top: int) -> int:
    """The first layer of the paper's upper range, 32 of 39 blocks, scaled to a tower.

    >>> upper_range(39), upper_range(12)
    (32, 10)
    """
    return top - math.ceil(top * 8 / 39) + 1


def images(frame: pd.DataFrame) -> str:
    """How many images a figure's means are over: `48 images`, `32 to 48 images`."""
    low, high = int(frame["n"].min()), int(frame["n"].max())
    return f"{low:,} images" if low == high else f"{low:,} to {high:,} images"
