"""Tables as files for other programs: CSV or Parquet, by the file's suffix."""

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from store.disk import Owner
from store.query.run import Run

SUFFIXES = (".csv", ".parquet")


def export_table(run: Run | None, table_or_frame: str | pd.DataFrame, path: Path) -> Path:
    """Write a table of a run, or a frame made from one, to a file.

    Texts stay as they are, so that they read back equal. A spreadsheet runs a caption that begins
    with ``=``, ``+``, ``-`` or ``@`` as a formula: have it import the column as text.

    Args:
        run: the run; not needed for a frame.
        table_or_frame: a table's name, or the rows themselves.
        path: ends in ``.csv`` (lists become text, as JSON) or ``.parquet``. Replaced by one
            rename if it exists.

    Returns:
        The path.

    Raises:
        ValueError: another suffix, or a name without a run.
        TableNotFound: no such table.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ValueError(
            f"an export must end in {' or '.join(SUFFIXES)}; got {path.name!r}. Rename it."
        )
    if isinstance(table_or_frame, str):
        if run is None:
            raise ValueError(f"table {table_or_frame!r} must come with its run; got None.")
        table_or_frame = run.table(table_or_frame)
    data = pa.Table.from_pandas(table_or_frame, preserve_index=False)
    temporary = path.parent / Owner.here().token(path.name)
    try:
        if path.suffix == ".csv":
            pc.write_csv(_lists_as_text(data), temporary)
        else:
            pq.write_table(data, temporary, compression="zstd")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _lists_as_text(data: pa.Table) -> pa.Table:
    """CSV has no lists: each becomes JSON text."""
    for i, field in enumerate(data.schema):
        if pa.types.is_list(field.type) or pa.types.is_large_list(field.type):
            texts = [
                None if value is None else json.dumps(value, ensure_ascii=False)
                for value in data.column(i).to_pylist()
            ]
            data = data.set_column(i, field.name, pa.array(texts, pa.string()))
    return data
