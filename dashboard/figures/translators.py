"""What readers of translated states give over layers: read, present but unread, nothing shown.

Pure but for the questions to the store, as `paper`.
"""

from collections.abc import Mapping

import pandas as pd

from dashboard.charts import translators as reader_charts
from dashboard.figures.paper import About, Ask, Figure, images
from dashboard.names import landmarks as landmark_names
from dashboard.names import metrics
from dashboard.names.translators import (
    MEANINGS,
    NAMES,
    NATIVE,
    PRESENT,
    READ,
    UNSHOWN,
    fitted_on,
)
from dashboard.names.translators import about as about_reader
from store.interventions import read_spec
from store.metrics import ONSET, gains
from store.query import floor as floor_queries
from store.query import images as image_queries
from store.query import translators as reader_queries
from store.schema import BASELINE

ABSENT = (
    "Read or only present: no layer was read through translators. A section [[translators]] of the "
    "configuration fits them."
)
"""What a run without readers lacks."""

_KL = "final_kl"
_ERROR = "state_error"


def names(ask: Ask) -> list[str]:
    """The translators that a run is read by; each has its readers."""
    found = [about_reader(read_spec(spec)) for spec in ask(reader_queries.readers)["spec"]]
    return sorted({str(one.get("of")) for one in found if one.get("reader") == "tuned"})


def roles(ask: Ask, of_name: str) -> dict[str, str]:
    """Role -> condition of the readers of some translators, the native one first."""
    known = {
        str(said.get("reader")): str(row["condition_id"])
        for row in ask(reader_queries.readers).to_dict("records")
        if str((said := about_reader(read_spec(row["spec"]))).get("of")) == of_name
    }
    return {BASELINE: BASELINE} | {role: known[role] for role in NAMES if role in known}


def curves_of(
    ask: Ask, of_roles: Mapping[str, str], metric: str, simultaneous: bool
) -> pd.DataFrame:
    """One measure by every reader: series, layer, n, mean, low, high."""
    frames = []
    for role, condition in of_roles.items():
        rows = ask(image_queries.curves, condition)
        rows = rows[rows["metric"] == metric]
        if simultaneous:
            bands = ask(image_queries.bands, condition)
            rows = rows.drop(columns=["low", "high"]).merge(
                bands, how="left", on=["layer", "metric", "against"]
            )
        frames.append(rows.assign(series=NAMES[role], condition_id=condition))
    columns = ["series", "condition_id", "metric", "against", "layer", "n", "mean", "low", "high"]
    return pd.concat(frames)[columns].reset_index(drop=True)


def gain_of(ask: Ask, of_roles: Mapping[str, str]) -> str | None:
    """The grounded gain that is shown: the first that the readers have."""
    there = set(ask(image_queries.curves, of_roles["tuned"])["metric"])
    return next((gain for gain in gains() if gain in there), None)


def states(native: pd.DataFrame, claims: pd.DataFrame, floor: pd.DataFrame) -> pd.DataFrame:
    """What can be said of every layer.

    Args:
        native: layer and low of the native reader's gain, simultaneous.
        claims: layer and present, of `store.query.translators.unread`.
        floor: layer and high of the floor; none, and it is 0.

    Returns:
        layer, state: present but not (all) read where the claim holds; else read where the native
        reader's gain is above 0 and above the floor; else nothing is shown.
    """
    high = dict(zip(floor["layer"], floor["high"], strict=True)) if len(floor) else {}
    present = set(claims.loc[claims["present"], "layer"])
    state = [
        PRESENT
        if layer in present
        else READ
        if low > max(0.0, high.get(layer, 0.0) or 0.0)
        else UNSHOWN
        for layer, low in zip(native["layer"], native["low"], strict=True)
    ]
    return pd.DataFrame({"layer": native["layer"].astype(int), "state": state})


def reading(ask: Ask, about: About, of_name: str) -> list[Figure]:
    """The three curves with what is said of every layer, and beside them controls and numbers."""
    of_roles = roles(ask, of_name)
    gain = gain_of(ask, of_roles) if "tuned" in of_roles else None
    if gain is None:
        return []
    made = [_present(ask, about, of_roles, gain), _controls(ask, about, of_roles, gain)]
    made += _margins(ask, about, of_roles, gain)
    return made + [
        _measured(ask, about, of_roles, metric, name)
        for metric, name in ((_KL, "readers-kl"), (_ERROR, "readers-error"))
        if metric in set(ask(image_queries.curves, of_roles["tuned"])["metric"])
    ]


