"""What is marked in the ladder of captions: of the picture, never of the data set."""

from dashboard.data import run as run_data
from store import open_run
from store.disk.runs import list_runs
from store.schema import BASELINE
from tests.dashboard.reader.test_reader import sent


def test_a_ladder_marks_where_its_own_picture_settles(open_page, edited, monkeypatch):
    def never(*_):
        raise AssertionError("a landmark of all pictures is no onset of one")

    monkeypatch.setattr(run_data, "landmarks", never)
    with open_run(list_runs(edited)[0]) as run:
        settles = run.table(
            "image_stat", "metric = 'convergence_layer' AND condition_id = ?", [BASELINE]
        ).set_index("image_id")["value"]
    for image in settles.index[:2]:
        header, _ = sent(open_page("image", image=image))
        marks = {mark["text"]: mark["layer"] for mark in header["marks"]}
        assert marks["This picture's caption settles"] == settles[image]
        assert all(text.startswith("This picture's ") for text in marks)
