"""Every state in which a page has nothing or something wrong to show."""

import duckdb
import pytest

from store.disk.runs import update_run
from store.parts.failures import Failure, write_failures
from store.publish.generation import publish
from tests.dashboard.opening import PAGES, words
from tests.synthetic import begin_run, make_run, stage_folder, write_capture_part


@pytest.mark.parametrize("page", (*PAGES, "judge"))
def test_no_runs(visit, tmp_path, page):
    for folder in (tmp_path, tmp_path / "absent"):
        at = visit(page, folder)
        assert not at.exception
        assert at.header[0].value == "No run yet"
        assert "make demo" in words(at)


@pytest.mark.parametrize("page", (*PAGES, "judge"))
def test_a_run_that_is_not_published(visit, tmp_path, page):
    make_run(tmp_path, n_images=2, publish=False)
    at = visit(page, tmp_path)
    assert not at.exception
    if page == "runs":
        assert "Nothing is published yet" in words(at)
    else:
        assert at.header[0].value == "Nothing to show yet"
        assert "No process is at work on it" in words(at)
    assert "python -m precompute publish" in words(at)


@pytest.mark.parametrize("page", PAGES)
def test_an_older_file_without_a_table(visit, tmp_path, page):
    run = make_run(tmp_path, n_images=2, conditions=True)
    with duckdb.connect(str(run / "results-1.duckdb")) as con:
        for table in (
            "score",
            "curve",
            "skipped",
            "head_stat",
            "head_curve",
            "change",
            "map_score",
        ):
            con.execute(f"DROP TABLE {table}")
    at = visit(page, tmp_path)
    assert not at.exception
    assert "of another version" in at.header[-1].value
    assert "python -m precompute publish" in words(at)


@pytest.mark.parametrize("page", ("images", "image", "layers"))
def test_a_damaged_file(visit, tmp_path, page):
    run = make_run(tmp_path, n_images=2)
    (run / "results-1.duckdb").write_bytes(b"no database" * 500)
    at = visit(page, tmp_path)
    assert not at.exception
    assert at.header[0].value == "This run cannot be read"
    assert "verify" in words(at)


def test_arrays_that_were_not_copied(visit, tmp_path):
    run = make_run(tmp_path, n_images=2)
    for path in run.rglob("tensors.h5"):
        path.unlink()
    at = visit("image", tmp_path)
    assert not at.exception
    assert "Copy the whole run folder" in words(at)


def test_a_newer_generation_is_seen_without_a_restart(visit, tmp_path):
    run = begin_run(tmp_path, "grows", 2, 2, (2, 2), 0)
    stage = stage_folder(run, "capture", {"code": 1})
    update_run(run, stages={"capture": stage.name})
    write_capture_part(stage, "part-00000", [0, 1], 2, 2, (2, 2))
    publish(run)
    at = visit("images", tmp_path)
    assert "2 of 2 images" in words(at)
    write_capture_part(stage, "part-00001", [2, 3, 4], 2, 2, (2, 2))
    publish(run)
    at.run()
    assert "5 of 5 images" in words(at)
    at = visit("layers", tmp_path)
    assert "Means over 5 images" in words(at)


@pytest.mark.parametrize(
    ("parity", "badge"),
    [
        ({"passed": True}, "passed"),
        ({"passed": False, "accepted_mismatch": True}, "mismatch accepted"),
        ({"passed": False}, "certificate failed"),
        (None, "no certificate"),
    ],
)
def test_the_certificate_is_shown_as_it_is(visit, tmp_path, parity, badge):
    run = make_run(tmp_path, n_images=2)
    update_run(run, parity=parity)
    at = visit("runs", tmp_path)
    assert not at.exception
    assert badge in words(at)
    on_other_pages = badge in words(visit("images", tmp_path))
    assert on_other_pages == (badge != "passed")


def test_skipped_pictures_are_shown_with_their_reasons(visit, tmp_path):
    run = make_run(tmp_path, n_images=3)
    with duckdb.connect(str(run / "results-1.duckdb")) as con:
        con.execute("INSERT INTO skipped VALUES ('test/3.png', 'cannot read: cut off.')")
    at = visit("runs", tmp_path)
    assert not at.exception
    assert "1 of 4 pictures (25.0%) could not be opened" in words(at)
    assert any("cannot read: cut off." in frame.value.to_string() for frame in at.dataframe)


def test_very_many_skipped_pictures_come_in_pages(visit, tmp_path):
    run = make_run(tmp_path, n_images=3)
    with duckdb.connect(str(run / "results-1.duckdb")) as con:
        con.execute(
            "INSERT INTO skipped SELECT format('test/{:03d}.png', i), 'no picture.' "
            "FROM range(45) AS t(i)"
        )
    at = visit("runs", tmp_path, skipped="3")
    assert not at.exception
    assert "45 of 48 pictures (93.8%) could not be opened" in words(at)
    (shown,) = (frame.value for frame in at.dataframe if "reason" in frame.value)
    assert shown["source"].tolist() == [f"test/{i:03d}.png" for i in range(40, 45)]


def test_sizes_are_those_of_the_files_of_every_stage(visit, tmp_path):
    run = make_run(tmp_path, n_images=7)
    shown = next(
        frame.value for frame in visit("runs", tmp_path).dataframe if "MB" in frame.value
    ).set_index("what")["MB"]
    on_disk = {
        stage.name: sum(
            file.stat().st_size for file in stage.glob("*/*") if file.name != "part.json"
        )
        / 1e6
        for stage in (run / "parts").iterdir()
    }
    assert shown.drop("results-1.duckdb").to_dict() == pytest.approx(on_disk)
    assert shown["results-1.duckdb"] == (run / "results-1.duckdb").stat().st_size / 1e6


def test_parts_that_were_given_up_are_named(visit, tmp_path):
    run = make_run(tmp_path, n_images=2)
    assert "given up" not in words(visit("runs", tmp_path))
    write_failures(run, "capture-1", [Failure("capture-1", "images-000008", "no room", 3, "host")])
    at = visit("runs", tmp_path)
    assert not at.exception
    assert "Parts that were given up" in words(at) and "1 parts could not be made" in words(at)
    assert any("images-000008" in frame.value.to_string() for frame in at.dataframe)
