"""Tables that publishing computes over images: means, intervals, changes."""

import pyarrow as pa

from store.schema.table import CURVES, ENDS, INT, OF_CURVE, TEXT, Table

SUMMARIES: dict[str, Table] = {
    "curve": CURVES,
    # Beside `curve`, whose rows parts have, too: the band that holds all layers of a curve at once.
    "band": Table({**OF_CURVE, **ENDS}, key=CURVES.key, order=CURVES.order),
    "floor_curve": CURVES,
    "head_curve": Table(
        {
            "condition_id": TEXT,
            "layer": INT,
            "head": INT,
            "metric": TEXT,
            "against": TEXT,
            "n": INT,
            "mean": pa.float64(),
            **ENDS,
            "adjusted_p": pa.float64(),
        },
        key=("condition_id", "layer", "head", "metric", "against"),
        order=("condition_id", "metric", "against", "layer", "head"),
    ),
    "change": Table(
        {
            "condition_id": TEXT,
            "metric": TEXT,
            "against": TEXT,
            "n": INT,
            "baseline": pa.float64(),
            "edited": pa.float64(),
            "difference": pa.float64(),
            **ENDS,
            "adjusted_p": pa.float64(),
        },
        key=("condition_id", "metric", "against"),
        order=("condition_id", "metric", "against"),
    ),
    "chance": Table(
        {
            "condition_id": TEXT,
            "metric": TEXT,
            "against": TEXT,
            "n": INT,
            "n_random": INT,
            "difference": pa.float64(),
            **ENDS,
            "p": pa.float64(),
        },
        key=("condition_id", "metric", "against"),
        order=("condition_id", "metric", "against"),
    ),
    "foretold": Table(
        {
            "condition_id": TEXT,
            "statistic": TEXT,
            "n_heads": INT,
            "n": INT,
            "value": pa.float64(),
            **ENDS,
        },
        key=("condition_id", "statistic"),
        order=("condition_id", "statistic"),
    ),
    # What a reader's gain is above the native one's and above its controls', with intervals that
    # hold all layers and all of these at once.
    "reader_gain": Table(
        {
            "condition_id": TEXT,
            "versus": TEXT,
            "metric": TEXT,
            "against": TEXT,
            "layer": INT,
            "n": INT,
            "difference": pa.float64(),
            **ENDS,
        },
        key=("condition_id", "versus", "metric", "against", "layer"),
        order=("condition_id", "metric", "against", "versus", "layer"),
    ),
    "landmark": Table(
        {"condition_id": TEXT, "metric": TEXT, "layer": INT, "low": INT, "high": INT, "rule": TEXT},
        key=("condition_id", "metric"),
        order=("condition_id", "metric"),
    ),
}
"""Name -> table."""
