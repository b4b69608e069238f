"""What pages ask of a run, or of two, cached by run and generation.

The one package that opens a run and that holds Streamlit's caches of queries. Knows nothing of how
its answers look.
"""

__all__ = [
    "run",
    "two_runs",
]
