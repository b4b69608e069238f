"""One picture on two sides: both maps at the same depth and head, both captions."""

from dataclasses import dataclass

import streamlit as st

from dashboard.charts import colour_bar, maps
from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.names import towers
from dashboard.names.towers import TOWERS
from dashboard.widgets import link, menus, picture, two_captions
from dashboard.widgets import text as plain_text
from store.parts import ImageTensors
from store.schema import BASELINE

_WIDTH = 336  # pixels


@dataclass(frozen=True)
class Side:
    """A run under a condition."""

    key: Key
    condition: str


def show(
    one: Side, two: Side, layers: tuple[int, int], names: tuple[str, str], first: str | None
) -> None:
    """Draw the maps and captions of one picture on both sides.

    Args:
        one: the first side.
        two: the second.
        layers: of both, at the same depth.
        names: of both.
        first: the picture to show if the link names none that both have.
    """
    asked = link.asked("image") or ""
    there = bool(asked) and all(run_data.image(side.key, asked) is not None for side in (one, two))
    image_id = asked if there else first
    if image_id is None:
        return
    st.subheader("One picture on both sides")
    n_heads = [int(run_data.run_row(side.key)["n_heads"]) for side in (one, two)]
    heads = ["mean", *map(str, range(min(n_heads)))]
    chosen = menus.menu("Head", heads, name="head")
    head = None if chosen == "mean" else int(chosen)
    kinds = [run_data.class_token(side.key) for side in (one, two)]
    apart = towers.not_of_one_kind(*kinds)
    alike = f"{TOWERS[kinds[0]].map}. Both maps share one colour scale."
    plain_text.line(f"{image_id}: {alike}" if not apart else f"{image_id}. {apart}", "small")
    tensors = [_tensors(side, image_id) for side in (one, two)]
    scales = [_scale(arrays) for arrays in tensors]
    if not apart:
        scales = [max(scales, key=lambda scale: scale.high)] * 2
    for column, side, layer, name, arrays, scale in zip(
        st.columns(2, gap="medium"), (one, two), layers, names, tensors, scales, strict=True
    ):
        with column:
            plain_text.line(f"{name}, layer {layer}", "heading")
            _map(side, arrays, layer, head, scale, name)
    texts = [
        picture.texts_by_layer(side.key, image_id, side.condition).get(layer, "")
        for side, layer in zip((one, two), layers, strict=True)
    ]
    two_captions.side_by_side(texts[0], texts[1], names)


def _tensors(side: Side, image_id: str) -> ImageTensors | None:
    if side.condition == BASELINE:
        return run_data.tensors(side.key, image_id)
    return run_data.condition_tensors(side.key, image_id, side.condition)


def _scale(tensors: ImageTensors | None) -> maps.Scale:
    if tensors is None:
        return maps.Scale(0.0, 0.0, False)  # there is no map that it would be of
    return maps.shared_scale(tensors.attention, maps.grid_of(tensors))


def _map(
    side: Side,
    tensors: ImageTensors | None,
    layer: int,
    head: int | None,
    scale: maps.Scale,
    name: str,
) -> None:
    if layer == 0:
        plain_text.line("Layer 0 is the embedding: there is no attention yet.", "small")
    elif tensors is None:
        plain_text.line(
            f"No maps were taken under {side.condition}. An experiment with "
            "capture = true takes them.",
            "small",
        )
    else:
        of_head = maps.head_tokens(tensors.attention, layer, head)
        tokens = maps.patch_map(of_head, maps.grid_of(tensors))
        st.image(
            maps.blend(
                tensors.model_input,
                tokens,
                scale,
                opacity=maps.OPACITY,
                smooth=False,
                width=_WIDTH,
            ),
            width=_WIDTH,
            output_format="PNG",
            alt=f"Attention at layer {layer}, {name}.",
        )
        colour_bar.show(scale, TOWERS[run_data.class_token(side.key)].legend)
