"""Results on disk: parts, arrays, tables. Knows no torch and no Streamlit."""

from store.query import Run, open_run

__all__ = ["Run", "open_run"]
