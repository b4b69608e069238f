"""What a user asks of the images, as data and as the short text that goes into a link.

One predicate reads `|delta_attn|@27 > 0.1` or `rouge_l:final@20 < 0.5`: a metric, for scores what
it is held against, bars for the absolute value, a layer (`max` and `min` are the largest and the
least over layers, none is any layer), a comparison, a number. Several are joined by `;` and must
all hold; an interval is two of them.
"""

import math
import re
from dataclasses import dataclass, replace
from typing import Literal, cast, get_args

OPERATORS = ("<", "<=", ">", ">=")

Extreme = Literal["max", "min"]
"""The largest and the least value over an image's layers."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]*")
_TERM = re.compile(
    r"(?P<bar>\|?)\s*(?P<metric>[^\s:@<>|]+)\s*(?::\s*(?P<against>[^\s:@<>|]+))?\s*(?P<end>\|?)"
    r"\s*(?:@\s*(?P<layer>\w+))?\s*(?P<op><=|>=|<|>)\s*(?P<threshold>\S+)"
)
_LARGEST = 3.4e38  # metrics are stored as 32-bit floats


@dataclass(frozen=True)
class Quantity:
    """A number that every image may have.

    Attributes:
        metric: a column of `layer_stat`, a caption metric, a scored metric or an image metric.
        against: what a score is held against; None for everything that is not a score.
        layer: one layer; the largest or least over layers; or None: any layer.
        absolute: the absolute value is meant.
    """

    metric: str
    against: str | None = None
    layer: int | Extreme | None = None
    absolute: bool = False

    def __post_init__(self) -> None:
        for name in (self.metric, self.against):
            if name is not None and not _NAME.fullmatch(name):
                raise ValueError(f"a metric is a name such as rouge_l; got {name!r}")
        whole = isinstance(self.layer, int) and self.layer >= 0
        if not whole and self.layer not in (None, *get_args(Extreme)):
            raise ValueError(
                f"a layer is 0 or more, max, min, or none for any layer; got {self.layer}"
            )

    @property
    def name(self) -> str:
        """The metric and what it is held against: `rouge_l:final`."""
        return self.metric if self.against is None else f"{self.metric}:{self.against}"

    def __str__(self) -> str:
        value = f"|{self.name}|" if self.absolute else self.name
        return value if self.layer is None else f"{value}@{self.layer}"


@dataclass(frozen=True)
class Predicate:
    """A quantity on one side of a threshold. A missing value never satisfies it."""

    quantity: Quantity
    op: str
    threshold: float

    def __post_init__(self) -> None:
        if self.op not in OPERATORS:
            raise ValueError(f"a comparison is one of {' '.join(OPERATORS)}; got {self.op!r}")
        if not math.isfinite(self.threshold) or abs(self.threshold) > _LARGEST:
            raise ValueError(f"a threshold is an ordinary number; got {self.threshold}")

    @property
    def upward(self) -> bool:
        """Whether larger values pass."""
        return self.op in (">", ">=")

    @property
    def decides(self) -> Quantity:
        """The one number an image that decides: of any layer, the largest or the least."""
        if self.quantity.layer is not None:
            return self.quantity
        return replace(self.quantity, layer="max" if self.upward else "min")

    def __str__(self) -> str:
        return f"{self.quantity}{self.op}{self.threshold!r}".removesuffix(".0")


def format_predicates(predicates: tuple[Predicate, ...]) -> str:
    """The text of several predicates, as it stands in a link."""
    return ";".join(str(predicate) for predicate in predicates)


def parse_predicates(text: str) -> tuple[Predicate, ...]:
    """Read what `format_predicates` writes; spaces are allowed.

    Raises:
        ValueError: a term is not of the form `metric[:against][@layer] < number`.

    >>> parse_predicates("|delta_attn|@27 > 0.1")[0].quantity
    Quantity(metric='delta_attn', against=None, layer=27, absolute=True)
    """
    return tuple(_parse_term(term) for term in text.split(";") if term.strip())


def _parse_term(term: str) -> Predicate:
    match = _TERM.fullmatch(term.strip())
    if match is None or match["bar"] != match["end"]:
        raise ValueError(
            f"expected metric[:against][@layer] < number, such as rouge_l:final@8<0.5; "
            f"got {term.strip()!r}"
        )
    return Predicate(
        Quantity(match["metric"], match["against"], _layer(match["layer"]), bool(match["bar"])),
        match["op"],
        _number(match["threshold"]),
    )


def _layer(text: str | None) -> int | Extreme | None:
    if text is None or text == "any":
        return None
    if text in get_args(Extreme):
        return cast("Extreme", text)
    if not text.isdecimal():
        raise ValueError(f"a layer is a whole number, max, min or any; got {text!r}")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"a threshold is a number; got {text!r}") from None
