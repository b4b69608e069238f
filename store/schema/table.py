"""What a table is, and the columns that several have."""

from dataclasses import dataclass

import pyarrow as pa

FLOAT = pa.float32()
INT = pa.int32()
TEXT = pa.string()


@dataclass(frozen=True)
class Table:
    """One table: its columns, what identifies a row, and how its rows are sorted on disk.

    Attributes:
        columns: name -> Arrow type, in order.
        key: columns that together are unique; checked at publish, never an index.
        order: columns the published rows are sorted by, so that a filter reads little; of very
            many rows, some parts after the other (`store.publish.build`).
    """

    columns: dict[str, pa.DataType]
    key: tuple[str, ...]
    order: tuple[str, ...]

    @property
    def arrow(self) -> pa.Schema:
        """The table as an Arrow schema; every column but those of the key may be NULL."""
        return pa.schema(
            [
                pa.field(name, kind, nullable=name not in self.key)
                for name, kind in self.columns.items()
            ]
        )


AT = {"condition_id": TEXT, "image_id": TEXT, "layer": INT}
AT_HEAD = {**AT, "head": INT}
CAPTION = {
    "text": TEXT,
    "token_ids": pa.list_(INT),
    "n_tokens": INT,
    "mean_logprob": FLOAT,
    "final_logprob": FLOAT,
}
SCORE = {"metric": TEXT, "against": TEXT, "value": FLOAT}
OF_CURVE = {"condition_id": TEXT, "layer": INT, "metric": TEXT, "against": TEXT}
ENDS = {"low": pa.float64(), "high": pa.float64()}

CAPTIONS = Table({**AT, **CAPTION}, key=tuple(AT), order=("condition_id", "layer", "image_id"))
SCORES = Table(
    {**AT, **SCORE},
    key=(*AT, "metric", "against"),
    order=("condition_id", "metric", "against", "layer", "image_id"),
)
CURVES = Table(
    {**OF_CURVE, "n": INT, "mean": pa.float64(), **ENDS},
    key=tuple(OF_CURVE),
    order=("condition_id", "metric", "against", "layer"),
)
