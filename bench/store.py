"""A run of ImageNet-val's size through the store: `make bench-store` or `python -m bench.store`.

Every step is a process of its own, so that its peak memory is its own; times of queries are of
many different ones, none asked before. `--images` makes a smaller run. What others do with the
same rows stands beside (`bench.others`).
"""

import argparse
import itertools
import multiprocessing
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.memory import memory
from bench.others import pandas_filters, sqlite_blobs
from bench.synthetic_run import IN_SAMPLE, N_LAYERS, SCORES, image_id, write_run
from store import open_run
from store.publish import publish
from store.query import Likeness, Predicate, Quantity, Search, Selection, Sort, format_predicates
from store.query import images as queries

_ROUNDS = 60
_PAGE = 24

Figures = list[tuple[str, str]]
"""What was measured, and the figure in words."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Write, publish and ask; print a line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--sample", type=int, default=512, help="images with arrays")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="peel-bench-") as folder:
        results = Path(folder)
        for n_images in (options.images // 10, options.images):
            where = results / str(n_images)
            print(f"\n{n_images:,} images, {N_LAYERS} layers, 16 heads; arrays of {options.sample}")
            _show(_apart(_write, where, n_images, options.sample))
            _show(_apart(_publish, where))
        for step in (_ask, _rerun, _pandas, _sqlite):
            _show(_apart(step, where))


def _apart(step: Callable[..., Figures], *arguments: object) -> Figures:
    """Figures of a step in a process of its own, its peak memory the last of them."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_with_peak, (step, *arguments))


def _with_peak(step: Callable[..., Figures], *arguments: Any) -> Figures:
    figures = step(*arguments)
    return [*figures, ("  peak memory of that", f"{memory('VmHWM') / 1e6:.2f} GB")]


def _show(figures: Figures) -> None:
    for what, figure in figures:
        print(f"{what:<66}{figure:>32}", flush=True)


def _write(results: Path, n_images: int, sample: int) -> Figures:
    begun = time.monotonic()
    run = write_run(results, n_images, sample)
    seconds = time.monotonic() - begun
    size = sum(path.stat().st_size for path in run.rglob("*.parquet")) / 1e9
    arrays = sum(path.stat().st_size for path in run.rglob("*.h5")) / sample / 1e3
    return [
        ("written, parts and all", f"{seconds:.0f} s"),
        ("  Parquet", f"{size:.2f} GB"),
        ("  arrays of an image", f"{arrays:.0f} KB"),
    ]


def _publish(results: Path) -> Figures:
    (run,) = results.iterdir()
    made = publish(run)
    size = made.path.stat().st_size / 1e9
    return [
        (f"published, {sum(made.rows.values()):,} rows", f"{made.seconds:.0f} s"),
        ("  results.duckdb", f"{size:.2f} GB"),
    ]


def _ask(results: Path) -> Figures:
    """Queries of the Images page on one open run."""
    chance = random.Random(0)
    with open_run(results) as run:
        n_images = int(run.sql("SELECT count(*) AS n FROM image")["n"][0])
        ways: list[tuple[str, Callable[[], object]]] = [
            (
                "three predicates, a page of images",
                lambda: queries.filter_images(run, Selection(_three(chance)), limit=_PAGE),
            ),
            (
                "three predicates, how many images",
                lambda: queries.count_images(run, Selection(_three(chance))),
            ),
            (
                "one predicate over any layer that nearly all pass, a page",
                lambda: queries.filter_images(run, Selection((_any_layer(chance),)), limit=_PAGE),
            ),
            (
                "sorted by a score of one layer, a page",
                lambda: queries.filter_images(run, Selection(), Sort(_of_layer(chance)), _PAGE),
            ),
            ("histogram of one layer", lambda: queries.histogram(run, _of_layer(chance))),
            (
                "histogram over any layer",
                lambda: queries.histogram(run, _any_layer(chance).decides),
            ),
            (
                "images like one, a page",
                lambda: queries.filter_images(
                    run,
                    Selection(),
                    Likeness(image_id(chance.randrange(n_images)), "rouge_l"),
                    _PAGE,
                ),
            ),
            (
                "text in the captions of one layer, a page",
                lambda: queries.filter_images(
                    run,
                    Selection(search=Search(_letters(chance), chance.randint(0, N_LAYERS))),
                    limit=_PAGE,
                ),
            ),
            (
                "text in the captions of any layer, a page",
                lambda: queries.filter_images(
                    run, Selection(search=Search(_letters(chance))), limit=_PAGE
                ),
            ),
            (
                "one image's arrays",
                lambda: run.tensors(image_id(chance.randrange(min(n_images, 512)))),
            ),
        ]
        return [(f"{what}: p50, p95", _quantiles(work, _ROUNDS)) for what, work in ways]


def _quantiles(work: Callable[[], object], rounds: int) -> str:
    work()
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1e3)
    return f"{statistics.median(times):.1f} ms, {statistics.quantiles(times, n=20)[-1]:.1f} ms"


def _three(chance: random.Random) -> tuple[Predicate, ...]:
    layer, other = chance.randint(1, N_LAYERS), chance.randint(0, N_LAYERS)
    return (
        Predicate(Quantity("delta_attn", layer=layer, absolute=True), ">", chance.random() / 20),
        Predicate(Quantity("rouge_l", "final", other), "<", 0.3 + chance.random() / 2),
        Predicate(Quantity("mean_logprob", layer=other), ">", -chance.random()),
    )


def _any_layer(chance: random.Random) -> Predicate:
    metric = chance.choice(("delta_attn", "attn_share", "cos_prev", "map_shift"))
    return Predicate(Quantity(metric, absolute=True), ">", chance.random() / 20)


def _of_layer(chance: random.Random) -> Quantity:
    metric, against = chance.choice(list(itertools.chain(*SCORES.values())))
    return Quantity(metric, against, chance.randint(0, N_LAYERS))


def _letters(chance: random.Random) -> str:
    return "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=3))


def _rerun(results: Path) -> Figures:
    """The whole script of the Images page, with new filters every time."""
    from streamlit.testing.v1 import AppTest  # here: it is 100 MB that no other step needs

    os.environ["PEEL_RESULTS"] = str(results)
    at = AppTest.from_file(str(Path("dashboard/app.py").resolve()), default_timeout=60).run()
    chance = random.Random(1)

    def rerun() -> None:
        # Images with arrays, so that there are pictures to show.
        predicates = (Predicate(Quantity(IN_SAMPLE), ">", 0), *_three(chance)[:2])
        at.text_input(key="filter").set_value(format_predicates(predicates)).run()
        assert not at.exception

    return [("Images page with three new filters, a rerun: p50, p95", _quantiles(rerun, 30))]


def _pandas(results: Path) -> Figures:
    (run,) = results.iterdir()
    return pandas_filters(run, _quantiles)


def _sqlite(results: Path) -> Figures:
    (run,) = results.iterdir()
    return sqlite_blobs(run, results / "blobs.sqlite", _quantiles)


if __name__ == "__main__":
    main()
