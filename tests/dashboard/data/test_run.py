"""What pages read is of the generation that their key names."""

import pytest

from dashboard.data import run as run_data
from dashboard.data import two_runs as two_runs_data
from store.disk.runs import update_run
from store.errors import NotPublished
from store.publish.generation import publish
from store.query import two_runs as two_runs_queries
from tests.synthetic import make_run


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path, n_images=3)


def publish_anew(run, times=1, **options):
    for i in range(times):
        update_run(run, parity={"passed": False, "published": i})
        publish(run, **options)


def test_a_publish_in_between_does_not_change_what_an_older_key_reads(run):
    before = run_data.key_of(run)
    publish_anew(run)
    after = run_data.key_of(run)
    assert after.generation > before.generation
    assert run_data._open(before).generation == before.generation
    assert run_data._open(after).generation == after.generation


def test_two_runs_are_compared_at_the_generations_of_their_keys(run, tmp_path):
    one, two = run_data.key_of(run), run_data.key_of(make_run(tmp_path, "other", n_images=2))
    publish_anew(run)
    pair = two_runs_data._open(one, two)
    files = pair.sql("SELECT path FROM duckdb_databases() WHERE path IS NOT NULL")["path"]
    assert any(
        path.endswith(f"results-{one.generation}.duckdb") and run.name in path for path in files
    )
    assert two_runs_queries.shared_images(pair) == 2


def test_a_generation_that_is_gone_is_named_in_the_error(run):
    before = run_data.key_of(run)
    publish_anew(run, 3, grace=0.0)
    with pytest.raises(NotPublished, match=f"must have generation {before.generation}; got none"):
        run_data._open(before)


def test_a_number_that_comes_again_is_another_generation(run):
    before = run_data.key_of(run)
    assert run_data.run_row(before)["info"]["parity"]["passed"]
    for path in run.glob("results*"):
        path.unlink()
    with pytest.raises(NotPublished):
        run_data.key_of(run)
    publish_anew(run)
    after = run_data.key_of(run)
    assert after.generation == before.generation == 1
    assert not run_data.run_row(after)["info"]["parity"]["passed"]


def test_a_copy_without_the_link_is_read_as_it_lies_there(run):
    link = run / "results.duckdb"
    there = link.resolve()
    link.unlink()
    there.rename(link)
    key = run_data.key_of(run)
    assert key.generation == 0
    assert run_data.first_image(key) == "img00000"
