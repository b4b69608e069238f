"""What processes say of the runs that they make, and who believes them."""

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from store.disk import making as module
from store.disk.files import Owner, write_json
from store.disk.making import (
    FOLDER,
    FORGOTTEN_SECONDS,
    FRESH_SECONDS,
    Making,
    forget_making,
    list_making,
    remove_making,
    write_making,
)
from store.errors import RunRefused

DEAD = Owner(Owner.here().host, 2**22 + 1, 1)
FAR = Owner("far+1", 1, 1)


def making(**changes: object) -> Making:
    return replace(Making(("a-1", "b-2"), ("run", "x.toml")), **changes)


def written(results: Path, one: Making, silent: float) -> None:
    """As if the process had been silent for so long."""
    write_making(results, one)
    (path,) = (
        p for p in (results / FOLDER).glob("*.json") if json_of(p)["owner"] == vars(one.owner)
    )
    write_json(path, {**json_of(path), "updated_at": time.time() - silent})


def json_of(path: Path) -> dict[str, object]:
    value = json.loads(path.read_text())
    assert isinstance(value, dict)
    return value


def test_what_is_said_is_read_again_and_gone_when_taken_back(tmp_path: Path) -> None:
    results = tmp_path / "results"
    assert list_making(results) == []
    said = making(run="a-1", stage="capture", done=3, total=12, seconds_left=6.5, ready=("a-1",))
    write_making(results, said)
    (got,) = list_making(results)
    assert replace(got, updated_at=said.updated_at) == said
    assert got.alive and got.silent < 60
    remove_making(results, said)
    assert list(results.iterdir()) == []


def test_several_processes_are_told_apart_the_oldest_first(tmp_path: Path) -> None:
    for owner, began_at in ((FAR, 30.0), (DEAD, 10.0), (Owner.here(), 20.0)):
        write_making(tmp_path, making(owner=owner, began_at=began_at))
    assert [one.owner for one in list_making(tmp_path)] == [DEAD, Owner.here(), FAR]


@pytest.mark.parametrize(
    ("owner", "silent", "ended", "alive"),
    [
        (Owner.here(), 1e6, None, True),  # it is here and lives: a batch may take long
        (Owner.here(), 0.0, "stopped by Ctrl-C", False),
        (DEAD, 0.0, None, False),
        (FAR, 0.0, None, True),
        (FAR, FRESH_SECONDS + 60, None, False),
        (FAR, -1e6, None, True),  # its clock is ahead
    ],
)
def test_who_lives(
    tmp_path: Path, owner: Owner, silent: float, ended: str | None, alive: bool
) -> None:
    written(tmp_path, making(owner=owner, ended=ended), silent)
    (got,) = list_making(tmp_path)
    assert got.alive == alive
    assert got.silent >= 0


def test_what_ended_is_forgotten_when_its_runs_are_made_by_another(tmp_path: Path) -> None:
    write_making(tmp_path, making(owner=DEAD))
    forget_making(tmp_path, ("a-1",))  # b-2 is nobody's yet
    assert [one.owner for one in list_making(tmp_path)] == [DEAD]
    write_making(tmp_path, making())
    forget_making(tmp_path, ("a-1", "b-2", "c-3"))
    assert [one.owner for one in list_making(tmp_path)] == [Owner.here()], "who lives stays"


def test_silence_of_a_day_on_another_host_is_forgotten(tmp_path: Path) -> None:
    written(tmp_path, making(owner=FAR), FORGOTTEN_SECONDS + 60)
    forget_making(tmp_path, ("z-9",))
    assert list_making(tmp_path) == []


def test_what_a_dead_process_left_half_written_goes(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    left, mine = (tmp_path / FOLDER / o.token("x.json") for o in (DEAD, Owner.here()))
    left.touch()
    mine.touch()
    forget_making(tmp_path, ())
    assert not left.exists() and mine.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"total": "many"},
        {"runs": "a-1"},
        {"runs": ["../../x"]},
        {"seconds_left": float("1e300")},
        {"owner": {"host": 1}},
        {"more": 1},
        {"stage": "x" * 300},
    ],
)
def test_files_of_another_shape_are_left_out(tmp_path: Path, change: dict[str, object]) -> None:
    write_making(tmp_path, making())
    (path,) = (tmp_path / FOLDER).glob("*.json")
    path.write_text(json.dumps(json_of(path) | change))
    assert list_making(tmp_path) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", "{half", "[" * 100_000])
def test_what_is_no_such_json_is_left_out(tmp_path: Path, text: str) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "1-x.json").write_text(text)
    os.mkfifo(tmp_path / FOLDER / "2-x.json")
    assert list_making(tmp_path) == []


def test_nothing_is_written_or_read_through_a_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write_making(outside, making())
    results = tmp_path / "results"
    results.mkdir()
    (results / module.FOLDER).symlink_to(outside / FOLDER)
    assert list_making(results) == []
    with pytest.raises(RunRefused):
        write_making(results, making(owner=FAR))
    assert len(list((outside / FOLDER).iterdir())) == 1
