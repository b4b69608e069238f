"""The filters of the Images page: one text in the link, and histograms that write it."""

from collections.abc import Callable
from dataclasses import replace
from itertools import groupby

import streamlit as st

from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.names import metrics
from dashboard.views.images import brush, presets
from dashboard.views.images.brush import Bounds
from dashboard.widgets import link, menus
from dashboard.widgets import text as plain_text
from store.query import Extreme, Predicate, Quantity, format_predicates, parse_predicates

_EXTREMES: dict[Extreme, str] = {"max": "the largest over layers", "min": "the least over layers"}
_COLUMNS = 3


def named(name: str) -> Quantity:
    """The quantity of a name such as `rouge_l:final`."""
    metric, _, against = name.partition(":")
    return Quantity(metric, against or None)


def _read(key: Key, text: str) -> tuple[Predicate, ...]:
    """The predicates of the text; a text that cannot be read gets a note, and counts as none."""
    try:
        predicates = parse_predicates(text)
    except ValueError as error:
        plain_text.line(f"The filter cannot be read: {error}", "small")
        return ()
    known = run_data.quantities(key)
    if unknown := [p.quantity.name for p in predicates if p.quantity.name not in known]:
        plain_text.line(
            f"The filter asks for {', '.join(unknown)}, which this run does not have; "
            "that part is left out.",
            "small",
        )
    return tuple(p for p in predicates if p.quantity.name in known)


def _write(predicates: tuple[Predicate, ...]) -> None:
    link.write(filter=format_predicates(predicates) or None, page=None)


def choose(key: Key, condition: str, top: int) -> tuple[Predicate, ...]:
    """Draw the filters; the predicates that are set."""
    text_at, ready, add = st.columns([3.4, 1.1, 1.2], vertical_alignment="bottom")
    with text_at:
        text = menus.text(
            "Filters",
            name="filter",
            placeholder="none; for instance |patch_attn_share| > 1; rouge_l:final@2 < 0.5",
            more="metric[:against][@layer] < number; bars for the absolute value; @max and @min "
            "for the largest and the least over layers, no layer for any; several joined by "
            "a semicolon, an interval being two.",
        )
    predicates = _read(key, text)
    # Drawn when they are opened: each asks the run for as much as the page itself does.
    with ready:
        made = st.popover(
            "Presets",
            icon=":material/filter_alt:",
            width="stretch",
            key="presets",
            on_change="rerun",
        )
    if made.open:
        with made:
            _presets(key, condition, top)
    with add:
        new = st.popover(
            "Add a filter", icon=":material/add:", width="stretch", key="builder", on_change="rerun"
        )
    if new.open:
        with new:
            _builder(key, condition, top, predicates)
    cards = grouped(predicates)
    if cards:
        st.html("<style>[class*=st-key-filter-head] {flex-wrap: nowrap}</style>")
    for start in range(0, len(cards), _COLUMNS):
        for column, i in zip(st.columns(_COLUMNS), range(start, len(cards)), strict=False):
            with column.container(border=True):
                _card(key, condition, cards, i)
    return predicates


def grouped(predicates: tuple[Predicate, ...]) -> list[tuple[Quantity, tuple[Predicate, ...]]]:
    """Predicates that look at the same number of an image, together, in the order of the text."""
    quantities = [_decides(predicate) for predicate in predicates]
    pairs = sorted(
        zip(quantities, predicates, strict=True), key=lambda pair: quantities.index(pair[0])
    )
    return [
        (quantity, tuple(predicate for _, predicate in group))
        for quantity, group in groupby(pairs, key=lambda pair: pair[0])
    ]


def _decides(predicate: Predicate) -> Quantity:
    # A number of the whole image has no layers: both ends of an interval are of the same one.
    return predicate.decides if run_data.has_layers(predicate.quantity) else predicate.quantity


def bounds_of(predicates: tuple[Predicate, ...]) -> Bounds:
    """The interval that predicates of one quantity leave."""
    return Bounds(
        max((p.threshold for p in predicates if p.upward), default=None),
        min((p.threshold for p in predicates if not p.upward), default=None),
    )


def within(
    quantity: Quantity, bounds: Bounds, before: tuple[Predicate, ...] = ()
) -> tuple[Predicate, ...]:
    """The predicates of an interval, ends included; an end that is as before stays as it was."""
    made = []
    for op, end in ((">=", bounds.low), ("<=", bounds.high)):
        if end is not None:
            new = Predicate(quantity, op, end)
            same = (p for p in before if (p.upward, p.threshold) == (new.upward, new.threshold))
            made.append(next(same, new))
    return tuple(made)


