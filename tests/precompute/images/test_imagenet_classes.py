"""What the classes of ImageNet are called, by a file or by WordNet."""

from collections import defaultdict

import pytest

from precompute.images import (
    imagenet_classes,
    load,
)
from precompute.metrics import wordnet
from tests.precompute.images.imagenet_layouts import (
    flat_with_wnids,
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_the_first_class_of_a_file_with_a_byte_order_mark_has_its_name(
    encoding, tmp_path, bytes_of
):
    flat_with_wnids(tmp_path / "set", bytes_of)
    (tmp_path / "set" / "synset_words.txt").write_text("n02056570 pingüino\n", encoding=encoding)
    assert load("imagenet", tmp_path / "set")[0].label == "pingüino"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("n02056570 a\nn01440764\n", "line 2: expected a class and its names.*; got 'n01440764'"),
        ("n02056570 , ,\n", "line 1: expected a class and its names"),
        ("\n7 a\n", "line 2: expected a class and its names.*; got '7 a'"),
        ("n02056570 a\nn01440764 pingüino\n".encode("cp1252"), "line 2: .* like Windows-1252"),
        ("n02056570 a\n".encode("utf-16"), "this looks like UTF-16"),
    ],
)
def test_a_file_of_classes_that_does_not_fit_says_where(text, words, tmp_path, bytes_of):
    flat_with_wnids(tmp_path / "set", bytes_of)
    content = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "set" / "synset_words.txt").write_bytes(content)
    with pytest.raises(ValueError, match=rf"synset_words\.txt.*{words}"):
        load("imagenet", tmp_path / "set")


def test_a_class_is_called_by_what_few_others_are_too():
    """From above: of each sense, the classes below it are counted by going down, not up."""
    known = wordnet.nouns()
    below = defaultdict(list)
    for sense, parents in known.parents.items():
        for parent in parents:
            below[parent].append(sense)
    classes = {int(wnid[1:]): wnid for wnid in imagenet_classes.wnids()}
    expected = defaultdict(set)
    for sense, names in wordnet.synset_names().items():
        seen, todo = set(), list(below[sense])
        while todo:
            at = todo.pop()
            if at not in seen:
                seen.add(at)
                todo += below[at]
        of_them = seen & classes.keys()
        if len(of_them) <= 125:
            for at in of_them:
                expected[classes[at]].update(names)
    got = imagenet_classes.kind_names()
    assert {wnid: set(names) for wnid, names in got.items() if names} == expected
    assert "dog" in got["n02085620"]  # Chihuahua
    assert "guitar" in got["n03272010"]


def test_the_thousand_classes_are_nouns_of_wordnet():
    wnids = imagenet_classes.wnids()
    assert len(wnids) == len(set(wnids)) == 1000
    assert list(wnids) == sorted(wnids)
    names = imagenet_classes.class_names(None)
    # Lines of ImageNet's own synset_words.txt.
    for line in (
        "n01484850 great white shark, white shark, man-eater, man-eating shark, "
        "Carcharodon carcharias",
        "n01491361 tiger shark, Galeocerdo cuvieri",
        "n02056570 king penguin, Aptenodytes patagonica",
        "n12998815 agaric",
    ):
        wnid, words = line.split(maxsplit=1)
        assert wnid in wnids
        assert ", ".join(names[wnid]) == words
    assert all(names[wnid] for wnid in wnids)