def _present(ask: Ask, about: About, of_roles: Mapping[str, str], gain: str) -> Figure:
    shown = {role: of_roles[role] for role in (BASELINE, "tuned")}
    frame = curves_of(ask, shown, gain, simultaneous=True)
    rows = ask(reader_queries.gains, of_roles["tuned"])
    floors = floor_queries.of_measure(ask(floor_queries.band), gain, "shuffled")
    native = frame[frame["series"] == NATIVE].sort_values("layer")
    told = states(native, reader_queries.unread(rows[rows["metric"] == gain]), floors)
    marks = [
        (layer - about.paper, NAMES[role])
        for role, condition in shown.items()
        for layer in onset(ask, condition, gain)["layer"].dropna().astype(int)
    ]
    there = about.numbered(frame)
    chart = reader_charts.present(
        there,
        about.numbered(told),
        f"{metrics.axis(gain)}",
        first=int(there["layer"].min()),
        across=about.axis,
        marks=marks,
        floor=about.numbered(floors).assign(series=NATIVE),
    )
    source = _source(ask, of_roles["tuned"])
    return Figure(
        "readers",
        "Read, present, or nothing shown",
        (
            f"{metrics.word(gain).meaning} The native reader is the decoder as it is; the tuned "
            "one is given each layer's state in the last layer's basis first. Bands hold a whole "
            f"curve in 95%. {metrics.floor(floors, made=True)} Dotted: where grounding sets in by "
            f"each reader. Below, “{PRESENT}”: the tuned reader's gain is above the native one's "
            "and above every control's, all intervals together off 0, so that something is there "
            f"which the decoder does not read. “{READ}”: else, the native gain's band is above 0 "
            f"and the floor. “{UNSHOWN}”: neither; that is no proof of absence. "
            f"Means over {images(there)}. {source} Run {about.run}."
        ),
        chart,
        frame.merge(told, on="layer"),
    )


def _source(ask: Ask, condition: str) -> str:
    known = ask(reader_queries.readers).set_index("condition_id")
    row = known.loc[condition]
    return fitted_on(read_spec(row["spec"]), row["source"])


def onset(ask: Ask, condition: str, gain: str) -> pd.DataFrame:
    """Where grounding sets in by a reader: one row with layer, low, high, or none."""
    marks = ask(image_queries.landmarks, condition)
    wanted = ONSET + gain.removeprefix("grounded_gain_")
    return marks[(marks["metric"] == wanted) & marks["layer"].notna()]


def onsets(ask: Ask, of_roles: Mapping[str, str], gain: str) -> list[tuple[str, str]]:
    """Where grounding sets in by every reader, in words.

    An onset is half of a reader's own last gain: of a control that never reaches half of the native
    one's it would look like an early success, so that its last gain is told instead.
    """
    lines = []
    native = _last_gain(ask, BASELINE, gain)
    for role, condition in of_roles.items():
        rows, last = onset(ask, condition, gain), _last_gain(ask, condition, gain)
        if rows.empty:
            span = "nowhere"
        elif last < native / 2:
            span = f"nowhere: at the last layer it gains {last:.2f} of {native:.2f}"
        else:
            span = landmark_names.span(rows.iloc[0].to_dict())
        lines.append((NAMES[role].capitalize(), span))
    return lines


def _last_gain(ask: Ask, condition: str, gain: str) -> float:
    curve = ask(image_queries.curves, condition)
    curve = curve[curve["metric"] == gain].sort_values("layer")
    return float(curve["mean"].iloc[-1]) if len(curve) else 0.0


def _controls(ask: Ask, about: About, of_roles: Mapping[str, str], gain: str) -> Figure:
    frame = curves_of(ask, of_roles, gain, simultaneous=False)
    there = about.numbered(frame)
    told = " ".join(MEANINGS[role] for role in of_roles if role in MEANINGS)
    chart = reader_charts.lines(
        there,
        "mean",
        metrics.axis(gain),
        "read by",
        first=int(there["layer"].min()),
        across=about.axis,
    )
    return Figure(
        "readers-controls",
        "Every reader, and what each control is",
        f"{told} Means over {images(there)}; their 95% intervals, pointwise, are in the file. "
        f"Run {about.run}.",
        chart,
        frame,
    )


def _margins(ask: Ask, about: About, of_roles: Mapping[str, str], gain: str) -> list[Figure]:
    rows = ask(reader_queries.gains, of_roles["tuned"])
    rows = rows[rows["metric"] == gain]
    if rows.empty or rows["low"].isna().all():
        return []
    frame = rows.rename(columns={"difference": "mean"}).assign(
        series=rows["versus"].map(NAMES).fillna(rows["versus"])
    )
    order = {name: k for k, name in enumerate(NAMES.values())}
    frame = frame.sort_values("series", key=lambda s: s.map(order), kind="stable")
    there = about.numbered(frame)
    chart = reader_charts.lines(
        there,
        "low",
        "lower end of the difference",
        "tuned reader minus",
        first=int(there["layer"].min()),
        across=about.axis,
        zero=True,
    )
    return [
        Figure(
            "readers-margins",
            "How sure it is that more is present than is read",
            "The tuned reader's gain minus that of each other, image by image: the lower ends of "
            "intervals that hold all of these differences, at all layers, in 95% of data sets "
            "(max-t). Only where every line is above 0 is something called present. "
            f"Means over {images(there)}. Run {about.run}.",
            chart,
            rows,
        )
    ]


def _measured(
    ask: Ask, about: About, of_roles: Mapping[str, str], metric: str, name: str
) -> Figure:
    frame = curves_of(ask, of_roles, metric, simultaneous=False)
    there = about.numbered(frame)
    chart = reader_charts.lines(
        there,
        "mean",
        metrics.axis(metric),
        "read by",
        first=int(there["layer"].min()),
        across=about.axis,
    )
    return Figure(
        name,
        metrics.word(metric).label,
        f"{metrics.word(metric).meaning} On pictures that fitted nothing. Means over "
        f"{images(there)}; their 95% intervals, pointwise, are in the file. Run {about.run}.",
        chart,
        frame,
    )
