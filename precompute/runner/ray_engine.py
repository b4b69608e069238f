"""Parts made by Ray's actors, on this machine or a cluster; the only file that imports ray.

Every actor holds a model on its device and writes whole parts into the shared folder. What an actor
or its node takes along when it is lost is one part, which is made again elsewhere.
"""

import logging
import math
import os
import socket
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is to be sent anywhere
os.environ.setdefault("RAY_worker_niceness", "0")  # as a run without Ray; its own is 15

import ray
from ray.exceptions import RayError, RayTaskError

from precompute.images import TooManyBroken
from precompute.runner.engine import Advance, Work, WorkersLost, part_failed
from precompute.runner.ray_queue import Queue, Worker
from store.errors import DiskFull
from store.parts import Failure, remove_unfinished

log = logging.getLogger(__name__)

T = TypeVar("T")
ATTEMPTS = 3
"""How often a part is tried before it is given up."""

_LOOK_SECONDS = 1.0
_OBJECTS = 200_000_000
"""Bytes of a local Ray's memory for objects; only descriptions of stages are in it."""


@dataclass(frozen=True)
class _Outcome:
    """What came of one attempt: lines (logger, level, text) for the log, and what was wrong."""

    lines: list[tuple[str, int, str]]
    error: str | None = None


class _Lines(logging.Handler):
    """Keeps what is logged, for the driver's log."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[tuple[str, int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.name, record.levelno, record.getMessage()))


class _Actor:
    """A worker. It keeps the stage's work, and with it whatever that has loaded."""

    def __init__(self, folder: str) -> None:
        os.chdir(folder)  # relative paths mean the same everywhere
        self._id = ""
        self._work: Work | None = None

    def where(self) -> tuple[str, str]:
        """Its node, and its host and process for people."""
        node: str = ray.get_runtime_context().get_node_id()
        return node, f"{socket.gethostname()} (process {os.getpid()})"

    def call(self, work: Callable[[], T]) -> T:
        """Call it."""
        return work()

    def make(self, boxed: "list[ray.ObjectRef[Work]]", name: str) -> _Outcome:
        """Make a part; `boxed` holds the work, so that it is fetched once a stage only.

        Raises:
            TooManyBroken, DiskFull: which other workers would find, too.
        """
        logger, lines = logging.getLogger("precompute"), _Lines()
        logger.setLevel(logging.INFO)
        logger.addHandler(lines)
        try:
            self._fetch(boxed[0]).write(name, lambda _: None)
        except (TooManyBroken, DiskFull):
            raise
        except Exception as error:  # whatever it is: the driver counts it and tries again
            log.error("part %s failed\n%s", name, traceback.format_exc())
            return _Outcome(lines.lines, f"{type(error).__name__}: {error}")
        finally:
            logger.removeHandler(lines)
        return _Outcome(lines.lines)

    def _fetch(self, work: "ray.ObjectRef[Work]") -> Work:
        if self._work is None or self._id != work.hex():
            self._work, self._id = ray.get(work), work.hex()
            remove_unfinished(self._work.run)  # what a lost worker of this host left half-written
        return self._work


