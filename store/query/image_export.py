"""The images of a selection as a file, with the query that made it."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from store.query.images import Order, Selection, Sort, filter_images, images_sql, predicate_values
from store.query.predicates import format_predicates
from store.query.run import Run

PARQUET_KEY = "peel.query"
"""The key of Parquet's metadata under which the query stands, as JSON."""

_LINE_END = "\r\n"  # as RFC 4180 has it; with "\n" alone, a cell with "\r" would not be quoted

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet runs text that begins so."""


@dataclass(frozen=True)
class Export:
    """Rows of images, and the query that made them.

    Attributes:
        frame: a row an image, in order.
        query: run, generation, condition, filter, search, order, SQL with its values, rows.
    """

    frame: pd.DataFrame
    query: dict[str, Any]

    def csv(self) -> str:
        """As CSV for spreadsheets and programs.

        The first line is one cell, `# ` and the query as JSON: one file, so that they cannot be
        parted; to be skipped by `pandas.read_csv(file, skiprows=1)`. A text that a spreadsheet
        would run as a formula gets an apostrophe before it, names of columns too.
        """
        frame = self.frame.rename(columns=_plain)
        texts = frame.select_dtypes(exclude="number").columns
        frame[texts] = frame[texts].map(_plain)
        note = json.dumps(self.query, ensure_ascii=False).replace('"', '""')
        return f'"# {note}"{_LINE_END}{frame.to_csv(index=False, lineterminator=_LINE_END)}'

    def parquet(self) -> bytes:
        """As Parquet: texts as they are, the query in the metadata under `peel.query`."""
        table = pa.Table.from_pandas(self.frame, preserve_index=False)
        note = {PARQUET_KEY: json.dumps(self.query, ensure_ascii=False)}
        out = io.BytesIO()
        pq.write_table(
            table.replace_schema_metadata({**(table.schema.metadata or {}), **note}),
            out,
            compression="zstd",
        )
        return out.getvalue()


def _plain(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def collect(
    run: Run,
    selection: Selection,
    order: Order | None = None,
    written: Mapping[str, tuple[str, str]] | None = None,
    **more: str,
) -> Export:
    """All images of a selection with the values that were asked for.

    Args:
        run: an open run.
        selection: which images.
        order: as of `filter_images`.
        written: tags and note of each image that has any (`notes.everything`).
        **more: what else belongs to the query, such as the tag that chose `selection.among`.

    Returns:
        image_id, label, category, caption, what they are sorted by, a column a predicate, tags
        and note if they are given.
    """
    frame = filter_images(run, selection, order)
    if order is None:
        frame = frame.drop(columns="sort_value")
    else:
        frame = frame.rename(columns={"sort_value": _by(order)})
    frame = frame.merge(predicate_values(run, selection), on="image_id", how="left")
    if written is not None:
        for place, name in enumerate(("tags", "note")):
            frame[name] = [written.get(image, ("", ""))[place] for image in frame["image_id"]]
    return Export(frame, _query(run, selection, order) | more | {"images": len(frame)})


def _by(order: Order) -> str:
    if isinstance(order, Sort):
        return f"sorted by {order.quantity}"
    return f"distance to {order.image_id}"


def _query(run: Run, selection: Selection, order: Order | None) -> dict[str, Any]:
    search = selection.search
    sql = images_sql(selection, order)
    down = isinstance(order, Sort) and order.descending
    return {
        "run": run.run_id,
        "generation": run.generation,
        "condition": selection.condition,
        "filter": format_predicates(selection.predicates),
        "search": search and {"text": search.text, "layer": search.layer},
        "category": list(selection.category),
        "label": list(selection.label),
        "order": "image_id"
        if order is None
        else f"{_by(order)}, {'largest' if down else 'least'} first",
        "sql": sql.text,
        "params": list(sql.params),
    }