def one_layer(predicates: tuple[Predicate, ...]) -> int | None:
    """The layer at which all the predicates look that look at one; None if there are several."""
    layers = {p.quantity.layer for p in predicates if isinstance(p.quantity.layer, int)}
    return layers.pop() if len(layers) == 1 else None


def _presets(key: Key, condition: str, top: int) -> None:
    plain_text.line(
        "Questions that many have. One click sets the filters; change them as you like.", "small"
    )
    usual = presets.before_grounding(key, condition, top)
    layer = st.selectbox(
        "At layer",
        range(top, -1, -1),
        index=top - usual,
        key="preset_layer",
        help="For the presets that look at one layer. At first it is the last "
        "layer before captions become those of their picture.",
    )
    for i, preset in enumerate(presets.presets(key, condition, top, layer)):
        st.button(
            preset.name,
            key=f"preset-{i}",
            width="stretch",
            disabled=bool(preset.lacks),
            on_click=_write,
            args=(preset.predicates,),
        )
        plain_text.line(preset.meaning, "small")
        if preset.lacks:
            plain_text.line(preset.lacks, "small")


def _builder(key: Key, condition: str, top: int, predicates: tuple[Predicate, ...]) -> None:
    name = st.selectbox(
        "Metric",
        run_data.quantities(key),
        key="new_metric",
        format_func=lambda name: metrics.title(*name.rsplit(":", 1)),
    )
    quantity = named(name)
    plain_text.line(metrics.word(quantity.metric).meaning, "small")
    if run_data.has_layers(quantity):
        layers: list[int | Extreme] = [*range(top, -1, -1), *_EXTREMES]
        at, how = st.columns(2, vertical_alignment="bottom")
        layer = at.selectbox("Layer", layers, key="new_layer", format_func=_where)
        absolute = how.toggle(
            "Without its sign", key="new_absolute", help="The absolute value: -0.2 counts as 0.2."
        )
        quantity = replace(quantity, layer=layer, absolute=absolute)
    frame = run_data.histogram(key, quantity, condition)
    plain_text.line("Drag over the bars: images within that interval are kept.", "small")
    brush.show(
        frame,
        Bounds(),
        quantity.metric,
        key=f"new {quantity}",
        alt="How the metric spreads over all images.",
        brushed=lambda bounds: _write((*predicates, *within(quantity, bounds))),
    )
    if not frame.empty:
        _ends(
            Bounds(),
            f"new-{quantity}",
            lambda bounds: _write((*predicates, *within(quantity, bounds))),
        )


def _where(layer: int | Extreme) -> str:
    return f"layer {layer}" if isinstance(layer, int) else _EXTREMES[layer]


def label(quantity: Quantity) -> str:
    """A quantity in words, its layer included."""
    name = metrics.title(quantity.metric, quantity.against)
    name = f"|{name}|" if quantity.absolute else name
    return name if quantity.layer is None else f"{name}, {_where(quantity.layer)}"


def _card(
    key: Key, condition: str, cards: list[tuple[Quantity, tuple[Predicate, ...]]], i: int
) -> None:
    quantity, mine = cards[i]

    def put(changed: tuple[Predicate, ...]) -> None:
        kept = [changed if j == i else predicates for j, (_, predicates) in enumerate(cards)]
        _write(tuple(predicate for predicates in kept for predicate in predicates))

    def set_bounds(bounds: Bounds) -> None:
        put(within(quantity, bounds, mine))

    # Columns would stand below each other on a phone; and the cross goes below a long name.
    with st.container(horizontal=True, vertical_alignment="top", key=f"filter-head-{i}"):
        plain_text.line(label(quantity), "card")
        st.button(
            "",
            icon=":material/close:",
            key=f"drop-{i}",
            type="tertiary",
            help="Take this filter away.",
            on_click=put,
            args=((),),
        )
    bounds = bounds_of(mine)
    brush.show(
        run_data.histogram(key, quantity, condition),
        bounds,
        quantity.metric,
        key=f"histogram-{i} {quantity}",
        brushed=set_bounds,
        alt=f"How {label(quantity)} spreads over all images.",
    )
    _ends(bounds, str(i), set_bounds)


def _ends(bounds: Bounds, key: str, typed: Callable[[Bounds], None]) -> None:
    """Draw the interval as two numbers, for a keyboard and for exact ends."""
    low_at, high_at = st.columns(2)
    names = f"low-{key}", f"high-{key}"

    def changed() -> None:
        typed(Bounds(*(st.session_state[name] for name in names)))

    for column, name, title, end in (
        (low_at, names[0], "from", bounds.low),
        (high_at, names[1], "to", bounds.high),
    ):
        st.session_state[name] = end
        column.number_input(
            title,
            value=None,
            key=name,
            step=0.05,
            format="%.4g",
            placeholder="open",
            on_change=changed,
        )
