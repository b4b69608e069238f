"""Ids of edits of the input: read, written, refused."""

import pytest

from precompute.inputs.corruptions import CORRUPTIONS
from precompute.inputs.edits import SEPARATOR, Attack, Corruption, Occlusion, Shuffle, read_edits

IDS = {
    "gaussian_noise@3": Corruption("gaussian_noise", 3),
    "fog@1:7": Corruption("fog", 1, 7),
    "occlude:30": Occlusion(30),
    "occlude:90:2": Occlusion(90, 2),
    "occlude:30:map": Occlusion(30, by_map=True),
    "shuffle-patches:5": Shuffle(5),
    "pgd:eps=4,step=1,n=10": Attack(4, 1, 10),
    "pgd:eps=2,step=0.5,n=3,target=a dog's bone": Attack(2, 0.5, 3, "a dog's bone"),
}


@pytest.mark.parametrize("text", IDS)
def test_an_id_is_read_back(text):
    assert read_edits(text) == [IDS[text]]
    assert IDS[text].text == text


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("snow@2..4", ["snow@2", "snow@3", "snow@4"]),
        ("snow@*", [f"snow@{severity}" for severity in range(1, 6)]),
        ("corruptions@5", [f"{name}@5" for name in CORRUPTIONS]),
        ("shuffle-patches", ["shuffle-patches:0"]),
        ("pgd:eps=8", ["pgd:eps=8,step=2,n=10"]),
    ],
)
def test_what_stands_for_others(text, ids):
    assert [edit.text for edit in read_edits(text)] == ids


@pytest.mark.parametrize("text", ["mean:5", "skip:3+7", "mean:5@run-1a2b", "heads:2-only-3"])
def test_conditions_on_layers_are_left_to_others(text):
    assert read_edits(text) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frost@3", "a corruption is one of gaussian_noise"),
        ("fog@6", "expected gaussian_noise@3"),
        ("fog@", "a severity reads like"),
        ("occlude:101", r"0\.\.100 percent; got 101"),
        ("occlude:x", "got 'occlude:x'"),
        ("pgd:eps=0", "above 0"),
        ("pgd:eps=1.2.3", "above 0"),
        ("pgd:n=3", "expected gaussian_noise@3"),
    ],
)
def test_what_cannot_be_read_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        read_edits(text)


def test_an_attack_keeps_its_commas():
    assert SEPARATOR.split("pgd:eps=4,step=1,n=2,target=a dog,skip:2,mean:3") == [
        "pgd:eps=4,step=1,n=2,target=a dog",
        "skip:2",
        "mean:3",
    ]
