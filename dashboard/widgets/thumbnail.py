"""Small pictures as the model saw them, drawn once."""

import streamlit as st

from dashboard.charts import maps
from dashboard.data import run as run_data
from dashboard.data.run import Key

_WIDTH = 240
"""Pixels: twice what a card shows, for sharp screens."""


@st.cache_data(max_entries=512, show_spinner=False)
def thumbnail(key: Key, image_id: str) -> bytes:
    """A small picture as the model saw it, no taller than a card has room for."""
    return maps.card(run_data.tensors(key, image_id).model_input, _WIDTH)
