"""What a metric is, and what it may know of the data set beside a caption."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from store.parts import Part

Score = Callable[[Sequence[str], Sequence[Sequence[str]]], list[float]]
"""n texts, none of them empty, and for each its references, at least one -> n values.

NaN says that a text has no value. For `against = self` the "references" are the caption's place:
its condition and its layer.
"""

PAIRED = ("previous", "final", "reference", "shuffled", "baseline")
"""What a caption is held against by a metric that compares texts (`precompute.scoring.compare`)."""


def versions_of(*packages: str) -> dict[str, object]:
    """The versions of the packages that compute a metric, for its settings; none for our own."""
    return {"versions": {name: version(name) for name in packages}} if packages else {}


@dataclass(frozen=True)
class Corpus:
    """What is known of all images of a data set; the only thing in memory that grows with it.

    Attributes:
        references: image -> what people wrote of it; images without references are left out.
        names: image -> the names of its class, if it has a label.
        sha256: of both.
        captions: the parts that hold the captions.
    """

    references: Mapping[str, tuple[str, ...]]
    names: Mapping[str, tuple[str, ...]]
    sha256: str
    captions: Sequence[Part] = ()


@dataclass(frozen=True)
class Metric:
    """One metric, made ready for a data set.

    Attributes:
        open: gives the scoring function; called only if something is to be scored, as it may
            load a model. Its argument is the stage's folder, where it may keep what it froze.
        against: what captions are held against, of previous, final, reference, shuffled,
            baseline, label, self.
        settings: what decides the numbers beside the captions; JSON values.
        of_set: whether a caption's value depends on the set that it is scored in.
    """

    open: Callable[[Path], Score]
    against: tuple[str, ...] = PAIRED
    settings: Mapping[str, object] = field(default_factory=dict)
    of_set: bool = False
