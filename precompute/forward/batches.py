"""Batches that fit: a batch that the GPU's memory does not hold is halved, and work goes on."""

import logging
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import TypeVar

import torch
from torch import Tensor

log = logging.getLogger(__name__)

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class DoesNotFit(RuntimeError):
    """Not even one item at a time fits into the GPU's memory."""


@dataclass
class BatchSize:
    """How many items go together, now and so far.

    A part starts with the configured sizes and writes down those it used, since rounding, and with
    it a near-tie between two words, depends on the company that an item is computed in.

    Attributes:
        items: the most items of the next batch; halved when a batch does not fit, for good.
        setting: where the size is set, for messages.
        used: sizes of the batches made.
    """

    items: int
    setting: str
    used: list[int] = field(default_factory=list)

    def halve(self, tried: int) -> None:
        """Go down to half of what was tried.

        Raises:
            DoesNotFit: one item was tried.
        """
        if tried == 1:
            raise DoesNotFit(
                f"one item at a time ({self.setting}) does not fit into the GPU's memory. Take a "
                "larger GPU, spread the model with gpus under [model], or lower num_beams."
            )
        self.items = tried // 2
        log.warning(
            "out of memory with %d items: going on with %d. To start there: --set %s=%d",
            tried, self.items, self.setting, self.items,
        )  # fmt: skip


def fitting(
    items: Iterable[_Item],
    size: BatchSize,
    work: Callable[[list[_Item]], _Result],
    alike: Callable[[_Item], object] | None = None,
) -> Iterator[tuple[list[_Item], _Result]]:
    """Work through items in batches, in order, halving those that do not fit.

    Items are taken when their batch is due, never more than a batch ahead.

    Args:
        items: what there is to do.
        size: how many go together; changed and written to.
        work: computes one batch; called again with its first half when memory ran out.
        alike: what all items of a batch have the same of; a batch ends before one that differs.

    Raises:
        DoesNotFit: not even one item does.
    """
    rest = iter(items)
    waiting: list[_Item] = []
    while True:
        waiting += islice(rest, size.items - len(waiting)) if len(waiting) < size.items else []
        if not waiting:
            return
        batch = waiting[: size.items]
        if alike is not None:
            batch = next(list(same) for _, same in groupby(batch, key=alike))
        try:
            result = work(batch)
        except torch.OutOfMemoryError:
            size.halve(len(batch))
        else:
            del waiting[: len(batch)]
            size.used.append(len(batch))
            yield batch, result
            continue
        # Only here, outside the handler, is the failed batch's memory free to be returned.
        torch.cuda.empty_cache()  # does nothing where there is no CUDA


def together(
    items: Iterable[_Item], alike: Callable[[_Item], Hashable] | None, count: int
) -> Iterator[_Item]:
    """Items in an order in which those that are alike follow each other, `count` where there are.

    At most four times as many wait: where more would, those of which there are most go first.

    Args:
        items: in any order.
        alike: what makes them so; None leaves them as they are.
        count: how many a batch holds.
    """
    if alike is None:
        yield from items
        return
    waiting: dict[Hashable, list[_Item]] = {}
    for item in items:
        kind = alike(item)
        waiting.setdefault(kind, []).append(item)
        if sum(map(len, waiting.values())) == 4 * count:
            kind = max(waiting, key=lambda each: len(waiting[each]))
        elif len(waiting[kind]) < count:
            continue
        yield from waiting.pop(kind)
    for rest in waiting.values():
        yield from rest


def by_image(work: Callable[..., Tensor], *batches: Tensor) -> Tensor:
    """Work on every image of a batch: one after the other on a CPU, all at once elsewhere.

    What is made of one image on the way fits a CPU's cache. What is made of a batch takes fresh
    pages from the system, which costs a CPU more than the sums themselves.

    Args:
        work: takes batches and gives one.
        batches: of the same images.
    """
    if batches[0].device.type != "cpu":
        return work(*batches)
    return torch.cat([work(*(b[i : i + 1] for b in batches)) for i in range(len(batches[0]))])
