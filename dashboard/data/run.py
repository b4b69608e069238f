"""What pages ask of a run, cached. Every key carries the run's path and its generation.

A newer generation is a new key, so a page shows it at its next rerun, without a restart.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from store import Run
from store.disk import (
    LINK,
    current_generation,
    generation_path,
    list_runs,
    read_sidecar,
    results_folder,
)
from store.errors import NotPublished
from store.parts import ImageTensors
from store.parts.word_maps import WordMaps
from store.query import Export, Order, Quantity, Selection, image_export, open_generation, similar
from store.query import checks as run_checks
from store.query import images as image_queries
from store.query import one_image as one_image_queries
from store.schema import CAPTION_METRICS, layer_columns


class Key(NamedTuple):
    """One generation of one run: the start of every cache key.

    Attributes:
        path: the run's folder.
        generation: its number; 0 for a copy without one.
        file: which file that is: a folder that is made anew counts from 1 again.
    """

    path: str
    generation: int
    file: str


def runs() -> list[Path]:
    """The run folders, by name."""
    return list_runs(results_folder())


def key_of(run: Path) -> Key:
    """The run's newest published generation.

    Raises:
        NotPublished: it has none yet.
    """
    number = current_generation(run)
    path = run / LINK if number is None else generation_path(run, number)
    try:
        there = path.stat()
    except FileNotFoundError:
        raise NotPublished(f"{run.name} has no published tables yet.") from None
    return Key(str(run), number or 0, f"{there.st_ino} {there.st_mtime_ns}")


def is_published(run: Path) -> bool:
    """Whether a run has anything to show."""
    try:
        key_of(run)
    except NotPublished:
        return False
    return True


def _first(frame: pd.DataFrame) -> dict[str, Any]:
    """The first row; NULL is None."""
    row = frame.iloc[0].astype(object)
    return {
        str(name): None if np.ndim(value) == 0 and pd.isna(value) else value
        for name, value in row.items()
    }


@st.cache_resource(max_entries=8, show_spinner=False, on_release=lambda run: run.close())
def _open(key: Key) -> Run:
    # Not the current one: a publish may have come since the key was made.
    return open_generation(Path(key.path), key.generation)


def asked(key: Key, query: Callable[..., pd.DataFrame], *values: object) -> pd.DataFrame:
    """What one of the store's queries answers for a run; its other arguments are `values`."""
    return _asked(key, f"{query.__module__}.{query.__name__}", query, *values)


@st.cache_data(max_entries=128, show_spinner=False)
def _asked(
    key: Key, name: str, _query: Callable[..., pd.DataFrame], *values: object
) -> pd.DataFrame:
    # Streamlit cannot hash a function: its name stands for it in the cache's key.
    return _query(_open(key), *values)


@st.cache_data(max_entries=128, show_spinner=False)
def quantile(key: Key, quantity: Quantity, share: float, condition: str) -> float | None:
    """The value below which a share of the images' values lie."""
    return image_queries.quantile(_open(key), quantity, share, condition)


@st.cache_data(max_entries=16, show_spinner=False)
def run_row(key: Key) -> dict[str, Any]:
    """The run's own row, and run.json beside it (`info`)."""
    run = _open(key)
    return _first(image_queries.run_row(run)) | {"info": run.info}


def class_token(key: Key) -> bool:
    """Whether the run's tower has a class token: which statistics it has."""
    return _open(key).class_token


@st.cache_data(max_entries=16, show_spinner=False)
def conditions(key: Key) -> list[str]:
    """Conditions, the baseline first."""
    return image_queries.conditions(_open(key))


@st.cache_data(max_entries=16, show_spinner=False)
def quantities(key: Key) -> list[str]:
    """Names of everything that images can be filtered and sorted by: `rouge_l:final`."""
    scored = image_queries.scored(_open(key))
    names = [
        metric if pd.isna(against) else f"{metric}:{against}"
        for metric, against in zip(scored["metric"], scored["against"], strict=True)
    ]
    return [*names, *CAPTION_METRICS, *layer_columns(class_token(key))]


def has_layers(quantity: Quantity) -> bool:
    """Whether a quantity differs by layer; those of a whole image do not."""
    return quantity.against is not None or image_queries.has_layers(quantity.metric)


@st.cache_data(max_entries=64, show_spinner=False)
def page(
    key: Key, selection: Selection, order: Order | None, limit: int, offset: int
) -> pd.DataFrame:
    """One page of images."""
    return image_queries.filter_images(_open(key), selection, order, limit, offset)


@st.cache_data(max_entries=256, show_spinner=False)
def count(key: Key, selection: Selection) -> int:
    """How many images a selection has."""
    return image_queries.count_images(_open(key), selection)


@st.cache_data(max_entries=128, show_spinner=False)
def histogram(key: Key, quantity: Quantity, condition: str) -> pd.DataFrame:
    """How a quantity spreads over all images."""
    return image_queries.histogram(_open(key), quantity, condition)


