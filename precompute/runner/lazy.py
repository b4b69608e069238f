"""Values that are made late, and once a process."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Lazy(Generic[T]):
    """A value made when it is first asked for.

    Pickled, it takes along how the value is made and not the value: every worker makes its own.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: list[T] = []

    def __call__(self) -> T:
        """The value."""
        if not self._made:
            self._made.append(self._make())
        return self._made[0]

    def __getstate__(self) -> dict[str, Any]:
        return {"_make": self._make, "_made": []}
