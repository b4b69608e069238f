"""A full disk, a folder that may only be read, a clock put back: an error that says so, no loss."""

import json
import os
import resource
import shutil
import tempfile
import time
from pathlib import Path

import pytest

from store import open_run
from store.disk.generations import sidecar_path
from store.publish.generation import is_due, publish, published_manifest
from store.upkeep.verify import verify_run
from tests.kills import in_child
from tests.synthetic import make_run, write_capture_part

NOBODY = 65534


def in_other_process(work):
    """What `work` returns, or the name and text of what it raises, from a process of its own."""
    read, write = os.pipe()

    def tell():
        try:
            output = ["returned", work()]
        except Exception as error:  # told to the parent, which knows which one it awaits
            output = [type(error).__name__, str(error)]
        os.write(write, json.dumps(output).encode())

    pid = in_child(tell)
    os.close(write)
    with os.fdopen(read) as pipe:
        output = json.loads(pipe.read())
    os.waitpid(pid, 0)
    return output


@pytest.fixture(scope="module")
def unpublished(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("made"), n_images=12, publish=False, conditions=True)


@pytest.mark.parametrize("limit", [100, 20_000, 1_000_000, 1_500_000, 2_000_000, 3_000_000])
def test_a_full_disk_publishes_nothing_rather_than_half(unpublished, tmp_path, limit):
    """Above a megabyte it is DuckDB's last checkpoint that finds no room."""
    run = shutil.copytree(unpublished, tmp_path / unpublished.name)

    def publish_with_little_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        return publish(run).number

    kind, words = in_other_process(publish_with_little_room)
    assert kind == "PublishFailed"
    assert "make room" in words
    assert [p.name for p in run.iterdir() if p.name.startswith((".publish~", "results"))] == []
    assert publish(run).number == 1
    assert verify_run(run).ok


def test_a_full_disk_keeps_what_is_published(tmp_path):
    run = make_run(tmp_path, n_images=6)
    before = published_manifest(run)
    write_capture_part(next(run.glob("parts/capture-*")), "more", [40], 5, 3, (4, 4))

    def publish_with_no_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        publish(run)

    assert in_other_process(publish_with_no_room)[0] == "PublishFailed"
    assert published_manifest(run) == before
    with open_run(run) as opened:
        assert len(opened.table("image")) == 6
    assert publish(run).number == 2


@pytest.fixture
def open_to_all():
    """A folder that any user can reach; pytest's own are for one."""
    folder = Path(tempfile.mkdtemp(prefix="peel-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_a_folder_that_may_only_be_read_is_read(open_to_all):
    run = make_run(open_to_all, n_images=2)
    write_capture_part(next(run.glob("parts/capture-*")), "more", [40], 5, 3, (4, 4))
    for path in (run, *run.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o555 if path.is_dir() else 0o444)

    def as_nobody(work):
        def changed():
            if os.getuid() == 0:
                os.setuid(NOBODY)
            return work()

        return in_other_process(changed)

    def read():
        with open_run(run) as opened:
            return [len(opened.table("image")), opened.tensors("img00001").image_id]

    assert as_nobody(read) == ["returned", [2, "img00001"]]
    kind, words = as_nobody(lambda: publish(run).number)
    assert kind == "PublishFailed"
    assert "permission" in words
    for path in (run, *run.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    assert publish(run).number == 2


def test_a_clock_that_was_put_back_holds_nothing_up(tmp_path):
    run = make_run(tmp_path, n_images=2)
    path = sidecar_path(run, 1)
    path.write_text(
        json.dumps(
            json.loads(path.read_text()) | {"published_at": time.time() + 86400, "seconds": 1000.0}
        )
    )
    assert is_due(run)
    write_capture_part(next(run.glob("parts/capture-*")), "more", [40], 5, 3, (4, 4))
    assert publish(run).number == 2
    with open_run(run) as opened:
        assert len(opened.table("image")) == 3
