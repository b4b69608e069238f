"""What is to be asked: one question an image and vote, each with a name of its own."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from precompute.judge.identity import Judge
from precompute.judge.prompt import PAPER, render, shown
from precompute.runner import stage_names
from store.disk import canonical, read_run
from store.parts import TENSORS_FILE, iter_tables, read_image, require_complete
from store.schema import BASELINE


@dataclass(frozen=True)
class Trajectory:
    """The captions of one image that a judge is shown, and where its picture is.

    Attributes:
        condition_id: the condition that they were given under.
        image_id: the image.
        captions: layer -> caption.
        tensors: the file that keeps the picture.
        row: its row there.
        order: in which they are shown.
    """

    condition_id: str
    image_id: str
    captions: Mapping[int, str]
    tensors: Path
    row: int
    order: str = PAPER

    @cached_property
    def text(self) -> str:
        """The exact text of the question."""
        names = shown(self.order, sorted(self.captions), self.image_id)
        return render(self.captions, self.order, names)

    @cached_property
    def prompt_sha256(self) -> str:
        """Of the exact text of the question."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def picture(self) -> bytes:
        """The picture as the captioner saw it, JPEG.

        Raises:
            StoreError: it cannot be read.
        """
        return read_image(self.tensors, self.row).model_input


@dataclass(frozen=True)
class Question:
    """A caption trajectory and the number of the vote.

    Attributes:
        reply_id: the same for the same captions, judge and vote, whenever it is asked.
        trajectory: what is asked about.
        vote: 0 for the first.
    """

    reply_id: str
    trajectory: Trajectory
    vote: int


def captions_of(run: Path) -> Path:
    """The stage that holds the captions of a run."""
    return run / "parts" / str(read_run(run)["stages"][stage_names.CAPTURE])


def trajectories(run: Path, judge: Judge, images: int | None) -> list[Trajectory]:
    """What a judge is to be shown of a run, in an order that any beginning of is a fair sample.

    Args:
        run: the run's folder.
        judge: whose layers count.
        images: at most so many; all if None.

    Raises:
        StageIncomplete: not all captions are there yet.
    """
    parts = require_complete(captions_of(run))
    chosen = []
    for part, table in iter_tables(parts, "caption"):
        ((_, pictures),) = iter_tables([part], "image")
        rows = {image_id: i for i, image_id in enumerate(pictures["image_id"].to_pylist())}
        texts: dict[str, dict[int, str]] = {image_id: {} for image_id in rows}
        columns = table.select(["condition_id", "image_id", "layer", "text"])
        for row in columns.to_pylist():
            if row["condition_id"] == BASELINE and row["layer"] in judge.layers:
                texts[row["image_id"]][row["layer"]] = row["text"] or ""
        chosen += [
            Trajectory(
                BASELINE,
                image_id,
                captions,
                part.path / TENSORS_FILE,
                rows[image_id],
                judge.order,
            )
            for image_id, captions in texts.items()
        ]
    # By a hash of the id: a run that stops half-way has judged a random half.
    chosen.sort(key=lambda trajectory: hashlib.sha256(trajectory.image_id.encode()).digest())
    return chosen[:images]


def questions(
    run: Path, judge: Judge, trajectories: list[Trajectory], votes: int
) -> Iterator[Question]:
    """Every question, the first vote of all images first."""
    captions = captions_of(run).name
    for vote in range(votes):
        for trajectory in trajectories:
            asked = [
                run.name,
                captions,
                judge.name,
                trajectory.condition_id,
                trajectory.image_id,
                trajectory.prompt_sha256,
                vote,
            ]
            reply_id = hashlib.sha256(canonical(asked).encode()).hexdigest()[:32]
            yield Question(reply_id, trajectory, vote)
