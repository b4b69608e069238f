"""How long is left, from what stages are reckoned to cost and what they have taken so far."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

MODEL = "model"
"""The kind of the stages that need the model."""


class Size(NamedTuple):
    """What a stage is reckoned to cost beside others of its kind.

    Attributes:
        kind: stages of one kind take time in proportion to their amount.
        amount: in any unit, the same for all of a kind.
    """

    kind: str
    amount: float


@dataclass
class Spent:
    """What stages of a kind have taken: seconds, and for which amount."""

    seconds: float = 0.0
    amount: float = 0.0


class Forecast:
    """The time left, of stages that were foretold; others count nothing.

    A kind's pace is that of the stages that this process has made of it.
    """

    def __init__(self, sizes: Mapping[tuple[str, str], Size]) -> None:
        """Begin.

        Args:
            sizes: run and label of every stage that is to come -> its size.
        """
        self._left = dict(sizes)
        self._spent: dict[str, Spent] = {}
        self._before = Spent()
        self._at: tuple[str, str] = "", ""
        self._done = self._now = self._began = 0.0

    def begin(self, run: str, label: str, done: float) -> None:
        """A stage begins; `done` is the share of it that is there, 0..1."""
        self._at, self._began = (run, label), time.monotonic()
        self._done = self._now = done
        if size := self._left.get(self._at):
            spent = self._spent.setdefault(size.kind, Spent())
            self._before = Spent(spent.seconds, spent.amount)

    def advance(self, done: float) -> None:
        """A share of the stage is done, 0..1."""
        self._now = done
        if size := self._left.get(self._at):
            spent = self._spent[size.kind]
            spent.seconds = self._before.seconds + time.monotonic() - self._began
            spent.amount = self._before.amount + (done - self._done) * size.amount

    def end(self) -> None:
        """The stage is made, or given up: no more of it is to come."""
        self._left.pop(self._at, None)
        self._at = "", ""

    def drop(self, run: str) -> None:
        """A run is complete: what was foretold of it and did not come will not come."""
        self._left = {at: size for at, size in self._left.items() if at[0] != run}

    @property
    def left(self) -> tuple[float | None, bool]:
        """Seconds left; whether kinds whose pace is not known yet come on top.

        None while nothing is known of the model's pace: its stages are most of the work.
        """
        seconds, on_top = 0.0, False
        for at, size in self._left.items():
            spent = self._spent.get(size.kind)
            share = 1 - self._now if at == self._at else 1.0
            if spent is not None and spent.amount:
                seconds += share * size.amount * spent.seconds / spent.amount
            elif size.kind == MODEL:
                return None, True
            else:
                on_top = on_top or size.amount > 0
        return (seconds if self._spent else None), on_top
