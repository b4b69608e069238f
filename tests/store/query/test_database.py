"""Published files that a stranger sent hold tables of the schema; a query ends in bounded time."""

import duckdb
import pytest

from store import open_run
from store.errors import QueryTooLong, RunRefused
from store.query import database
from store.upkeep.verify import verify_run
from tests.synthetic import make_run


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path, n_images=2, n_layers=2, n_heads=2)


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("CREATE VIEW bomb AS SELECT * FROM range(1000000000000)", "view bomb"),
        ("CREATE TABLE foreign_one (a INT)", "table foreign_one"),
        ("CREATE MACRO harmless(a) AS a + 1", "macro harmless"),
        ("CREATE TYPE mood AS ENUM ('sad')", "type mood"),
        ("DROP TABLE curve; CREATE VIEW curve AS SELECT 1 AS layer", "view curve"),
        (
            "DROP TABLE curve; CREATE TABLE curve (layer INT, "
            "metric VARCHAR GENERATED ALWAYS AS (repeat('x', layer)))",
            "table curve",
        ),
    ],
)
def test_anything_but_tables_of_the_schema_is_refused_by_name(run, sql, named):
    with duckdb.connect(str(run / "results-1.duckdb")) as con:
        con.execute(sql)
    with pytest.raises(RunRefused, match=named):
        open_run(run)
    with pytest.raises(RunRefused, match=named):
        database.connect_at(run, 1)
    assert not verify_run(run).ok


def test_a_query_without_end_is_given_up(run, monkeypatch):
    monkeypatch.setattr(database, "SECONDS", 0.5)
    with open_run(run) as opened:
        with pytest.raises(QueryTooLong, match=r"within \d s"):
            opened.sql("SELECT count(*) FROM range(1000000000000) a, range(1000) b")
        assert len(opened.table("image")) == 2  # and the next one is answered


def test_readers_have_bounds_on_memory_and_disk(run):
    with open_run(run) as opened:
        settings = opened.sql(
            "SELECT name, value FROM duckdb_settings() WHERE name IN "
            "('memory_limit', 'max_temp_directory_size', 'enable_external_access')"
        )
        values = settings.set_index("name")["value"]
        assert values["memory_limit"] == "1.8 GiB"
        assert values["max_temp_directory_size"] == "3.7 GiB"
        assert values["enable_external_access"] == "false"
        with pytest.raises(duckdb.Error, match="locked"):
            opened.sql("SET memory_limit = '100GB'")
