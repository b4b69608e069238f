"""Streamlit's own command, after what every page imports: the first reader need not wait for it.

Our modules with caches and components are left to the first page, as they register with the server.
"""

import sys

import altair  # noqa: F401  # which draws the charts of nearly every page
from streamlit.web.cli import main

import store  # noqa: F401  # and with it pandas, DuckDB and h5py

if __name__ == "__main__":
    sys.exit(main())
