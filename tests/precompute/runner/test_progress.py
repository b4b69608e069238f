"""What a person reads on a terminal, and what a log keeps."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from precompute.runner.progress import Screen

LONG = "score.coco_rouge_l.pruning.algorithm1.controls"


def lines(text: str) -> list[str]:
    """What a terminal shows of it: cursor up, erased lines, carriage returns."""
    shown, row = [""], 0
    for piece in re.split(r"(\x1b\[[?\d;]*[A-Za-z]|\r|\n)", text):
        if piece == "\n":
            row += 1
            shown += [""] * (row + 1 - len(shown))
        elif piece == "\x1b[1A":
            row -= 1
        elif piece == "\x1b[2K":
            shown[row] = ""
        elif not piece.startswith(("\x1b", "\r")):
            shown[row] += piece
    return [line for line in shown if line]


@pytest.fixture
def opened():
    def opened(terminal: bool, width: int = 80) -> Screen:
        return Screen(
            Console(
                file=io.StringIO(),
                width=width,
                force_terminal=terminal,
                _environ={"TERM": "xterm" if terminal else "dumb"},
            )
        )

    return opened


def written(screen: Screen) -> str:
    return screen._console.file.getvalue()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_terminal_shows_one_stage_within_its_width_and_keeps_none(opened, width, tmp_path):
    screen = opened(True, width)
    for run in ("first-run", "second-run"):
        for label in ("capture", LONG):
            with screen.stage(tmp_path / run, label, 50_000, 12_800) as advance:
                advance(30_000)
                screen._bar.refresh()
                shown = lines(written(screen))
            assert len([line for line in shown if "run" in line and "whole" not in line]) == 1
            assert all(len(line) <= width for line in shown)
            assert f"{run}  {label}"[: width - 1] in shown[-2]
            if width >= 80:
                assert shown[-2].strip() == f"{run}  {label}"
                assert "42800/50000" in shown[-1] and "left" in shown[-1]
        screen.clear()
        screen.say(f"{run} is whole")
    assert lines(written(screen)) == ["first-run is whole", "second-run is whole"]


def test_the_time_left_is_known_after_the_first_images(opened, tmp_path):
    screen = opened(True)
    now = 100.0
    screen._bar.get_time = lambda: now
    with screen.stage(tmp_path, "capture", 1_000, 400) as advance:
        assert "left" not in lines(written(screen))[-1]
        now += 4000.0  # a batch may take longer than the library looks back
        advance(100)
        screen._bar.refresh()
        assert "500/1000 0.025 images/s  5:33:20 left" in lines(written(screen))[-1]
        now += 1000.0
        screen._bar.refresh()
        assert "500/1000 0.02 images/s  6:56:40 left" in lines(written(screen))[-1]


def test_a_log_gets_a_line_a_stage_and_the_name_of_a_run_once(opened, tmp_path):
    screen = opened(False)
    for run, label in (("one", "capture"), ("one", LONG), ("two", "capture")):
        with screen.stage(tmp_path / run, label, 5, 2) as advance:
            for _ in range(3):
                advance(1)
    screen.clear()
    assert [re.sub(r"[\d.]+ s$", "x s", line) for line in written(screen).splitlines()] == [
        "one",
        "  capture: 3 images in x s",
        f"  {LONG}: 3 images in x s",
        "two",
        "  capture: 3 images in x s",
    ]


def test_a_stage_that_breaks_off_says_how_far_it_came(opened, tmp_path: Path):
    screen = opened(False)
    with pytest.raises(OSError), screen.stage(tmp_path, "capture", 5, 0, "questions") as advance:
        advance(1)
        raise OSError
    assert "capture: 1 questions in" in written(screen)
