"""The colours of a map with the values at their ends, on a page and as a picture."""

import html

import numpy as np
import streamlit as st

from dashboard.charts import maps
from dashboard.charts.maps import Scale

_TALL = 9  # pixels


def show(scale: Scale, what: str) -> None:
    """Draw the bar where it is called; `what` names what is coloured."""
    st.html(
        '<div style="display:flex;flex-wrap:wrap;gap:0.2rem 0.5rem;align-items:center;'
        f'font-size:0.86rem"><span>{scale.low:.3g}</span>'
        f'<span style="width:9rem;height:{_TALL}px;background:linear-gradient(to right,'
        f'{",".join(maps.INFERNO)})"></span><span>{scale.end}</span>'
        f'<span style="opacity:0.75">{html.escape(what)}</span></div>'
    )


def picture(width: int) -> bytes:
    """The colours from low to high, as PNG."""
    across = np.linspace(0.0, 1.0, width)[None].repeat(_TALL, axis=0)
    return maps.png(maps.colour(across, Scale(0.0, 1.0, False)))
