"""Carry out a plan: certificate, capture, scores, tables. Only what is missing is made."""

import functools
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from PIL import Image

from precompute.config import check_layers
from precompute.forward import BatchSize, certificate, fitting
from precompute.heads import (
    caption_heads,
    explain_heads,
    measure_heads,
    prune,
    require_prunable,
    require_text_space,
)
from precompute.images import ImageItem, readable
from precompute.interventions import read_experiments, run_experiments
from precompute.maps import follow_words, try_maps
from precompute.metrics import SLOW
from precompute.models import Captioner
from precompute.patching import patch_pairs
from precompute.readouts import (
    ask_questions,
    caption_floor,
    capture_images,
    keep_token_attention,
    read_inner_words,
)
from precompute.runner import WHOLE, Job, Maker, PartFailed, Plan, Stopped, Unfinished
from precompute.scoring import score, score_answers, score_corpus
from precompute.texts import texts_of
from precompute.translators import (
    check_translators,
    fit_translators,
    measure_native,
    read_layers,
)
from store.disk import create_run, read_run, require_plain
from store.errors import StoreError
from store.parts import remove_unfinished
from store.publish import publish

log = logging.getLogger(__name__)


class ParityError(Exception):
    """The instrumented forward or its captions differ from the library's."""


def execute(job: Job, accept_mismatch: bool = False, baseline_only: bool = False) -> Path:
    """Make what is missing of a run; the unedited model's captions are published before the rest.

    Args:
        job: the run.
        accept_mismatch: start though the certificate failed; the run says so ever after.
        baseline_only: end when those captions are scored and published.

    Returns:
        The run's folder.

    Raises:
        ParityError: the certificate failed and is not accepted.
        Stopped: Ctrl-C.
        Unfinished: other processes have a share of the work, or parts were given up.
    """
    run, plan, maker = job.run, job.plan, job.maker
    _begin(job, accept_mismatch)
    with log_file(run):
        remove_unfinished(run)
        first, scores, rest = _steps(job)  # what does not fit stops the run here
        log.info("%s: %d pictures, %s", plan.dataset.name, len(plan.items), plan.items.layout)
        try:
            _carry_out(maker, first)
            if maker.shard == WHOLE:  # one share of several leaves that to the last
                maker.publishing.at_once(run)
                if maker.watch.telling:
                    maker.watch.telling.ready(run.name)
                _carry_out(maker, scores)
                maker.publishing.at_once(run)
            if not baseline_only:
                _carry_out(maker, rest)
        except Exception:  # a second Ctrl-C stops at once: it is none
            if maker.shard == WHOLE:
                _publish_despite(run)
            raise
        if baseline_only:
            return run
        if not maker.waits:
            publish(run)
        maker.end_run(run)
    return run


def train_translators(job: Job) -> Path:
    """Fit the translators of a run's model and nothing else; the run is begun if it is not there.

    Returns:
        The run's folder.

    Raises:
        ParityError: the certificate failed.
        ValueError: whose images are meant cannot be found, or memory does not hold the sums.
        Stopped: Ctrl-C.
        Unfinished: other processes have a share of the work, or parts were given up.
    """
    _begin(job, accept_mismatch=False)
    with log_file(job.run):
        check_translators(job)
        fit_translators(job)
        job.maker.end_run(job.run)
    return job.run


def _begin(job: Job, accept_mismatch: bool) -> None:
    """Create the run, if it is not there, with its certificate."""
    run, plan, maker = job.run, job.plan, job.maker
    if (run / "run.json").exists():
        return
    n = min(plan.config.capture.batch_size, len(plan.items))
    with maker.watch.screen.stage(run, "certificate", n, 0) as advance:
        manifest = maker.engine.call(
            functools.partial(_manifest, plan, job.captioner, accept_mismatch)
        )
        advance(n)
    create_run(job.results, plan.run_id, manifest)


def _carry_out(maker: Maker, steps: Sequence[Callable[[], object]]) -> None:
    for step in steps:
        with maker.if_whole():
            step()


_Steps = list[Callable[[], object]]


