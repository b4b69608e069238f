"""From a picture to its page in the dashboard."""

import os
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash
from typer.testing import CliRunner

from precompute.__main__ import app
from precompute.commands.own_pictures import own_config
from precompute.config.settings import PROJECT, QuestionsConfig, ScoreConfig
from store import open_run


@pytest.fixture
def photo(pictures, tmp_path):
    path = tmp_path / "album" / "My Cat & I.jpg"
    path.parent.mkdir()
    pictures[0].save(path)
    return path


def tell(*arguments):
    return CliRunner().invoke(app, ["story", *map(str, arguments)])


def test_a_picture_gets_a_page_that_the_dashboard_opens(photo, pictures, tmp_path, monkeypatch):
    other = tmp_path / "other.png"
    pictures[1].save(other)
    results = tmp_path / "results"
    messages = tell(photo, other, "--results", results, "--set", "capture.part_size=1")
    assert messages.exit_code == 0, messages.output
    assert f"make dashboard RESULTS={results}" in messages.output
    asked = [parse_qs(urlsplit(line).query) for line in messages.output.splitlines() if "?" in line]
    (run,) = (folder.name for folder in results.iterdir())
    assert run.startswith("story-2-pictures-")
    assert asked == [{"run": [run], "image": [name]} for name in ("My Cat & I.jpg", "other.png")]
    with open_run(results, run) as opened:
        assert sorted(opened.table("image").image_id) == ["My Cat & I.jpg", "other.png"]
        assert len(opened.table("caption")) == 2 * 13

    monkeypatch.setenv("PEEL_RESULTS", str(results))
    page = AppTest.from_file(str(PROJECT / "dashboard/app.py"), default_timeout=30)
    page.query_params.update({name: values[0] for name, values in asked[0].items()})
    page._page_hash = calc_hash("image")  # switch_page knows pages of files alone
    page.run()
    assert not page.exception
    assert page.text_input("image").value == "My Cat & I.jpg"


def test_a_name_that_no_configuration_can_hold_is_spelt_out(photo):
    strange = photo.with_name(os.fsdecode(b"caf\xe9.jpg"))
    photo.rename(strange)
    messages = tell(strange)
    assert messages.exit_code == 1
    assert "expected names in UTF-8; got" in messages.output
    assert r"caf\xe9.jpg. Rename the files" in messages.output


def test_the_model_of_another_configuration(photo, config, tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text(f"""
        [model]
        path = "{config.model.path}"
        device = "cpu"
        [[datasets]]
        name = "elsewhere"
        kind = "whoops"
        path = "data/that/is/not/here"
        [decode]
        prompt = "a short image caption."
        generation = {{ max_new_tokens = 3 }}
    """)
    messages = tell(photo, "--config", mine, "--results", tmp_path / "results")
    assert messages.exit_code == 0, messages.output
    assert "story-my-cat-i-" in messages.output


def test_only_what_is_about_the_pictures_is_kept(photo, config):
    wide = config.model_copy(
        update={
            "questions": QuestionsConfig(),
            "score": ScoreConfig(metrics=("exact", "bertscore")),
        }
    )
    settings = own_config(wide, [photo, photo])
    assert settings.questions is None
    assert settings.score.metrics == ("exact",), "BERTScore's model is not on this machine"
    (dataset,) = settings.datasets
    assert (Path(dataset.path), dataset.files) == (photo.parent, ("My Cat & I.jpg",))


def test_what_is_no_picture_is_refused_at_once(photo, tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("no picture")
    for file, words in (
        (text, "cannot read the picture notes.txt"),
        (tmp_path / "gone.jpg", "there is no file"),
    ):
        messages = tell(photo, file, "--results", tmp_path / "results")
        assert messages.exit_code == 1
        assert words in messages.output.replace("album/../", "")
        assert "Traceback" not in messages.output
    assert not (tmp_path / "results").exists()
