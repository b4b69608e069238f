"""CIDEr-D of pycocoevalcap, with the document frequencies of the whole reference set frozen.

The package takes its document frequencies from the captions it is given, so that a subset scores
otherwise than the set. Here they are counted once over the references of all images, by the
package's own counting, kept in the stage's folder, and used for every part.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pycocoevalcap.cider.cider_scorer import CiderScorer, precook

from precompute.metrics.coco import on_tokens
from precompute.metrics.metric import Corpus, Score
from precompute.metrics.ptb import tokenise
from store.disk import Owner, fsync

FILE_NAME = "document_frequency.parquet"
_IMAGES = b"images"
_CHUNK = 50_000

Ngram = tuple[str, ...]


@dataclass(frozen=True)
class Frequencies:
    """In how many images' references an n-gram (n = 1..4) occurs.

    Attributes:
        images: number of images with references.
        of: n-gram -> number of images.
    """

    images: int
    images_with: dict[Ngram, float]


class _Known(dict[Ngram, float]):
    """A dict whose unknown n-grams count 0 without being kept, as a defaultdict's would be."""

    def __missing__(self, ngram: Ngram) -> float:
        return 0.0


class _FrozenScorer(CiderScorer):  # type: ignore[misc]  # the package has no types
    """The package's scorer, with the logarithm of the number of images set once for all.

    `compute_cider` sets `ref_len` from the captions at hand; that assignment is ignored.
    """

    def __init__(self, frequencies: Frequencies) -> None:
        self._log_images = math.log(frequencies.images)
        super().__init__()
        self.document_frequency = _Known(frequencies.images_with)

    @property
    def ref_len(self) -> float:
        return self._log_images

    @ref_len.setter
    def ref_len(self, _: float | None) -> None:
        pass


def count(references: Iterable[Sequence[str]]) -> Frequencies:
    """Document frequencies of a reference set.

    Args:
        references: of each image, as tokens joined by spaces.
    """
    images_with: dict[Ngram, float] = {}
    images = 0
    for refs in references:
        images += 1
        for ngram in {ngram for text in refs for ngram in precook(text)}:
            images_with[ngram] = images_with.get(ngram, 0.0) + 1.0
    return Frequencies(images, images_with)


def scorer(frequencies: Frequencies) -> Score:
    """CIDEr-D of captions against their references, in [0, 10]; papers print it times 100.

    The mean over images is the CIDEr of the set.
    """

    def score(tokens: Sequence[str], references: Sequence[list[str]]) -> list[float]:
        frozen = _FrozenScorer(frequencies)
        for text, refs in zip(tokens, references, strict=True):
            frozen += (text, refs)
        return [float(value) for value in frozen.compute_cider()]

    return lambda texts, references: on_tokens(texts, references, score)


def open_cider(corpus: Corpus, stage: Path) -> Score:
    """The scorer of a data set; its document frequencies are read from the stage, or kept there."""
    if not (stage / FILE_NAME).exists():
        write(count(_tokens(list(corpus.references.values()))), stage)
    return scorer(read(stage))


def _tokens(references: Sequence[Sequence[str]]) -> Iterable[list[str]]:
    for start in range(0, len(references), _CHUNK):
        chunk = references[start : start + _CHUNK]
        flat = iter(tokenise([text for refs in chunk for text in refs]))
        yield from ([next(flat) for _ in refs] for refs in chunk)


def write(frequencies: Frequencies, stage: Path) -> None:
    """Keep document frequencies in a stage's folder."""
    table = pa.table(
        {
            "ngram": [" ".join(ngram) for ngram in frequencies.images_with],
            "images": pa.array(frequencies.images_with.values(), pa.int32()),
        }
    )
    table = table.replace_schema_metadata({_IMAGES: str(frequencies.images).encode()})
    temporary = stage / Owner.here().token(FILE_NAME)
    pq.write_table(table, temporary, compression="zstd")
    fsync(temporary)
    temporary.rename(stage / FILE_NAME)


def read(stage: Path) -> Frequencies:
    """Document frequencies from a stage's folder."""
    table = pq.read_table(stage / FILE_NAME, partitioning=None)
    pairs = zip(table["ngram"].to_pylist(), table["images"].to_pylist(), strict=True)
    return Frequencies(
        int(table.schema.metadata[_IMAGES]),
        {tuple(ngram.split(" ")): float(images) for ngram, images in pairs},
    )