def _steps(job: Job) -> tuple[_Steps, _Steps, _Steps]:
    """What a run does, in order.

    First captions of the unedited model and what is quickly scored of them: then they can be looked
    at. After that their other scores, then the rest, at whose end all is scored that came since.

    Raises:
        ValueError: experiments, heads or prunings do not fit the tower or the data set.
    """
    run, plan, maker = job.run, job.plan, job.maker
    experiments = read_experiments(run, plan)
    check_layers(plan.config, read_run(run)["n_layers"])
    require_prunable(run, plan)
    require_text_space(plan)
    check_translators(job)
    scores: _Steps = [
        functools.partial(score, run, plan.config, maker),
        functools.partial(score_corpus, run, plan.config, maker),
    ]
    quick = [name for name in plan.config.score.metrics if name not in SLOW]
    first: _Steps = [functools.partial(capture_images, job)]
    if maker.shard == WHOLE and quick:  # of a share: when all are there
        first.append(functools.partial(score, run, plan.config, maker, quick))
    return (
        first,
        scores,
        [
            functools.partial(keep_token_attention, job),
            functools.partial(run_experiments, job, experiments),
            functools.partial(measure_heads, job),
            functools.partial(prune, job),
            functools.partial(caption_heads, job),
            functools.partial(explain_heads, job),
            functools.partial(caption_floor, job),
            functools.partial(fit_translators, job),
            functools.partial(read_layers, job),
            functools.partial(measure_native, job),
            functools.partial(ask_questions, job),
            functools.partial(read_inner_words, job),
            functools.partial(follow_words, job),
            functools.partial(try_maps, job),
            functools.partial(patch_pairs, job),
            *scores,
            functools.partial(score_answers, run, plan.config, maker),
        ],
    )


def _publish_despite(run: Path) -> None:
    """Publish what is there; what stopped the run is what it ends with, not this."""
    try:
        publish(run)
    except StoreError as error:
        log.error("not published: %s", error)


def _manifest(
    plan: Plan, captioner: Callable[[], Captioner], accept_mismatch: bool
) -> dict[str, object]:
    """run.json of a new run, its certificate included."""
    config, tower = plan.config, captioner().tower
    batch = first_pictures(plan.items, config.capture.batch_size)
    size = BatchSize(config.capture.batch_size, "capture.batch_size")
    of_first = fitting(batch, size, lambda some: certificate(captioner(), some, config.decode))
    _, parity = next(of_first)
    if not parity["passed"] and not accept_mismatch:
        raise ParityError(_what_failed(parity))
    parity["accepted_mismatch"] = not parity["passed"]
    decides = plan.decides
    return {
        "model": config.model.path,
        "backend": config.model.backend,
        "weights_sha256": decides["weights"],
        "dataset": plan.dataset.name,
        "dataset_sha256": decides["data"],
        "layout": plan.items.layout,
        "n_layers": tower.n_layers,
        "n_heads": tower.n_heads,
        "grid_h": tower.grid[0],
        "grid_w": tower.grid[1],
        "class_token": tower.class_token,
        **({"maps_of": "the whole picture, not its tiles"} if config.model.tiles > 1 else {}),
        "prompt": config.decode.prompt,
        "generation": decides["generation"],
        "config": config.model_dump(mode="json"),
        "versions": decides["versions"],
        "parity": parity,
        "decides": decides,
        **({"texts": list(texts_of(config.model.texts))} if config.model.texts else {}),
    }


def first_pictures(items: Sequence[ImageItem], count: int) -> list[Image.Image]:
    """The first pictures of a data set that open, at most `count`.

    Raises:
        ValueError: none does.
    """
    # What cannot be read, the capture of its part records.
    pictures = [picture for _, picture in islice(readable(items), count)]
    if not pictures:
        raise ValueError(
            f"expected pictures; none of the {len(items)} of this data set opens. Look at the "
            "first of them with an image viewer."
        )
    return pictures


def _what_failed(parity: dict[str, object]) -> str:
    checks = parity["checks"]
    assert isinstance(checks, list)
    failed = [
        f"  - {c['name']}: {c['value']:.3g}, bound {c['bound']:.3g} ({c['detail']})"
        for c in checks
        if not c["passed"]
    ]
    return (
        "this run would not agree with the library on its first batch:\n"
        + "\n".join(failed)
        + "\nCheck the installed versions against requirements.txt. --accept-mismatch starts all "
        "the same; the dashboard then marks the run."
    )


@contextmanager
def log_file(run: Path) -> Iterator[None]:
    """Log to run.log in the run's folder, with the traceback of what nobody foresaw."""
    handler = logging.FileHandler(require_plain(run / "run.log", run), encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("precompute")
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False  # the screen belongs to the progress bars
    try:
        yield
    except BaseException as error:
        foreseen = isinstance(error, Stopped | Unfinished | PartFailed)  # a part's is there already
        logger.error("ended: %s: %s", type(error).__name__, error, exc_info=not foreseen)
        raise
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = before
        handler.close()
