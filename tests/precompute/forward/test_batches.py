"""Batches that do not fit are halved, and what was computed with them says so."""

import json
import logging

import pytest
import torch

from precompute.config.settings import HeadsConfig, PruningConfig
from precompute.forward.batches import BatchSize, DoesNotFit, by_image, fitting, together
from precompute.forward.capture import capture
from precompute.forward.decode import decode_layers
from precompute.pipeline import execute
from precompute.readouts.baseline import write_capture
from precompute.runner.job import Job
from precompute.runner.plan import plan_runs
from precompute.runner.stage import Maker
from precompute.runner.watch import Watch
from store import open_run
from store.disk.runs import create_run, read_run
from store.parts.write import stage_folder, write_part


def small_memory(limit, tried):
    def work(batch):
        tried.append(len(batch))
        if len(batch) > limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return sum(batch)

    return work


@pytest.mark.parametrize(
    ("limit", "tried", "used"),
    [
        (9, [8, 8, 4], [8, 8, 4]),
        (4, [8, 4, 4, 4, 4, 4], [4, 4, 4, 4, 4]),
        (3, [8, 4, 2, *[2] * 9], [2] * 10),
    ],
)
def test_a_batch_that_does_not_fit_is_halved_for_good(limit, tried, used, caplog):
    size, seen = BatchSize(8, "decode.batch_size"), []
    with caplog.at_level(logging.WARNING):
        done = list(fitting(range(20), size, small_memory(limit, seen)))
    assert [item for batch, _ in done for item in batch] == list(range(20))
    assert all(result == sum(batch) for batch, result in done)
    assert (seen, size.used) == (tried, used)
    assert len(caplog.messages) == len(tried) - len(used)
    assert all("--set decode.batch_size=" in message for message in caplog.messages)


def test_a_batch_holds_only_what_is_alike():
    size = BatchSize(3, "x")
    batches = fitting([1, 3, 5, 7, 2, 9, 4], size, lambda batch: batch, alike=lambda n: n % 2)
    assert [batch for batch, _ in batches] == [[1, 3, 5], [7], [2], [9], [4]]
    assert size.used == [3, 1, 1, 1, 1]


def test_what_is_alike_is_put_together_and_few_wait():
    taken = []

    def items():
        for n in [1, 2, 10, 11, 3, 20, 4, 21, 22, 30, 5]:
            taken.append(n)
            yield n

    of_tens = together(items(), lambda n: n // 10, 2)
    assert [next(of_tens) for _ in range(4)] == [1, 2, 10, 11]  # as soon as there are two
    assert taken == [1, 2, 10, 11]
    assert list(of_tens) == [3, 4, 20, 21, 22, 30, 5]
    assert list(together([3, 1, 2], None, 2)) == [3, 1, 2]
    apart = list(together(range(100), lambda n: n, 2))  # none alike: eight wait at most
    assert apart == list(range(100))


def test_items_are_taken_when_their_batch_is_due():
    taken = []
    items = (taken.append(i) or i for i in range(10))
    batches = fitting(items, BatchSize(4, "x"), sum)
    next(batches)
    assert taken == [0, 1, 2, 3]


def test_one_item_that_does_not_fit_ends_it_with_the_remedy():
    with pytest.raises(DoesNotFit, match="larger GPU"):
        list(fitting([1, 2], BatchSize(2, "decode.batch_size"), small_memory(0, [])))


def test_other_errors_are_not_taken_for_it():
    def work(batch):
        raise RuntimeError("CUDA error: device-side assert triggered")

    with pytest.raises(RuntimeError, match="device-side"):
        list(fitting([1, 2], BatchSize(2, "x"), work))


class Cramped:
    """A captioner on a device that holds so many pictures, or so many states, at a time."""

    def __init__(self, captioner, pictures, states):
        self.captioner, self.limits = captioner, (pictures, states)

    def __getattr__(self, name):
        return getattr(self.captioner, name)

    def pixels(self, images):
        self._hold(len(images), self.limits[0])
        return self.captioner.pixels(images)

    def generate(self, memory, generation):
        self._hold(len(memory.hidden), self.limits[1])
        return self.captioner.generate(memory, generation)

    def _hold(self, n, limit):
        if n > limit:
            raise torch.OutOfMemoryError("CUDA out of memory")


def test_captions_are_those_of_the_smaller_batches(config, captioner, pixels):
    states = capture(captioner.tower, pixels).states
    size = BatchSize(8, "decode.batch_size")
    cramped = Cramped(captioner, 9, 4)
    got = decode_layers(cramped, states, config.decode, size)
    four = config.decode.model_copy(update={"batch_size": 4})
    assert got == decode_layers(captioner, states, four)
    assert size.used == [4] * 5  # 4 states of 5 images


def test_a_part_records_the_batches_it_was_made_with(config, captioner, tmp_path, caplog):
    """Two pictures a batch and five states do not fit; one picture and two states do."""
    (plan,) = plan_runs(config)
    stage = stage_folder(create_run(tmp_path, plan.run_id, {"decides": {}}), "capture", {})
    done = []
    with caplog.at_level(logging.WARNING), write_part(stage, "images-000000") as part:
        write_capture(
            part,
            Cramped(captioner, 1, 2),
            plan.shards["images-000000"],
            "tiny",
            config,
            done.append,
        )
    meta = json.loads((stage / "images-000000" / "part.json").read_text())["meta"]
    assert meta["batches"] == [["img-0"], ["img-1"]]
    assert meta["decoder_batches"] == [[2, 2], [2, 2]]
    assert done == [1, 1]
    assert sorted(m.split(": ")[-1] for m in caplog.messages) == [
        "--set capture.batch_size=1",
        "--set decode.batch_size=2",
    ]


def test_a_whole_run_goes_on_where_one_picture_fits(config, captioner, tmp_path):
    """Its certificate, too, and Algorithm 1's sample, which has no batches of its own."""
    pruning = PruningConfig(name="x", m=4, layers=(2,), metric="rouge_l", top_k=4, random_seeds=0)
    (plan,) = plan_runs(
        config.model_copy(
            update={
                "pruning": (pruning,),
                "heads": HeadsConfig(layers=(3,)),
            }
        )
    )
    with Watch() as watch:
        run = execute(Job(plan, tmp_path, lambda: Cramped(captioner, 1, 2), Maker(watch)))
    for stage in ("heads", "importance.x"):
        for path in run.glob(f"parts/{stage}-*/*/part.json"):
            meta = json.loads(path.read_text())["meta"]
            assert {len(ids) for ids in meta["batches"]} == {1}
            assert max(meta["decoder_batches"]) == 2
    checks = {check["name"]: check for check in read_run(run)["parity"]["checks"]}
    assert checks["captions"]["detail"] == "1 of 1 captions equal token for token"
    with open_run(run) as opened:
        assert len(opened.table("image")) == 5
        kinds = set(opened.table("condition").kind)
    assert kinds == {"baseline", "prune"}


@pytest.mark.parametrize(("device", "sizes"), [("cpu", [1, 1, 1]), ("meta", [3])])
def test_images_are_worked_on_one_by_one_on_a_cpu_alone(device, sizes):
    seen = []

    def work(left, right):
        seen.append(len(left))
        return left * right

    left, right = torch.arange(6.0).reshape(3, 2), torch.tensor([[2.0], [3.0], [4.0]])
    got = by_image(work, left.to(device), right.to(device))
    assert seen == sizes and got.shape == (3, 2)
    if device == "cpu":
        assert got.tolist() == [[0.0, 2.0], [6.0, 9.0], [16.0, 20.0]]
