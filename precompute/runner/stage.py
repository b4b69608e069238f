"""Make the parts that a stage lacks."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from precompute.runner.engine import Engine, Here, MakePart, Work
from precompute.runner.publishing import Publishing
from precompute.runner.shard import WHOLE, Shard
from precompute.runner.shortfall import Shortfall
from precompute.runner.watch import Stopped, Watch
from store.disk import update_run
from store.errors import StageIncomplete
from store.parts import has_part, mark_complete, stage_folder


@dataclass(frozen=True)
class Maker:
    """What makes the parts of one run in this process, or has workers make them.

    Attributes:
        watch: screen and Ctrl-C.
        engine: who makes parts.
        shard: this process's share of them.
        publishing: of the run, while it goes on.
        shortfall: what the run lacks so far.
    """

    watch: Watch
    engine: Engine = field(default_factory=Here)
    shard: Shard = WHOLE
    publishing: Publishing = field(default_factory=Publishing)
    shortfall: Shortfall = field(default_factory=Shortfall)

    @contextmanager
    def if_whole(self) -> Iterator[None]:
        """What needs a stage whole is left out while others are at it, or parts were given up."""
        try:
            yield
        except StageIncomplete as lacking:
            if self.shard == WHOLE and not self.shortfall.failures:
                raise
            self.shortfall.left_out.append(str(lacking))

    @property
    def waits(self) -> bool:
        """Whether other shares have work to do; the last of them publishes."""
        return self.shard != WHOLE and bool(self.shortfall.left_out)

    def end_run(self, run: Path) -> None:
        """Clear the screen.

        Raises:
            Unfinished: something of the run was left out or given up.
        """
        self.watch.screen.clear()
        self.shortfall.require_none(run, self.shard)


def open_stage(run: Path, label: str, settings: Mapping[str, object]) -> Path:
    """The folder of a stage, which is from now on the run's stage of this name.

    Args:
        run: the run's folder.
        label: the stage's name in run.json.
        settings: what identifies the stage beside the run itself; JSON values.
    """
    stage = stage_folder(run, label, settings)
    update_run(run, stages={label: stage.name})
    return stage


def make_parts(
    maker: Maker, run: Path, stage: Path, sizes: Mapping[str, int], make: MakePart
) -> None:
    """Make the missing parts of a stage, or this process's share, then mark it complete if it is.

    Args:
        maker: what makes them.
        run: the run's folder.
        stage: the stage's folder.
        sizes: every part of the stage -> its number of images.
        make: writes one part: its writer, its name, and a function to call with the number of
            images done. Workers elsewhere get it pickled.

    Raises:
        Stopped: Ctrl-C.
        PartFailed: names the part; the cause is chained, its traceback in the log.
    """
    work, watch = Work(run, stage, make), maker.watch
    share = maker.shard.share(list(sizes))
    missing = {name: sizes[name] for name in share if not has_part(stage, name)}
    total = sum(sizes[name] for name in share)
    failures = []
    if missing:
        done = total - sum(missing.values())
        with (
            watch.screen.stage(run, work.label, total, done) as advance,
            closing(maker.engine.make(work, missing, advance, lambda: watch.stopping)) as ended,
        ):
            for failure in ended:
                if failure:
                    failures.append(failure)
                if maker.shard == WHOLE and not watch.stopping:  # the last of several publishes
                    maker.publishing.after_part(run)
    maker.shortfall.give_up(run, stage.name, failures)
    if watch.stopping:
        raise Stopped("stopped after a whole part; the same command goes on from here.")
    with maker.if_whole():
        mark_complete(stage, list(sizes))
