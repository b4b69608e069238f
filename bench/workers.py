"""Two workers against one: `python -m bench.workers`.

The capture of the demo's first book over and over, every layer's caption included, by actors of Ray
with one thread each. Parts take seconds, as a run's take minutes, and every worker has loaded the
model before the clock starts. Efficiency is the time of one over twice the time of two: 1 would be
no loss. What two processes lose by sharing this machine's memory, a bare pool of processes shows
beside it.
"""

import dataclasses
import functools
import itertools
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import torch

from precompute.config.settings import local_path, read_config
from precompute.models import captioner_of
from precompute.readouts.baseline import write_capture
from precompute.runner.engine import Advance, Work
from precompute.runner.plan import Plan, plan_runs
from precompute.runner.ray_engine import open_ray
from store.parts import PartWriter

ROUNDS = 3
"""In which the ways take turns."""

PARTS, PART_SIZE = 4, 144
WARM = {f"warm-{i}": 16 for i in range(4)}
"""Parts made before the clock starts, in which every worker loads its model."""

Once = Callable[[Work, dict[str, int]], None]


def main() -> None:
    """Print the seconds of a round, by one and by two, and the efficiency."""
    plan, *_ = plan_runs(read_config(local_path("precompute/configs/demo.toml")))
    sizes = {f"part-{i}": PART_SIZE for i in range(PARTS)}
    print(f"\nworkers of one thread each: {PARTS} parts of {PART_SIZE} images, median of {ROUNDS}")
    seconds: dict[tuple[str, int], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        stages = (Path(folder) / f"capture-{i}" for i in itertools.count())
        for _ in range(ROUNDS):
            for name, workers in (("ray", _ray), ("processes", _processes)):
                for count in (1, 2):
                    with workers(count) as once:
                        _time(once, next(stages), plan, WARM)
                        took = _time(once, next(stages), plan, sizes)
                    seconds.setdefault((name, count), []).append(took)
    print(f"{'':<12}{'one':>9}{'two':>9}{'efficiency':>13}{'spread':>13}")
    for name in ("ray", "processes"):
        one, two = seconds[name, 1], seconds[name, 2]
        ratios = sorted(a / b / 2 for a, b in zip(one, two, strict=True))
        print(
            f"{name:<12}{statistics.median(one):>7.2f} s{statistics.median(two):>7.2f} s"
            f"{statistics.median(ratios):>13.2f}{ratios[0]:>7.2f}-{ratios[-1]:.2f}",
            flush=True,
        )


def _time(once: Once, stage: Path, plan: Plan, sizes: dict[str, int]) -> float:
    stage.mkdir()
    begun = time.perf_counter()
    once(Work(stage.parent, stage, functools.partial(_make, plan, sizes)), sizes)
    return time.perf_counter() - begun


def _make(plan: Plan, sizes: dict[str, int], part: PartWriter, name: str, advance: Advance) -> None:
    items = [
        dataclasses.replace(item, image_id=f"{i}-{item.image_id}")
        for i, item in enumerate(itertools.islice(itertools.cycle(plan.items), sizes[name]))
    ]
    captioner = captioner_of(plan.config.model)
    write_capture(part, captioner(), items, plan.dataset.name, plan.config, advance)


def _write(work: Work, name: str) -> None:
    work.write(name, lambda _: None)


@contextmanager
def _ray(count: int) -> Iterator[Once]:
    with open_ray(count, cpus=1, gpus=0) as engine:

        def once(work: Work, sizes: dict[str, int]) -> None:
            with closing(engine.make(work, sizes, lambda _: None, lambda: False)) as ended:
                assert not any(ended), "no part may fail"

        yield once


@contextmanager
def _processes(count: int) -> Iterator[Once]:
    with multiprocessing.get_context("spawn").Pool(count, torch.set_num_threads, [1]) as pool:

        def once(work: Work, sizes: dict[str, int]) -> None:
            pool.map(functools.partial(_write, work), sizes, chunksize=1)

        yield once


if __name__ == "__main__":
    main()
