"""What is wrong, in plain sentences, and what to do."""

import streamlit as st

from dashboard import data, plain
from store.errors import NotPublished, TableNotFound


def no_runs() -> None:
    """The results folder is empty, or not there."""
    st.header("No run yet")
    plain.line(f"There is no run in the folder “{data.results_folder()}”.")
    st.markdown("Make one with `make demo`: it needs no GPU and no download, and takes a few "
                "minutes. If your runs are elsewhere: `make dashboard RESULTS=folder`.")


def show(error: Exception) -> None:
    """Say what an error means for who sees the page."""
    if isinstance(error, NotPublished):
        st.header("Nothing to show yet")
        plain.line(str(error))
        st.markdown("The page **Runs** shows how far the run is. `python -m precompute publish` "
                    "publishes what is there; `make demo` makes a small run.")
    elif isinstance(error, TableNotFound):
        st.header("This run's tables are of another version")
        plain.line(str(error).splitlines()[0])
        st.markdown("Publish the run again with `python -m precompute publish`, which builds the "
                    "tables anew from the run's parts, or make a new one with `make demo`.")
    else:
        st.header("This run cannot be read")
        plain.line(str(error).splitlines()[0] if str(error) else type(error).__name__)
        st.markdown("`python -m precompute verify` checks a run's files; `make demo` makes a new "
                    "small run.")
