"""The film strip on a page: which layers, the strip itself, and its files."""

import pandas as pd
import streamlit as st

from dashboard.charts import maps
from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.figures import files, film_strip
from dashboard.names.towers import TOWERS
from dashboard.widgets import link, picture
from dashboard.widgets import text as plain_text
from store.schema import BASELINE


def show(key: Key, image_id: str, condition: str, paper: bool = False) -> None:
    """Draw an image's strip, its caption trajectory on one screen (the paper's Figure 1).

    Args:
        key: the run.
        image_id: the picture.
        condition: the one that is shown.
        paper: number layers as the paper does.
    """
    captions = picture.texts_by_layer(key, image_id, condition)
    if not captions:
        plain_text.line("No layer of this picture was decoded.", "small")
        return
    layers = _layers(captions, "Layers, in our numbers" if paper else "Layers")
    if not layers:
        plain_text.line("Choose a layer.", "small")
        return
    svg = strip(key, image_id, condition, tuple(layers), paper)
    plain_text.picture(
        svg,
        "The picture's attention map and caption at layers "
        + "; ".join(f"{layer}: {captions[layer]}" for layer in layers),
    )
    files.download_row(
        svg,
        pd.DataFrame({"layer": layers, "caption": [captions[layer] for layer in layers]}),
        f"film-{image_id}",
    )


def _layers(captions: dict[int, str], label: str) -> list[int]:
    """Draw the choice of layers; the link has it where it is not the default."""
    default = film_strip.turning_points(captions)
    asked = (link.asked("film") or "").split("-")
    known = [str(layer) for layer in captions]
    # Of a link to another run or condition, the layers that are here.
    st.session_state["film"] = [layer for layer in asked if layer in known] or [
        str(layer) for layer in default
    ]

    def chosen() -> None:
        picked = sorted(map(int, st.session_state["film"]))
        link.write(film=None if picked == default else "-".join(map(str, picked)))

    return sorted(
        map(
            int,
            st.multiselect(
                label,
                known,
                key="film",
                on_change=chosen,
                help="To start with, those at which the caption becomes another, small words "
                "aside.",
            ),
        )
    )


@st.cache_data(max_entries=32, show_spinner=False)
def strip(key: Key, image_id: str, condition: str, layers: tuple[int, ...], paper: bool) -> str:
    """The strip as SVG."""
    run = run_data.run_row(key)
    captions = picture.texts_by_layer(key, image_id, condition)
    seen = picture.look(key, image_id, condition)
    under = "" if condition == BASELINE else f", {condition}"
    return film_strip.film_strip(
        seen.tensors,
        {layer: captions[layer] for layer in layers},
        layers,
        maps.grid_of(seen.tensors),
        legend=TOWERS[run_data.class_token(key)].legend,
        title=f"{image_id}, {run['run_id']}{under}",
        paper=paper,
    )
