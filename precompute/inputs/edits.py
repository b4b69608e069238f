"""Edits of the input as values with readable ids.

    gaussian_noise@3            a corruption of ImageNet-C at severity 3; @3:7 with seed 7
    occlude:30                  30% of the patches covered, at random; occlude:30:7 with seed 7
    occlude:30:map              those that the last layer's attention map has first
    shuffle-patches:0           the patches in another order, by seed 0
    pgd:eps=4,step=1,n=10       pixels changed by up to 4/255 against the final caption
    pgd:eps=4,step=1,n=10,target=a dog on a beach      or towards another caption

In a configuration `gaussian_noise@1..5` and `gaussian_noise@*` stand for several severities, and
`corruptions@3` for all corruptions.
"""

import re
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from precompute.inputs.corruptions import CORRUPTIONS, SEVERITIES

ALL = "corruptions"
"""In a configuration: every corruption."""

_CORRUPTION = re.compile(
    r"(?P<name>[a-z_]+)@(?P<first>[1-5])?(?P<rest>\.\.[1-5]|\*)?(:(?P<seed>\d+))?"
)
_OCCLUSION = re.compile(r"occlude:(?P<percent>\d+)(:(?P<order>\d+|map))?")
_SHUFFLE = re.compile(r"shuffle-patches(:(?P<seed>\d+))?")
_ATTACK = re.compile(
    r"pgd:eps=(?P<eps>[\d.]+)(,step=(?P<step>[\d.]+))?(,n=(?P<n>\d+))?"
    r"(,target=(?P<target>[\w' -]+))?"
)
_BEGINS = re.compile(r"([a-z_]+@|(occlude|pgd):|shuffle-patches)")
SEPARATOR = re.compile(r",(?!(?:step|n|target)=)")
"""Between the edits of a condition: a comma, but for those within an attack."""

EXAMPLES = ("gaussian_noise@3", "occlude:30", "shuffle-patches:0", "pgd:eps=4,step=1,n=10")


@dataclass(frozen=True)
class Corruption:
    """One of ImageNet-C's corruptions.

    Attributes:
        name: which; one of `CORRUPTIONS`.
        severity: 1..5.
        seed: of what is random in it; every image has its own draw of it.
    """

    kind: ClassVar[str] = "corrupt"
    n_gradients: ClassVar[int] = 0
    name: str
    severity: int
    seed: int = 0

    @property
    def text(self) -> str:
        """Its part of an id."""
        return f"{self.name}@{self.severity}" + (f":{self.seed}" if self.seed else "")


@dataclass(frozen=True)
class Occlusion:
    """Patches covered with the colour that the model takes for the middle: 0 once normalised.

    Attributes:
        percent: of the patches, 0..100.
        seed: of the order in which they are covered, which every image has its own of. More are
            covered in the same order: what 30% covers, 60% covers too.
        by_map: covered is instead what the clean picture's map at the last layer has first.
    """

    kind: ClassVar[str] = "occlude"
    n_gradients: ClassVar[int] = 0
    percent: int
    seed: int = 0
    by_map: bool = False

    @property
    def text(self) -> str:
        """Its part of an id."""
        order = ":map" if self.by_map else f":{self.seed}" if self.seed else ""
        return f"occlude:{self.percent}{order}"


@dataclass(frozen=True)
class Shuffle:
    """The picture's patches in another order, which every image has its own of, by a seed."""

    kind: ClassVar[str] = "shuffle"
    n_gradients: ClassVar[int] = 0
    seed: int = 0

    @property
    def text(self) -> str:
        """Its part of an id."""
        return f"shuffle-patches:{self.seed}"


@dataclass(frozen=True)
class Attack:
    """Projected gradient descent within an L-infinity ball around the picture (Madry et al. 2018).

    Attributes:
        eps: how far a pixel's channel may go, in 255ths.
        step: how far it goes a step, likewise.
        n: steps.
        target: the caption to bring about; without one, the final caption is driven away.
    """

    kind: ClassVar[str] = "pgd"
    eps: float
    step: float
    n: int
    target: str | None = None

    @property
    def text(self) -> str:
        """Its part of an id."""
        target = "" if self.target is None else f",target={self.target}"
        return f"pgd:eps={self.eps:g},step={self.step:g},n={self.n}{target}"

    @property
    def n_gradients(self) -> int:
        """How many gradients in the pixels it takes an image."""
        return self.n


InputEdit = Corruption | Occlusion | Shuffle | Attack


def specification(edit: InputEdit) -> dict[str, Any]:
    """An edit as JSON values."""
    return {"kind": edit.kind, **asdict(edit)}


def read_edits(text: str) -> list[InputEdit]:
    """The edits that one part of an entry stands for; none if it speaks of something else.

    Raises:
        ValueError: it begins like one of these and cannot be read, or has numbers out of range.
    """
    if not _BEGINS.match(text):
        return []
    if match := _CORRUPTION.fullmatch(text):
        return list(_corruptions(match))
    if match := _OCCLUSION.fullmatch(text):
        percent, order = int(match["percent"]), match["order"] or "0"
        if percent > 100:
            raise ValueError(f"a share of the patches is 0..100 percent; got {percent}.")
        by_map = order == "map"
        return [Occlusion(percent, 0 if by_map else int(order), by_map)]
    if match := _SHUFFLE.fullmatch(text):
        return [Shuffle(int(match["seed"] or 0))]
    if match := _ATTACK.fullmatch(text):
        eps = _number(match["eps"])
        step = _number(match["step"]) if match["step"] else eps / 4
        return [Attack(eps, step, int(match["n"] or 10), match["target"])]
    raise ValueError(f"expected {', '.join(EXAMPLES)}; got {text!r}.")


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 255:
        raise ValueError(f"eps and step are in 255ths, above 0 and at most 255; got {text!r}.")
    return value


def _corruptions(match: re.Match[str]) -> list[Corruption]:
    name, first, rest = match["name"], match["first"], match["rest"]
    if name != ALL and name not in CORRUPTIONS:
        raise ValueError(f"a corruption is one of {', '.join(CORRUPTIONS)}; got {name!r}.")
    if (first is None) != (rest == "*"):
        raise ValueError(f"a severity reads like @3, @1..5 or @*; got {match[0]!r}.")
    last = int(rest[2:]) if first and rest else int(first or 5)
    return [
        Corruption(each, severity, int(match["seed"] or 0))
        for each in (CORRUPTIONS if name == ALL else (name,))
        for severity in SEVERITIES
        if int(first or 1) <= severity <= last
    ]