def export(
    key: Key,
    selection: Selection,
    order: Order | None,
    written: Mapping[str, tuple[str, str]],
    **more: str,
) -> Export:
    """All images of a selection with the values that were asked for; not cached, it may be long."""
    return image_export.collect(_open(key), selection, order, written, **more)


@st.cache_data(max_entries=16, show_spinner=False)
def change_metric(key: Key, condition: str) -> str | None:
    """What caption trajectories are compared by; None if captions were not scored."""
    return similar.metric_of(_open(key), condition)


@st.cache_resource(max_entries=32, show_spinner=False)
def tensors(key: Key, image_id: str) -> ImageTensors:
    """One image's arrays; shared, never to be written to."""
    return _open(key).tensors(image_id)


@st.cache_resource(max_entries=16, show_spinner=False)
def condition_tensors(key: Key, image_id: str, condition: str) -> ImageTensors | None:
    """One image's arrays under a condition, or None if they were not kept; shared."""
    return _open(key).condition_tensors(image_id, condition)


@st.cache_resource(max_entries=8, show_spinner=False)
def token_attention(key: Key, image_id: str) -> NDArray[np.float16] | None:
    """What every token of an image attends to [L, N+1, N+1], or None if it was not kept; shared."""
    return _open(key).token_attention(image_id)


@st.cache_resource(max_entries=16, show_spinner=False)
def word_maps(key: Key, image_id: str, layer: int) -> WordMaps | None:
    """The maps of the words of one caption, or None if it was not followed; shared."""
    return _open(key).word_maps(image_id, layer)


@st.cache_data(max_entries=64, show_spinner=False)
def image(key: Key, image_id: str) -> dict[str, Any] | None:
    """One image's row, or None if there is no such image."""
    frame = one_image_queries.image_row(_open(key), image_id)
    return None if frame.empty else _first(frame)


@st.cache_data(max_entries=64, show_spinner=False)
def is_transparent(key: Key, image_id: str) -> bool:
    """Whether the model saw colours of a picture that its transparency hides from an eye."""
    return _open(key).is_transparent(image_id)


@st.cache_data(max_entries=16, show_spinner=False)
def first_image(key: Key) -> str | None:
    """The image with the least id; None if the run has none."""
    frame = image_queries.filter_images(_open(key), Selection(), limit=1)
    return None if frame.empty else str(frame["image_id"][0])


@st.cache_data(max_entries=64, show_spinner=False)
def neighbours(key: Key, image_id: str) -> tuple[str | None, str | None]:
    """The images before and after this one, by id."""
    return one_image_queries.neighbours(_open(key), image_id)


@st.cache_data(max_entries=64, show_spinner=False)
def captions(key: Key, image_id: str, condition: str) -> pd.DataFrame:
    """One image's captions, a row a layer."""
    return one_image_queries.captions(_open(key), image_id, condition)


@st.cache_data(max_entries=64, show_spinner=False)
def scores(key: Key, image_id: str, layer: int, condition: str) -> pd.DataFrame:
    """One image's scores at a layer."""
    return one_image_queries.scores(_open(key), image_id, layer, condition)


@st.cache_data(max_entries=64, show_spinner=False)
def layer_stats(key: Key, image_id: str, condition: str) -> pd.DataFrame:
    """One image's measures a layer."""
    return one_image_queries.layer_stats(_open(key), image_id, condition, class_token(key))


@st.cache_data(max_entries=64, show_spinner=False)
def head_stats(key: Key, image_id: str, condition: str) -> pd.DataFrame:
    """One image's measures a layer and head."""
    return one_image_queries.head_stats(_open(key), image_id, condition, class_token(key))


@st.cache_data(max_entries=32, show_spinner=False)
def curves(key: Key, condition: str) -> pd.DataFrame:
    """The data set's curves."""
    return image_queries.curves(_open(key), condition)


@st.cache_data(max_entries=16, show_spinner=False)
def landmarks(key: Key, condition: str) -> pd.DataFrame:
    """The data set's landmarks."""
    return image_queries.landmarks(_open(key), condition)


@st.cache_data(max_entries=16, show_spinner=False)
def checks(key: Key) -> dict[str, int]:
    """What the run has to be held against."""
    return run_checks.checks(_open(key))


@st.cache_data(max_entries=16, show_spinner=False)
def tables(key: Key) -> pd.DataFrame:
    """Rows of every table."""
    return image_queries.table_rows(_open(key))


@st.cache_data(max_entries=16, show_spinner=False)
def sizes(key: Key) -> dict[str, float]:
    """Megabytes of what is published: the tables, and each stage's parts as publish counted them.

    No file of a part is looked at: there are as many as the data set is large.
    """
    run = Path(key.path)
    tables = generation_path(run, key.generation) if key.generation else run / LINK
    counted = (read_sidecar(run, key.generation) or {}).get("bytes", {})
    file_sizes = {tables.name: tables.stat().st_size, **dict(sorted(counted.items()))}
    return {name: size / 1e6 for name, size in file_sizes.items()}
