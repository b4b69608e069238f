"""Commands that a reader copies into a terminal."""

import shlex
import tomllib
from pathlib import Path

import streamlit as st

from store.disk import read_run, results_folder

_CONFIGS = Path("precompute/configs")


def show(command: str) -> None:
    """Show a command of this project, with the folder of results where it is not the usual one."""
    folder = results_folder()
    where = "" if folder == Path("results") else f" --results {shlex.quote(str(folder))}"
    show_as_is(command + where)


def show_as_is(command: str) -> None:
    """Show any other command."""
    st.code(command, language=None, wrap_lines=True)  # colours of a shell lack contrast


def run_again(run: Path) -> None:
    """Show what makes the stages that a run has not yet."""
    show(f"python -m precompute run {shlex.quote(config_of(run))}")


def config_of(run: Path) -> str:
    """The configuration that the run's data set is in; the paper's, if none names it."""
    dataset = read_run(run).get("dataset")
    for path in sorted(_CONFIGS.glob("*.toml")):
        sets = tomllib.loads(path.read_text(encoding="utf-8")).get("datasets", [])
        if dataset in [each.get("name") for each in sets]:
            return str(path)
    return str(_CONFIGS / "whoops.toml")
