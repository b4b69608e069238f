"""Readers while a run is published again and again: no error, and one published state each."""

import json
import os
import signal
import time

from store import open_run
from store.publish.generation import publish
from tests.kills import in_child
from tests.synthetic import make_run, write_capture_part

READS = 100
COUNTED = ("image", "caption", "layer_stat", "head_stat", "curve")


def write_until(stop, run, log):
    """Add a part, publish, keep no old generation, and say what each generation has."""
    stage = next((run / "parts").glob("capture-*"))
    number = 0
    while not stop.exists():
        number += 1
        write_capture_part(stage, f"more-{number:05d}", [100 + number], 3, 2, (4, 4))
        made = publish(run, grace=0.0)
        with log.open("a") as file:
            file.write(json.dumps([made.number, made.rows]) + "\n")


def test_every_answer_belongs_to_one_published_state(tmp_path):
    run = make_run(tmp_path, n_images=2, n_layers=3, n_heads=2, with_scores=False)
    messages, stop = tmp_path / "told.jsonl", tmp_path / "stop"
    first = publish(run)
    messages.write_text(json.dumps([first.number, first.rows]) + "\n")
    writer = in_child(lambda: write_until(stop, run, messages))
    answers = []
    begun = time.monotonic()
    try:
        while len(answers) < READS and time.monotonic() - begun < 30:
            with open_run(run) as opened:
                counts = {
                    name: int(opened.sql(f"SELECT count(*) AS n FROM {name}")["n"][0])
                    for name in COUNTED
                }
                last = opened.table("image").image_id.max()
                assert opened.tensors(last).image_id == last
                answers.append((opened.generation, counts))
    finally:
        stop.touch()
        status = os.waitpid(writer, 0)[1]
    assert not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL
    states = dict(json.loads(line) for line in messages.read_text().splitlines())
    seen = {number for number, _ in answers}
    assert len(seen) > 5, "the run was published while it was read"
    for number, counts in answers:
        assert counts == {name: states[number][name] for name in COUNTED}
    assert [number for number, _ in answers] == sorted(number for number, _ in answers)
