"""PTB-style tokens, as coco-caption has them: Stanford's tokenizer, or the same in Python.

pycocoevalcap carries Stanford's jar and calls it through a temporary file in its own package
folder, which need not be writable; here the same jar reads from a pipe.
"""

import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

from pycocoevalcap.tokenizer import ptbtokenizer

_REMOVED = frozenset(ptbtokenizer.PUNCTUATIONS)
_JAR = Path(ptbtokenizer.__file__).with_name(ptbtokenizer.STANFORD_CORENLP_3_4_1_JAR)
_COMMAND = ("edu.stanford.nlp.process.PTBTokenizer", "-preserveLines", "-lowerCase")

_KEPT = 100_000
_known: dict[tuple[str, str], str] = {}
"""Tokenizer and text -> tokens, of up to `_KEPT` texts: a metric meets the captions of the one
before it again, and references with every part. To start Java costs a quarter of a second."""

_PLAIN = str.maketrans(
    {
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{LEFT DOUBLE QUOTATION MARK}": '"',
        "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
        "\N{EN DASH}": " -- ",
        "\N{EM DASH}": " -- ",
    }
)
_ABBREVIATIONS = r"(?<!\bmr)(?<!\bms)(?<!\bdr)(?<!\bst)(?<!\bjr)(?<!\bmrs)"
_STOP = re.compile(rf"(?<=[^\W\d_]{{2}}){_ABBREVIATIONS}\.(?=\s)")
_OPENING = re.compile(r"(?<!\S)'(?=\w{2})")
_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "{": "-lcb-", "}": "-rcb-", "[": "-lsb-", "]": "-rsb-"}


@cache
def tokeniser() -> str:
    """Which of the two this machine has, with the version of its package."""
    if shutil.which("java"):
        return f"PTBTokenizer of pycocoevalcap {version('pycocoevalcap')}"
    return f"TreebankWordTokenizer of nltk {version('nltk')}"


def tokenise(texts: Sequence[str]) -> list[str]:
    """Lower-case PTB tokens without punctuation, joined by single spaces.

    Java's tokenizer where there is Java, which is what published scores are computed with; else
    nltk's, brought in line. The two agree on captions (a test says where); they differ on rare
    forms such as `@home`. `tokeniser` says which it was.

    Raises:
        RuntimeError: Java failed, with what it printed.
    """
    by = tokeniser()
    tokens = {text: _known[by, text] for text in texts if (by, text) in _known}
    new = [text for text in dict.fromkeys(texts) if text not in tokens]
    # A line break would make two captions of one; PTBLexer knows more of them than Python.
    lines = [" ".join(text.split()) for text in new]
    split = _java(lines) if by.startswith("PTBTokenizer") else map(_python, lines)
    for text, words in zip(new, split, strict=True):
        tokens[text] = " ".join(word for word in words if word not in _REMOVED)
    if len(_known) + len(new) > _KEPT:
        _known.clear()
    _known.update({(by, text): tokens[text] for text in new})
    return [tokens[text] for text in texts]


def _java(lines: Sequence[str]) -> list[list[str]]:
    if not lines:
        return []
    done = subprocess.run(
        ["java", "-Dfile.encoding=UTF-8", "-cp", str(_JAR), *_COMMAND, "-encoding", "utf-8"],
        input="\n".join(lines).encode(),
        capture_output=True,
        check=False,
    )
    answered = done.stdout.decode().split("\n")
    if done.returncode or len(answered) < len(lines):
        raise RuntimeError(
            f"expected {len(lines)} lines of tokens from java; got {len(answered)} and "
            f"{done.stderr.decode()[-300:]!r}. Mend Java, or take it off the PATH: a tokenizer in "
            "Python then does the same."
        )
    return [line.split() for line in answered[: len(lines)]]


@cache
def _treebank() -> Callable[[str], list[str]]:
    # Imported late: it brings scipy, which takes two seconds, and Java does without.
    from nltk.tokenize import TreebankWordTokenizer

    tokenize: Callable[[str], list[str]] = TreebankWordTokenizer().tokenize
    return tokenize


def _python(line: str) -> list[str]:
    text = _OPENING.sub("` ", _STOP.sub(" .", line.lower().translate(_PLAIN)))
    words = [_BRACKETS.get(word, word) for word in _treebank()(text)]
    # Stanford leaves the last full stop of "p.m." where it is.
    if len(words) > 1 and words[-1] == "." and re.fullmatch(r"(\w\.)+\w", words[-2]):
        words[-2:] = [words[-2] + "."]
    return words
