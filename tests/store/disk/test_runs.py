"""Names and run.json."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.disk import files
from store.disk.runs import (
    create_run,
    list_runs,
    read_run,
    require_usable,
    run_id,
    update_run,
)
from store.errors import FolderRefused, PartDamaged, RunMismatch, RunNotFound
from store.parts.write import stage_folder

JSON = st.recursive(
    st.integers() | st.text() | st.booleans() | st.none(),
    lambda inner: st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.text(), JSON))
def test_the_order_of_what_decides_does_not_matter(decides: dict[str, object]) -> None:
    turned = dict(reversed(decides.items()))
    assert run_id("whoops", decides) == run_id("whoops", turned)


def test_names_are_readable_and_differ_with_what_decides() -> None:
    one, other = run_id("whoops", {"dtype": "f32"}), run_id("whoops", {"dtype": "bf16"})
    assert one != other
    assert one.startswith("whoops-") and len(one) == len("whoops-") + 8


@pytest.mark.parametrize("name", ["../up", ".hidden", "a/b", "", "a b"])
def test_names_that_cannot_be_folders_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="run name must be"):
        run_id(name, {})


def test_create_is_idempotent_and_refuses_other_numbers(tmp_path: Path) -> None:
    run = create_run(tmp_path, "a-1", {"decides": {"prompt": "x", "seed": 1}, "model": "m"})
    first = (run / "run.json").read_bytes()
    again = create_run(tmp_path, "a-1", {"decides": {"seed": 1, "prompt": "x"}, "model": "n"})
    assert again == run and (run / "run.json").read_bytes() == first
    with pytest.raises(RunMismatch, match="differs in: seed"):
        create_run(tmp_path, "a-1", {"decides": {"prompt": "x", "seed": 2}})
    with pytest.raises(ValueError, match="decides"):
        create_run(tmp_path, "b-1", {})


def test_every_new_folder_is_flushed_into_the_one_above_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: set[Path] = set()
    monkeypatch.setattr(files, "fsync", flushed.add)
    results = tmp_path / "new" / "results"
    run = create_run(results, "a-1", {"decides": {}})
    assert flushed >= {tmp_path, tmp_path / "new", results, run}
    flushed.clear()
    stage = stage_folder(run, "capture", {"code": 1})
    assert flushed >= {run / "parts", stage}
    flushed.clear()
    stage_folder(run, "capture", {"code": 1})  # all is there
    assert not flushed


def test_updates_merge_stages_and_keep_what_identifies(tmp_path: Path) -> None:
    run = create_run(tmp_path, "a-1", {"decides": {}})
    update_run(run, stages={"capture": "capture-1"}, parity={"passed": True})
    update_run(run, stages={"score": "score-1"})
    info = read_run(run)
    assert info["stages"] == {"capture": "capture-1", "score": "score-1"}
    assert info["parity"] == {"passed": True}
    with pytest.raises(ValueError, match="decides"):
        update_run(run, decides={})


def test_missing_and_broken_runs(tmp_path: Path) -> None:
    with pytest.raises(RunNotFound, match="make demo"):
        read_run(tmp_path / "none")
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(PartDamaged, match="must be the run\\.json of a run"):
        read_run(tmp_path)
    assert list_runs(tmp_path / "none") == []


@pytest.mark.parametrize("name", ["a?b", "a\\b", "caf\udce9"])
def test_a_folder_that_duckdb_would_not_find_is_refused_before_anything_is_made(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(FolderRefused, match="Rename it, or name another"):
        create_run(tmp_path / name / "results", "whoops-1", {"decides": {}})
    assert list(tmp_path.iterdir()) == []
    assert require_usable(tmp_path) == tmp_path
