"""What the Compare page asks of two runs, cached like `run`."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import streamlit as st

from dashboard.data.run import Key
from store.query import Pair, open_generation
from store.query import two_runs as two_runs_queries


@st.cache_resource(max_entries=4, show_spinner=False, on_release=lambda pair: pair.close())
def _open(one: Key, two: Key) -> Pair:
    with (
        open_generation(Path(one.path), one.generation) as first,
        open_generation(Path(two.path), two.generation) as second,
    ):
        return two_runs_queries.open_pair(first, second)


@st.cache_data(max_entries=16, show_spinner=False)
def shared_images(one: Key, two: Key) -> int:
    """How many pictures both have."""
    return two_runs_queries.shared_images(_open(one, two))


def asked(one: Key, two: Key, query: Callable[..., pd.DataFrame], *values: object) -> pd.DataFrame:
    """What one of `two_runs_queries` answers for two runs; its other arguments are `values`."""
    return _asked(one, two, query.__name__, query, *values)


@st.cache_data(max_entries=64, show_spinner="Comparing…")
def _asked(
    one: Key, two: Key, name: str, _query: Callable[..., pd.DataFrame], *values: object
) -> pd.DataFrame:
    # Streamlit cannot hash a function: its name stands for it in the cache's key.
    return _query(_open(one, two), *values)
