"""What is being made, in words."""

import time
from dataclasses import replace

import pytest

from dashboard.names import making as words
from store.disk.files import Owner
from store.disk.making import Making

FAR = Owner("far+1", 1, 1)


def making(silent=0.0, **changes):
    """What a process said so many seconds ago."""
    said = Making(("books-1a2b", "photos-3c4d"), ("run", "x.toml"))
    return replace(said, updated_at=time.time() - silent, **changes)


@pytest.mark.parametrize(
    "label",
    [
        "certificate",
        "capture",
        "token_attention",
        "means.demo-imagenet-4cdc75da",
        "sweep.figure2",
        "head_choice",
        "head_effect",
        "importance.algorithm1.samples",
        "pruning.algorithm1.controls",
        "heads",
        "floor.1",
        "questions",
        "score.cider",
        "score.bertscore.pruning.algorithm1.curve",
        "score.answers.rouge_l",
        "corpus.coco_bleu4",
        "judge.llava",
    ],
)
def test_every_stage_has_words_of_its_own(label):
    got = words.stage(label)
    assert got != label and "_" not in got


def test_an_unknown_stage_is_called_by_its_label():
    assert words.stage("warp.9") == "warp.9"


def test_a_line_says_what_is_made_how_far_it_is_and_for_how_long_still():
    now = making(run="books-1a2b", stage="sweep.x", done=1200, total=5000, seconds_left=130.0)
    assert words.under_way(now, "books-1a2b") == (
        "Making books: edits of the model, 1,200 of 5,000 pictures · about 2 min left"
    )
    more = replace(now, at_least=True, unit="questions")
    assert "of 5,000 questions · at least 2 min left" in words.under_way(more, None)
    assert words.under_way(now, "photos-3c4d").endswith("· photos comes after it")
    assert words.under_way(making(), None) == "Making books: loading the model"


def test_a_process_that_was_not_heard_from_says_for_how_long():
    now = making(owner=FAR, host="gpu-7", silent=90)
    assert "last heard from 2 min ago, on gpu-7" in words.under_way(now, None)


def test_what_ended_says_why():
    assert words.over(making(ended="stopped by Ctrl-C")) == (
        "books and photos: not all is made: stopped by Ctrl-C"
    )
    dead = making(stage="capture", done=1, total=9)
    assert "ended without a word, at captions of every layer, 1 of 9" in words.over(dead)
    far = making(silent=180, stage="capture", done=1, total=9, owner=FAR, host="gpu-7")
    assert "last heard from 3 min ago, on gpu-7" in words.over(far)


def test_a_command_is_one_of_this_project_whatever_a_file_says():
    assert words.command(making()) == "python -m precompute run x.toml"
    evil = making(arguments=("run", "x.toml; rm -rf ~", "$(reboot)"))
    assert words.command(evil) == "python -m precompute run 'x.toml; rm -rf ~' '$(reboot)'"
