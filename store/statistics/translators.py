"""What a reader gives above the native one and above its controls, layer by layer, at publish.

`precompute.translators` makes readers: conditions of kind `reader`, whose captions are of
translated states. That something is present at a layer but not read there is said only where the
gain of the reader is above the native one's and above every control's, all intervals together.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from store.interventions import READER
from store.metrics import GAIN
from store.schema import BASELINE
from store.statistics import intervals
from store.statistics.bootstrap import Array, sample_means
from store.statistics.matrices import Values, appended, insert, matrices

TRANSLATED, LENS = "tuned", "jacobian"
"""Readers that claim to read a state; what stands beside them are their controls."""

ZERO = "zero"
"""What a reader is held against at its own layer 0: a linear map of the pixels."""

_OF_LENS = ("bias",)
"""Controls of the lens, which is fitted to nothing that a picture or a caption could teach it."""

_KEY = ("condition_id", "metric", "against", "layer")
_VALUES = Values(
    "SELECT condition_id, metric, against, layer, image_id, value FROM score "
    f"WHERE metric LIKE '{GAIN}%' AND condition_id IN (SELECT condition_id FROM condition "
    f"WHERE kind = '{READER}' OR condition_id = '{BASELINE}')",
    _KEY,
)


class Readers(NamedTuple):
    """A reader and what it is held against.

    Attributes:
        condition: its id.
        versus: what it is called in the table -> the condition.
    """

    condition: str
    versus: dict[str, str]


def reader_ids(con: duckdb.DuckDBPyConnection) -> list[str]:
    """The conditions that are readers."""
    rows = con.execute("SELECT condition_id FROM condition WHERE kind = ? ORDER BY 1", [READER])
    return [str(row[0]) for row in rows.fetchall()]


def add_reader_gains(con: duckdb.DuckDBPyConnection, weights: Array) -> None:
    """Fill table `reader_gain`; scores are filled.

    Args:
        con: the generation being built, after `bootstrap.prepare`.
        weights: from `bootstrap_weights`, of its images.
    """
    readers = list(_readers(con))
    if not readers:
        return
    layers: dict[tuple[str, str, str], list[int]] = {}
    for row in con.execute(
        f"SELECT DISTINCT condition_id, metric, against, layer FROM ({_VALUES.sql}) "
        "WHERE value IS NOT NULL AND layer < (SELECT max(n_layers) FROM run) ORDER BY ALL"
    ).fetchall():
        layers.setdefault(row[:3], []).append(row[3])
    for reader in readers:
        for condition, *measure in layers:
            if condition == reader.condition:
                insert(con, "reader_gain", _gains(con, reader, measure, layers, weights))


def _readers(con: duckdb.DuckDBPyConnection) -> Iterator[Readers]:
    roles: dict[str, dict[str, str]] = {}
    for condition, name, role in con.execute(
        "SELECT condition_id, json_extract_string(spec, '$.reader.of'), "
        "json_extract_string(spec, '$.reader.reader') FROM condition WHERE kind = ? ORDER BY 1",
        [READER],
    ).fetchall():
        roles.setdefault(name, {})[role] = condition
    for of_name in roles.values():
        controls = {r: c for r, c in of_name.items() if r not in (TRANSLATED, LENS)}
        if TRANSLATED in of_name:
            here = of_name[TRANSLATED]
            yield Readers(here, {BASELINE: BASELINE, **controls, ZERO: here})
        if LENS in of_name:
            here = of_name[LENS]
            held = {r: c for r, c in controls.items() if r in _OF_LENS}
            yield Readers(here, {BASELINE: BASELINE, **held, ZERO: here})


def _gains(
    con: duckdb.DuckDBPyConnection,
    reader: Readers,
    measure: Sequence[str],
    layers: Mapping[tuple[str, str, str], Sequence[int]],
    weights: Array,
) -> Iterator[pa.Table]:
    """A reader's gain minus each of the others', all layers and others in one family."""
    metric, against = measure
    columns: list[tuple[str, int]] = []  # condition and layer of every column of the matrix
    place: dict[tuple[str, int], int] = {}

    def column(condition: str, layer: int) -> int:
        if (condition, layer) not in place:
            place[condition, layer] = len(columns)
            columns.append((condition, layer))
        return place[condition, layer]

    pairs = []
    for versus, condition in reader.versus.items():
        there = set(layers.get((condition, metric, against), ()))
        for layer in layers[reader.condition, metric, against]:
            other = 0 if versus == ZERO else layer
            if other in there and (condition, other) != (reader.condition, layer):
                pairs.append(
                    (versus, layer, column(reader.condition, layer), column(condition, other))
                )
    if not pairs:
        return
    keys = pa.table(
        {
            "condition_id": [condition for condition, _ in columns],
            "metric": [metric] * len(columns),
            "against": [against] * len(columns),
            "layer": pa.array([layer for _, layer in columns], pa.int32()),
        }
    )
    one, two = (np.array([pair[k] for pair in pairs]) for k in (2, 3))

    def differences() -> Iterator[tuple[slice, Array]]:
        for images, values in matrices(con, _VALUES, keys, weights):
            yield images, values[:, one] - values[:, two]

    means = sample_means(differences(), weights, len(pairs))
    low, high = intervals.simultaneous(
        means.mean, means.samples, means.n, np.zeros(len(pairs), bool)
    )
    yield appended(
        pa.table(
            {
                "condition_id": [reader.condition] * len(pairs),
                "versus": [versus for versus, *_ in pairs],
                "metric": [metric] * len(pairs),
                "against": [against] * len(pairs),
                "layer": pa.array([layer for _, layer, *_ in pairs], pa.int32()),
                "n": means.n,
            }
        ),
        difference=means.mean,
        low=low,
        high=high,
    )
