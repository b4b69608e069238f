"""A run without a folder, for tests of queries."""

import duckdb
import pyarrow as pa

from store.schema import TABLES


class Memory:
    """The tables of a run, in memory."""

    def __init__(self, **tables):
        self.con = duckdb.connect()
        self.frames = {}
        for name in (
            "run",
            "image",
            "layer_stat",
            "caption",
            "score",
            "image_stat",
            "condition",
            "skipped",
            "curve",
            "head_stat",
            "landmark",
            "judgement",
        ):
            schema = TABLES[name].arrow
            rows = pa.Table.from_pylist(
                tables.get(name, []),
                schema=pa.schema([pa.field(field.name, field.type) for field in schema]),
            )
            self.con.register("rows", rows)
            self.con.execute(f"CREATE TABLE {name} AS SELECT * FROM rows")
            self.con.unregister("rows")
            self.frames[name] = tables.get(name, [])

    def sql(self, query, params=None):
        return self.con.execute(query, params).df()