class RayEngine:
    """The actors of a run, and what each is doing."""

    def __init__(self, workers: int, cpus: float, gpus: float) -> None:
        self._new = ray.remote(_Actor).options(num_cpus=cpus, num_gpus=gpus).remote
        self._starting: dict[Any, Worker] = {}
        self._idle: list[Worker] = []
        self._lost_starts = 0
        for _ in range(workers):
            self._start()

    def _start(self) -> None:
        worker = Worker(self._new(str(Path.cwd())))
        self._starting[worker.actor.where.remote()] = worker

    def _note_started(self, done: list[Any]) -> None:
        for ref in done:
            if (worker := self._starting.pop(ref, None)) is None:
                continue
            try:
                worker.node, worker.where = ray.get(ref)
                self._idle.append(worker)
                self._lost_starts = 0
            except RayError as error:
                self._lost_starts += 1
                if self._lost_starts == ATTEMPTS:
                    raise WorkersLost(
                        f"a worker of Ray must start and find this project at {Path.cwd()}, with "
                        f"the packages of requirements.txt; {ATTEMPTS} in a row did not: {error}"
                    ) from error
                self._start()

    def call(self, work: Callable[[], T]) -> T:
        """Do something on one worker, on another if it is lost; see `Engine`."""
        for attempt in range(1, ATTEMPTS + 1):
            while not self._idle:
                self._note_started(_finished(self._starting))
            worker = self._idle.pop()
            try:
                result: T = ray.get(worker.actor.call.remote(work))
            except RayTaskError as error:
                self._idle.append(worker)
                raise error.cause from error
            except RayError as error:
                self._start()
                log.error("attempt %d: the worker %s was lost: %s", attempt, worker.where, error)
                lost = error
                continue
            self._idle.append(worker)
            return result
        raise WorkersLost(
            f"a worker must live through the certificate; {ATTEMPTS} in a row did not, the last "
            f"{worker.where}. Most often the model does not fit into its machine's memory: fewer "
            f"workers a machine under [scale], or a smaller batch_size. Ray says: {lost}"
        ) from lost

    def make(
        self,
        work: Work,
        sizes: Mapping[str, int],
        advance: Advance,
        stopping: Callable[[], bool],
    ) -> Generator[Failure | None, None, None]:
        """Make parts on all workers; see `Engine`."""
        queue, boxed = Queue(list(sizes)), [ray.put(work)]
        try:
            yield from self._make(queue, boxed, work, sizes, advance, stopping)
        finally:
            for worker, _ in queue.running.values():  # there are some only if the run breaks off
                ray.kill(worker.actor)
                self._start()

    def _make(
        self,
        queue: Queue,
        boxed: "list[ray.ObjectRef[Work]]",
        work: Work,
        sizes: Mapping[str, int],
        advance: Advance,
        stopping: Callable[[], bool],
    ) -> Iterator[Failure | None]:
        while queue.running or (queue.todo and not stopping()):
            if not stopping():
                self._hand_out(queue, boxed)
            done = _finished([*queue.running, *self._starting])
            self._note_started(done)
            ended = [self._end(ref, queue, work) for ref in done if ref in queue.running]
            if not stopping():
                self._hand_out(queue, boxed)  # nobody waits while a table is published
            for name, failure in ended:
                if failure is None:
                    advance(sizes[name])
                    yield None
                elif failure.attempts == ATTEMPTS:
                    yield failure

    def _hand_out(self, queue: Queue, boxed: "list[ray.ObjectRef[Work]]") -> None:
        busy = [worker for worker, _ in queue.running.values()]
        nodes = {worker.node for worker in (*self._idle, *busy)}
        for worker in list(self._idle):
            name = queue.take(worker.node, nodes)
            if name is not None:
                self._idle.remove(worker)
                queue.running[worker.actor.make.remote(boxed, name)] = worker, name

    def _end(self, ref: Any, queue: Queue, work: Work) -> tuple[str, Failure | None]:
        """Note the end of an attempt at a part: None, or what was wrong with it."""
        worker, name = queue.running.pop(ref)
        error = self._outcome(ref, worker, work, name)
        if error is None:
            return name, None
        queue.failed[name].append(worker.node)
        attempts = len(queue.failed[name])
        if attempts < ATTEMPTS:
            queue.todo.append(name)
        log.error("part %s of %s: attempt %d: %s", name, work.stage.name, attempts, error)
        return name, Failure(work.stage.name, name, error, attempts, worker.where)

    def _outcome(self, ref: Any, worker: Worker, work: Work, name: str) -> str | None:
        """What was wrong with an attempt, None if nothing; a lost worker is replaced.

        Raises:
            PartFailed: the run cannot go on.
        """
        try:
            outcome: _Outcome = ray.get(ref)
        except RayTaskError as error:
            self._idle.append(worker)
            raise part_failed(work, name, error.cause) from error.cause
        except RayError as error:
            self._start()
            return f"its worker was lost ({type(error).__name__})"
        self._idle.append(worker)
        log.info("%s: part %s by %s", work.label, name, worker.where)
        for logger, level, text in outcome.lines:
            logging.getLogger(logger).log(level, "%s", text)
        return outcome.error


def _finished(refs: Iterable[Any]) -> list[Any]:
    """Those of some calls that have ended; waits for one, not for longer than a second."""
    refs = list(refs)
    done, _ = ray.wait(refs, num_returns=len(refs), timeout=0)
    if not done:  # the short wait lets Ctrl-C through
        done, _ = ray.wait(refs, timeout=_LOOK_SECONDS)
    return list(done)


@contextmanager
def open_ray(workers: int, cpus: float, gpus: float) -> Iterator[RayEngine]:
    """Actors on the cluster at RAY_ADDRESS, or on a Ray of this machine while the block lasts.

    Args:
        workers: how many actors.
        cpus: of each; as many threads compute in it.
        gpus: of each; 0 hides all.

    Raises:
        ValueError: this machine has fewer GPUs than an actor wants.
        WorkersLost: later, if actors do not start.
    """
    address = os.environ.get("RAY_ADDRESS")
    if address:
        ray.init(address, log_to_driver=False, logging_level=logging.WARNING)
    else:
        # Its ports listen to the network; Ray guards them by a token in this user's home.
        ray.init(
            "local",
            num_cpus=math.ceil(workers * cpus),
            object_store_memory=_OBJECTS,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.WARNING,
        )
    try:
        _require_gpus(gpus, bool(address))
        yield RayEngine(workers, cpus, gpus)
    finally:
        ray.shutdown()


def _require_gpus(gpus: float, cluster: bool) -> None:
    here = ray.cluster_resources().get("GPU", 0)  # type: ignore[no-untyped-call]  # Ray's
    if gpus > here and not cluster:  # a cluster may grow
        raise ValueError(
            f"each worker wants gpus = {gpus:g} ([scale]); this machine has {here:g}. Ask for "
            "fewer, or name a cluster by RAY_ADDRESS."
        )
