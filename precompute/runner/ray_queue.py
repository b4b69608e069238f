"""Which worker makes which part next."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Worker:
    """An actor as the driver knows it; it has no node until it has started."""

    actor: Any
    node: str = ""
    where: str = ""


@dataclass
class Queue:
    """The parts of one stage.

    Attributes:
        todo: those that nobody is at.
        running: attempt -> who makes which part.
        failed: part -> the nodes on which it has failed, once an attempt.
    """

    todo: list[str]
    running: dict[Any, tuple[Worker, str]] = field(default_factory=dict)
    failed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def take(self, node: str, nodes: set[str]) -> str | None:
        """The next part for a node: none that has failed there and may succeed on another.

        A node that lacks something fails fast, and would soon have failed all parts thrice.
        """
        for name in self.todo:
            if node not in self.failed[name] or nodes <= set(self.failed[name]):
                self.todo.remove(name)
                return name
        return None
