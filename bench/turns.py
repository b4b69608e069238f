"""Ways of the same work, timed in turns, so that a busy moment of the machine hits them all."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence


def in_turns(ways: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Seconds of every way, one a round, after a round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for counts in range(-1, repeats):
        for name, work in ways.items():
            begun = time.perf_counter()
            work()
            if counts >= 0:
                seconds[name].append(time.perf_counter() - begun)
    return seconds


def faster(slow: Sequence[float], fast: Sequence[float]) -> float:
    """The median of the rounds' ratios, which a machine that is busy for a while changes least."""
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))


def ratio(slow: Sequence[float], fast: Sequence[float]) -> str:
    """The median of the rounds' ratios, and the least and the largest."""
    ratios = sorted(a / b for a, b in zip(slow, fast, strict=True))
    return f"{faster(slow, fast):.2f}x ({ratios[0]:.2f}-{ratios[-1]:.2f})"
