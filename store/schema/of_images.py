"""Tables of the run, its images, and what every layer, head and condition makes of them."""

import pyarrow as pa

from store.metrics import head_columns
from store.schema.table import (
    AT,
    AT_HEAD,
    CAPTION,
    CAPTIONS,
    FLOAT,
    INT,
    SCORE,
    SCORES,
    TEXT,
    Table,
)
from store.schema.versions import ADDED

OF_IMAGES: dict[str, Table] = {
    "run": Table(
        {
            "run_id": TEXT,
            "created_at": TEXT,
            "model": TEXT,
            "backend": TEXT,
            "weights_sha256": TEXT,
            "dataset": TEXT,
            "dataset_sha256": TEXT,
            "n_layers": INT,
            "n_heads": INT,
            "grid_h": INT,
            "grid_w": INT,
            "class_token": pa.bool_(),
            "prompt": TEXT,
            "generation": TEXT,
            "config": TEXT,
            "versions": TEXT,
            "parity": TEXT,
            "schema_version": INT,
        },
        key=("run_id",),
        order=("run_id",),
    ),
    "image": Table(
        {
            "image_id": TEXT,
            "dataset": TEXT,
            "source": TEXT,
            "width": INT,
            "height": INT,
            "sha256": TEXT,
            "label": TEXT,
            "category": TEXT,
            "refs": pa.list_(TEXT),
            "explanation": TEXT,
            **dict.fromkeys(ADDED[3]["image"], INT),
            "part": TEXT,
            "row_in_part": INT,
        },
        key=("image_id",),
        order=("image_id",),
    ),
    "skipped": Table({"source": TEXT, "reason": TEXT}, key=("source",), order=("source",)),
    "condition": Table(
        {
            "condition_id": TEXT,
            "kind": TEXT,
            "layers": pa.list_(INT),
            "heads": pa.list_(INT),
            "source": TEXT,
            "spec": TEXT,
        },
        key=("condition_id",),
        order=("condition_id",),
    ),
    "layer_stat": Table(
        {
            **AT,
            "attn_to_patches": FLOAT,
            "delta_attn": FLOAT,
            "map_shift": FLOAT,
            "attn_entropy": FLOAT,
            "resid_norm": FLOAT,
            "update_norm": FLOAT,
            "attn_norm": FLOAT,
            "mlp_norm": FLOAT,
            "attn_share": FLOAT,
            "patch_update_norm": FLOAT,
            "patch_attn_share": FLOAT,
            "cos_prev": FLOAT,
            "n_outlier_tokens": INT,
            **dict.fromkeys(ADDED[2]["layer_stat"], FLOAT),
        },
        key=tuple(AT),
        order=("condition_id", "layer", "image_id"),
    ),
    "head_stat": Table(
        {**AT_HEAD, **dict.fromkeys(head_columns("head_stat"), FLOAT)},
        key=tuple(AT_HEAD),
        order=("condition_id", "image_id", "layer", "head"),
    ),
    "caption": CAPTIONS,
    "head_caption": Table(
        {**AT_HEAD, **CAPTION},
        key=tuple(AT_HEAD),
        order=("condition_id", "image_id", "layer", "head"),
    ),
    "score": SCORES,
    "head_score": Table(
        {**AT_HEAD, **SCORE},
        key=(*AT_HEAD, "metric", "against"),
        order=("condition_id", "metric", "against", "layer", "head", "image_id"),
    ),
    # What towers with permuted weights say (docs/method.md, "Words"). In tables of their own, as a
    # floor is nothing that anybody tries: its condition_id, `floor:SEED`, is not in `condition`.
    "floor_caption": CAPTIONS,
    "floor_score": SCORES,
    "image_stat": Table(
        {"condition_id": TEXT, "image_id": TEXT, "metric": TEXT, "value": FLOAT},
        key=("condition_id", "image_id", "metric"),
        order=("condition_id", "metric", "image_id"),
    ),
    "head_effect": Table(
        {**AT_HEAD, **dict.fromkeys(head_columns("head_effect"), FLOAT)},
        key=tuple(AT_HEAD),
        order=("condition_id", "image_id", "layer", "head"),
    ),
}
"""Name -> table."""
