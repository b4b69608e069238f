"""From text to conditions: ids read back, and the entries of a configuration, which say more.

An entry is an id that may also stand for several conditions, and for those of the paper:

    mean:1..11           mean:1, mean:2 ... mean:11: each layer alone
    skip:*               each layer of the tower alone
    heads:27-without-*   each head of that layer alone
    gaussian_noise@1..5  each severity alone (`precompute.inputs.edits`)
    paper:mean:11-20     in the paper's numbering of 39 blocks 0..38; on other towers the range
                         covers the same share of the depth
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

from precompute.config import require_layers
from precompute.inputs import EXAMPLES, SEPARATOR, InputEdit, read_edits
from precompute.interventions.conditions import Condition, Edit, MeanSource, Shape, check
from precompute.interventions.graft import Graft
from precompute.interventions.kinds import KINDS, taking_mean

PAPER_LAYERS = 39
"""Blocks of the paper's tower, which it seems to number from 0: its layer k is taken to be k + 1
here (docs/choices.md)."""

_EDIT = re.compile(
    r"(?P<kind>\w+):(?P<layers>[\d+.*-]+?)(?:-(?P<heads>[a-z][\w+*-]*))?"
    r"(?:@(?P<run>[A-Za-z0-9][\w.-]*))?(?P<options>(?:~\w+)*)"
)
_DIGITS = 5
_LAYERS = re.compile(r"\d+(-\d+)?(\+\d+(-\d+)?)*")
_GRAFT = re.compile(
    r"patch:(?P<layers>[\d+.*-]+)(:(?P<part>attn|mlp|heads|patches)(=(?P<which>[\d+-]+))?)?"
    r"@(?P<image>[^,~;|]+)"
)
_Choice = tuple[Edit, MeanSource | None] | InputEdit | Graft


def parse(text: str, shape: Shape) -> Condition:
    """The condition with this id, for a tower of this shape.

    Raises:
        ValueError: it is no id, stands for several conditions, or does not fit the tower.
    """
    conditions = expand(text, shape)
    if len(conditions) != 1:
        raise ValueError(f"an id names one condition; {text!r} stands for {len(conditions)}.")
    return conditions[0]


def expand(
    entry: str,
    shape: Shape,
    mean: MeanSource | None = None,
    run_of: Callable[[str], str | None] = lambda name: name,
) -> list[Condition]:
    """The conditions that an entry of a configuration stands for.

    Args:
        entry: see the top of this file.
        shape: of the tower.
        mean: what an edit that says nothing of its mean takes; the default mean, if None.
        run_of: the run that a name after ``@`` means; None for the condition's own run.

    Raises:
        ValueError: it cannot be read, or does not fit the tower.
    """
    paper = entry.startswith("paper:")
    texts = SEPARATOR.split(entry.removeprefix("paper:"))
    try:
        choices = [
            list(_choices(text, shape, paper, mean or MeanSource(), run_of)) for text in texts
        ]
        conditions = [_condition(choice) for choice in product(*choices)]
        for condition in conditions:
            check(condition, shape)
    except ValueError as error:
        raise ValueError(f"condition {entry!r}: {error}") from error
    return conditions


def from_paper(first: int, last: int, n_layers: int) -> tuple[int, int]:
    """The paper's layers `first`..`last` as this project's layers of a tower of any depth.

    Blocks whose middle lies in the same stretch of the depth, one at least; neighbouring ranges
    of the paper give neighbouring ranges here.

    Args:
        first: 0..38, in the paper's numbering.
        last: first..38.
        n_layers: L of the tower.

    Returns:
        First and last layer, 1..L.

    Raises:
        ValueError: no such range in the paper's tower.

    >>> from_paper(11, 20, 39), from_paper(11, 20, 12)
    ((12, 21), (4, 6))
    """
    if not 0 <= first <= last < PAPER_LAYERS:
        raise ValueError(
            f"the paper's layers run 0..{PAPER_LAYERS - 1}; got {first}-{last}. Without `paper:` "
            "layers are this project's."
        )
    # In integers: the middle of block l, (l - 1/2) / L, within [first, last + 1) / 39.
    twice = 2 * PAPER_LAYERS
    low = -(-(2 * first * n_layers + PAPER_LAYERS) // twice)
    high = -(-(2 * (last + 1) * n_layers + PAPER_LAYERS) // twice) - 1
    if low > high:
        low = high = -(-(first + last + 1) * n_layers // twice)
    return low, high


def _choices(
    text: str,
    shape: Shape,
    paper: bool,
    default: MeanSource,
    run_of: Callable[[str], str | None],
) -> Iterator[_Choice]:
    """The edits that one part of an entry stands for."""
    if broken := read_edits(text):
        yield from broken
        return
    if text.startswith("patch:"):
        yield from _grafts(text, shape, paper)
        return
    match = _EDIT.fullmatch(text)
    kind = KINDS.get(match["kind"]) if match else None
    if match is None or kind is None or (kind.scales is None) != (match["heads"] is None):
        raise ValueError(f"expected {_grammar()}; got {text!r}.")
    if not kind.takes_mean and (match["run"] or match["options"]):
        only = " and ".join(taking_mean())
        raise ValueError(f"only {only} have a mean to name; got {text!r}.")
    sets = list(_layer_sets(match["layers"], shape.n_layers, paper))
    scales = kind.scales(match["heads"], shape.n_heads) if kind.scales else [None]
    means = _draws(_mean(match, default, run_of), match) if kind.takes_mean else [None]
    for layers, scale, mean in product(sets, scales, means):
        yield Edit(match["kind"], layers, scale), mean


def _grafts(text: str, shape: Shape, paper: bool) -> Iterator[Graft]:
    match = _GRAFT.fullmatch(text)
    part = (match["part"] or "state") if match else ""
    if match is None or (part in ("heads", "patches")) != (match["which"] is not None):
        raise ValueError(
            "expected patch:5@IMAGE, or one of its parts: patch:5:heads=0+3@IMAGE, "
            f"patch:5:patches=4-9@IMAGE, patch:5:attn@IMAGE, patch:5:mlp@IMAGE; got {text!r}."
        )
    which = _numbers(match["which"]) if match["which"] else ()
    for layers in _layer_sets(match["layers"], shape.n_layers, paper):
        yield Graft(layers, part, which, match["image"])  # type: ignore[arg-type]


def _numbers(text: str) -> tuple[int, ...]:
    if not _LAYERS.fullmatch(text):
        raise ValueError(f"heads and patches read like 3, 4-9 or 3+7; got {text!r}.")
    found: set[int] = set()
    for piece in text.split("+"):
        low, _, high = piece.partition("-")
        if len(low) > _DIGITS or len(high) > _DIGITS:
            raise ValueError(f"heads and patches are below 100,000; got {piece}.")
        found |= {*range(int(low), int(high or low) + 1)}
    if not found:
        raise ValueError(f"a range must ascend; got {text!r}.")
    return tuple(sorted(found))


def _grammar() -> str:
    *others, last = (example for kind in KINDS.values() for example in kind.examples)
    return (
        f"{', '.join(others)} or {last}, several joined by commas, a mean's run after @; beside "
        f"them of the picture {', '.join(EXAMPLES)}, and states of another: patch:5@IMAGE"
    )


def _layer_sets(text: str, n_layers: int, paper: bool) -> Iterator[tuple[int, ...]]:
    """The sets of layers that a text stands for, each that of one condition."""
    if text == "*":
        yield from ((layer,) for layer in range(1, n_layers + 1))
    elif one_by_one := re.fullmatch(r"(\d+)\.\.(\d+)", text):
        first, last = _span(int(one_by_one[1]), int(one_by_one[2]), n_layers, paper)
        yield from ((layer,) for layer in range(first, last + 1))
    elif _LAYERS.fullmatch(text):
        layers: list[int] = []
        for piece in text.split("+"):
            low, _, high = piece.partition("-")
            first, last = _span(int(low), int(high or low), n_layers, paper)
            layers += range(first, last + 1)
        yield tuple(sorted(set(layers)))
    else:
        raise ValueError(f"layers must read like 5, 12-21, 3+7, 1..11 or *; got {text!r}.")


def _span(first: int, last: int, n_layers: int, paper: bool) -> tuple[int, int]:
    if first > last:
        raise ValueError(f"a range of layers must ascend; got {first} to {last}.")
    if paper:
        return from_paper(first, last, n_layers)
    # Before the range is counted out: it may be of any length.
    require_layers({first, last}, 1, n_layers, "layers of a condition")
    return first, last


def _draws(mean: MeanSource, match: re.Match[str]) -> list[MeanSource | None]:
    """A mean; of `~resample3`, three of them, with seeds that count up."""
    several = re.search(r"~resample(\d+)", match["options"])
    return [replace(mean, seed=mean.seed + k) for k in range(int(several[1]) if several else 1)]


def _mean(
    match: re.Match[str], default: MeanSource, run_of: Callable[[str], str | None]
) -> MeanSource:
    changes: dict[str, Any] = {"run": run_of(match["run"])} if match["run"] else {}
    for option in match["options"].split("~")[1:]:
        if option in ("input", "output"):
            changes["state"] = option
        elif option in ("position", "token"):
            changes["pool"] = option
        elif re.fullmatch(r"resample([1-9]\d{0,2})?", option):
            changes["pool"] = "resample"
        elif number := re.fullmatch(r"(n|seed)(\d+)", option):
            changes[number[1]] = int(number[2])
        else:
            raise ValueError(
                "a mean's options are ~output, ~token, ~n100, ~seed1, ~resample and ~resample3; "
                f"got ~{option}."
            )
    return replace(default, **changes)


def _condition(choice: tuple[_Choice, ...]) -> Condition:
    of_layers = [each for each in choice if isinstance(each, tuple)]
    grafts = [each for each in choice if isinstance(each, Graft)]
    if len(grafts) > 1:
        raise ValueError("states of one other picture are put in; got several.")
    means = {mean for _, mean in of_layers if mean is not None}
    if len(means) > 1:
        raise ValueError("the edits of a condition share one mean; got several.")
    broken = [each for each in choice if not isinstance(each, tuple | Graft)]
    if len(broken) > 1:
        raise ValueError("a picture is broken in one way; got several.")
    return Condition(
        tuple(edit for edit, _ in of_layers),
        means.pop() if means else None,
        broken=broken[0] if broken else None,
        graft=grafts[0] if grafts else None,
    )
