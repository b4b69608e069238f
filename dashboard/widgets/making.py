"""The quiet bar at the foot of every page: what is being made of the runs, and what is new.

Nothing is drawn, and nobody asks again, while nothing is made. A page that is read stays as it is:
what was published since is offered, and only a page that waits for it loads it by itself.
"""

import html
import time
from pathlib import Path

import streamlit as st

from dashboard.data import run as run_data
from dashboard.data.run import Key
from dashboard.names import making as words
from dashboard.widgets import copy_command
from dashboard.widgets import text as plain_text
from store.disk import Making, list_making, read_run, results_folder
from store.errors import NotPublished, StoreError

_EVERY = 2.0  # seconds
_WAITS = "waits for results"
_HIDDEN = "hidden making"

# Out of the flow, so that nothing moves when it comes or goes.
_STYLE = """<style>
[data-testid=stLayoutWrapper]:has(> .st-key-making) {
    position: fixed; bottom: 0.8rem; z-index: 90; width: auto; max-width: min(54rem, 92vw)}
.st-key-making {padding: 0.35rem 0.8rem; gap: 0.2rem; border-radius: 6px;
    border: 1px solid rgba(128, 128, 128, 0.35); box-shadow: 0 2px 10px rgba(0, 0, 0, 0.12);
    background: Canvas; background: light-dark(#ffffff, #1f2426)}
.st-key-making:not(:has(.peel-making)) {display: none}
.st-key-making [data-testid=stVerticalBlock] {gap: 0.3rem}
.st-key-making pre {padding: 0.35rem 0.6rem}
.peel-making {font-size: 0.86rem; line-height: 1.4; overflow-wrap: anywhere;
    font-variant-numeric: tabular-nums}
.peel-making :is(i, b) {display: block; height: 3px; border-radius: 2px}
.peel-making i {margin-top: 0.25rem; background: rgba(128, 128, 128, 0.25)}
.peel-making b {background: light-dark(#1f6a7d, #5fb3c6)}
</style>"""


def show(run: Path | None, key: Key | None) -> None:
    """Draw the bar.

    Args:
        run: that the page shows; None if there is none.
        key: the generation that the page shows; None if nothing is published yet.
    """
    st.session_state[_WAITS] = False
    there = list_making(results_folder())
    st.html(_STYLE)
    # Always there, as the first on the page: what comes below keeps its place.
    with st.container(key="making"):
        if there:
            every = _EVERY if any(making.alive for making in there) else None
            st.fragment(_bar, run_every=every)(run, key)


def to_begin_with(runs: list[Path]) -> str | None:
    """The run that a reader who names none is shown; None if none has tables.

    One whose captions are all there and scored comes before one that is just begun; of those the
    one that can answer most, which is the one of which most was computed.
    """
    there = [run for run in runs if run_data.is_published(run)]
    published = [run.name for run in sorted(there, key=_stages, reverse=True)]
    alive = [making for making in list_making(results_folder()) if making.alive]
    unready = {name for making in alive for name in set(making.runs) - set(making.ready)}
    whole = [name for name in published if name not in unready]
    return next(iter([*whole, *published]), None)


def _stages(run: Path) -> int:
    try:
        return len(read_run(run).get("stages", {}))
    except StoreError:
        return 0


def instead(run: Path | str, what: str) -> bool:
    """Say that all of what a page shows is being made, if it is; the page then waits for it.

    Args:
        run: the folder of the run that the page shows.
        what: the page lacks, to begin a sentence.

    Returns:
        Whether something of the run is being made.
    """
    being_made = partly(run, what)
    if being_made:
        st.session_state[_WAITS] = True
    return being_made


def partly(run: Path | str, what: str) -> bool:
    """Say the same of a part of a page, which stays as it is until its reader wants it anew."""
    alive = [making for making in list_making(results_folder()) if making.alive]
    being_made = _of(Path(run).name, alive) is not None
    if being_made:
        plain_text.line(
            f"{what}: not yet. This run is still being made; what comes of it is shown here once "
            "it is published. The bar below says how far it is.",
            "note",
        )
    return being_made


def first_run() -> bool:
    """Say that the first run is being made, if one is; whether one is."""
    making = next((one for one in list_making(results_folder()) if one.alive), None)
    if making is None:
        return False
    st.session_state[_WAITS] = True
    st.header("The first run is being made")
    plain_text.line(words.under_way(making, None))
    plain_text.line("This page opens it as soon as there is something to see.", "small")
    return True


def _of(run: str | None, there: list[Making]) -> Making | None:
    """Of several processes, the one that is at this run, or that will be."""
    mine = [making for making in there if run in making.runs]
    return next((one for one in mine if one.run == run), next(iter(mine), None))


def _bar(run: Path | None, key: Key | None) -> None:
    there = list_making(results_folder())
    name = run.name if run else None
    alive = [making for making in there if making.alive]
    newest = _newest(run)
    is_new = newest is not None and newest != key
    if st.session_state.get(_WAITS) and (is_new or not alive):
        st.rerun()
    making = _of(name, alive) or next(iter(alive), None)
    ended = _of(name, [one for one in there if not one.alive])
    if making is None and ended is not None and ended.began_at != st.session_state.get(_HIDDEN):
        _over(ended)
    elif making is None and not is_new:
        return
    elif making is None:
        _line("All is made.", None)
    else:
        more = f" · and {len(alive) - 1} more at work" if len(alive) > 1 else ""
        _line(words.under_way(making, name) + more, _share(making))
    if is_new and st.button("Show what is new", type="tertiary", icon=":material/refresh:"):
        st.rerun()


def _newest(run: Path | None) -> Key | None:
    """What is published by now: of the run, or of any if the page found none."""
    for one in [run] if run else run_data.runs():
        try:
            return run_data.key_of(one)
        except NotPublished:
            continue
    return None


def _over(making: Making) -> None:
    _line(words.over(making), None)
    show_command = copy_command.show_as_is if "--results" in making.arguments else copy_command.show
    show_command(words.command(making))
    if st.button("Hide", type="tertiary", icon=":material/close:"):
        st.session_state[_HIDDEN] = making.began_at
        st.rerun()


def _share(making: Making) -> float:
    """How much is made, by time; by the stage at hand while no time is known."""
    if making.seconds_left is None:
        return making.done / max(making.total, 1)
    spent = max(time.time() - making.began_at, 0.0)
    return spent / max(spent + making.seconds_left, 1e-9)


def _line(text: str, share: float | None) -> None:
    bar = "" if share is None else f'<i><b style="width:{min(share, 1):.0%}"></b></i>'
    st.html(f'<div class="peel-making">{html.escape(text)}{bar}</div>')
