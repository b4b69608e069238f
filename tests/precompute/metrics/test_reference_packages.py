"""Every number equals its package, called the way its authors call it."""

import csv
import json
import shutil

import pytest
import sacrebleu
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

from precompute.config.settings import PROJECT
from precompute.metrics import cider, ptb
from precompute.metrics.bleu import bleu
from precompute.metrics.coco import coco_bleu4, coco_rouge_l
from precompute.metrics.metric import Corpus

needs_java = pytest.mark.skipif(not shutil.which("java"), reason="no Java on this machine")

HARD = [
    "A dog's life. A cat, too!",
    'A man (in a hat) says "hello"',
    "can't won't cannot gonna",
    "black-and-white t-shirt and/or",
    "$5 50% 1,000 3.5 & more... yes",
    "it's 5 o'clock",
    "the U.S. flag; a sign: 'stop'",
    "Mr. Smith at 5 p.m.",
    "caf\u00e9 \u2014 dash \u2013 en",
    "a -- b",
    "dogs' toys",
    "A man. A dog.",
    "e.g. this",
    "a\u2019s \u201cquote\u201d",
    "end.",
    "two\nlines\r\u2028here",
]


@pytest.fixture(scope="module")
def references():
    """Five captions an image: the demo's."""
    path = PROJECT / "precompute/demo/whoops/test/metadata.csv"
    with path.open(newline="", encoding="utf-8") as file:
        return [json.loads(row["crowd_captions"]) for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def texts(references):
    """A caption an image; every third is about another picture, and some have odd forms."""
    last = len(references)
    got = [references[(k + (k % 3 == 0)) % last][k % 5] for k in range(last)]
    return [f"{HARD[k]} {text}" if k < len(HARD) else text for k, text in enumerate(got)]


@pytest.fixture(scope="module")
def coco(texts, references):
    """The two as the package's evaluation makes them."""
    if shutil.which("java"):

        def tokens(values):
            return PTBTokenizer().tokenize(
                {
                    k: [{"caption": " ".join(t.split())} for t in mine]
                    for k, mine in enumerate(values)
                }
            )
    else:

        def tokens(values):
            return {k: ptb.tokenise(mine) for k, mine in enumerate(values)}

    return tokens(references), tokens([[text] for text in texts])


def test_bleu_is_sacrebleus(texts, references):
    expected = [
        sacrebleu.sentence_bleu(text, mine).score / 100
        for text, mine in zip(texts, references, strict=True)
    ]
    assert bleu(texts, references) == pytest.approx(expected)


def test_coco_bleu4_and_rouge_l_are_pycocoevalcaps(texts, references, coco):
    _, by_order = Bleu(4).compute_score(*coco, verbose=0)
    assert coco_bleu4(texts, references) == pytest.approx(by_order[3])
    _, rouge = Rouge().compute_score(*coco)
    assert coco_rouge_l(texts, references) == pytest.approx(list(rouge))


def test_cider_of_parts_is_that_of_the_whole_set(texts, references, coco, tmp_path):
    """Frequencies are counted once and kept; captions come in pieces, as parts do."""
    mean, each = Cider().compute_score(*coco)
    corpus = Corpus({str(k): tuple(mine) for k, mine in enumerate(references)}, {}, "")
    values = []
    for start in range(0, len(texts), 7):
        score = cider.open_cider(corpus, tmp_path)
        values += score(texts[start : start + 7], references[start : start + 7])
    assert values == pytest.approx(list(each), abs=1e-6)
    assert sum(values) / len(values) == pytest.approx(mean, abs=1e-6)
    assert len(list(tmp_path.iterdir())) == 1
    assert cider.read(tmp_path).images == len(references)


def test_unknown_words_do_not_grow_the_frequencies(tmp_path):
    frequencies = cider.count([["a cat"], ["a dog"]])
    before = dict(frequencies.images_with)
    assert cider.scorer(frequencies)(["a zebra", "a cat"], [["a cat"], ["a cat"]])[0] >= 0
    assert frequencies.images_with == before


@needs_java
def test_tokens_in_python_agree_with_stanfords(references):
    lines = sorted({text for mine in references for text in mine})
    lines += [" ".join(text.split()) for text in HARD]
    for line, expected in zip(lines, ptb._java(lines), strict=True):
        kept = [word for word in expected if word not in ptb._REMOVED]
        assert [word for word in ptb._python(line) if word not in ptb._REMOVED] == kept


@needs_java
def test_tokens_are_the_packages_own():
    flat = [" ".join(text.split()) for text in HARD]
    mine = PTBTokenizer().tokenize({k: [{"caption": text}] for k, text in enumerate(flat)})
    assert ptb.tokenise(HARD) == [mine[k][0] for k in range(len(HARD))]


def test_without_java_python_tokenises_and_says_so(monkeypatch):
    monkeypatch.setattr(ptb.shutil, "which", lambda name: None)
    ptb.tokeniser.cache_clear()
    try:
        assert ptb.tokeniser().startswith("TreebankWordTokenizer")
        assert ptb.tokenise(["A cat."]) == ["a cat"]
    finally:
        ptb.tokeniser.cache_clear()


def test_what_was_tokenised_is_not_asked_again_and_only_so_much_is_kept(monkeypatch):
    asked = []
    monkeypatch.setattr(ptb, "tokeniser", lambda: "PTBTokenizer")
    monkeypatch.setattr(
        ptb, "_java", lambda lines: [asked.append(line) or line.lower().split() for line in lines]
    )
    monkeypatch.setattr(ptb, "_known", {})
    monkeypatch.setattr(ptb, "_KEPT", 3)
    assert ptb.tokenise(["A cat .", "A dog", "A cat ."]) == ["a cat", "a dog", "a cat"]
    assert ptb.tokenise(["A dog", "A cow"]) == ["a dog", "a cow"]
    assert asked == ["A cat .", "A dog", "A cow"]
    assert ptb.tokenise(["A hen", "A dog"]) == ["a hen", "a dog"]  # the fourth: room is made
    assert ptb.tokenise(["A cat ."]) == ["a cat"]
    assert asked == ["A cat .", "A dog", "A cow", "A hen", "A cat ."]
