"""What is wrong, in plain sentences, and what to do, as a command to copy."""

import streamlit as st

from dashboard.widgets import copy_command, making
from dashboard.widgets import text as plain_text
from store.disk import results_folder
from store.errors import NotPublished, TableNotFound


def no_runs() -> None:
    """The results folder is empty, or not there."""
    if making.first_run():
        return
    st.header("No run yet")
    plain_text.line(
        "Peel shows what each layer of a vision transformer sees. It needs a run: pictures "
        f"that a captioner has read. There is none in the folder “{results_folder()}”."
    )
    plain_text.line(
        "This makes one from the pictures and the small captioner that come along: no GPU, "
        "no download, a few minutes."
    )
    copy_command.show_as_is("make demo")
    plain_text.line("If your runs are elsewhere:", "small")
    copy_command.show_as_is("make dashboard RESULTS=folder")


def show(error: Exception) -> None:
    """Say what an error means for who sees the page."""
    if isinstance(error, NotPublished):
        if making.first_run():
            return
        st.header("Nothing to show yet")
        plain_text.line(str(error))
        plain_text.line("No process is at work on it. This shows what there is:")
        copy_command.show("python -m precompute publish")
    elif isinstance(error, TableNotFound):
        st.header("This run's tables are of another version")
        plain_text.line(str(error).splitlines()[0])
        plain_text.line("This builds the tables anew from the run's parts:")
        copy_command.show("python -m precompute publish")
    else:
        st.header("This run cannot be read")
        plain_text.line(str(error).splitlines()[0] if str(error) else type(error).__name__)
        plain_text.line(
            "This checks every file of the runs; with --repair it makes again what is damaged:"
        )
        copy_command.show("python -m precompute verify")
