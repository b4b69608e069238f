"""The tables of a run, as data: one place that names every column (README, "Results").

The statistics of heads alone are named in `store.metrics.HEADS`, which menus have too.

Parts write these columns as Parquet, `publish` creates the same tables in DuckDB, and readers
rely on them. A column that is not here does not exist.
"""

from dataclasses import dataclass

import pyarrow as pa

from store.metrics import METRICS, head_columns

SCHEMA_VERSION = 3
"""Version of the layout of parts. Those of an older one are read with NULL in the columns that came
since (`lacking`); those of any other are refused."""

_ADDED: dict[int, dict[str, tuple[str, ...]]] = {
    # Towers without a class token.
    2: {
        "layer_stat": (
            "received_entropy",
            "received_shift",
            "mean_resid_norm",
            "mean_update_norm",
            "mean_attn_norm",
            "mean_mlp_norm",
            "mean_attn_share",
            "mean_cos_prev",
        ),
        "head_stat": ("received_entropy", "mean_contribution_norm", "mean_contribution_share"),
    },
    # Pictures that keep their shape: the patches of each.
    3: {"image": ("grid_rows", "grid_columns")},
}
"""Version -> table -> the columns that it brought."""

BASELINE = "baseline"
"""The condition in which nothing is edited."""

NO_HEAD = -1
"""The head of the null: in tables of what heads say, the layer with all its heads off."""

SAMPLE = "unnest(json_extract_string(spec, '$.pruning.sample[*]')) AS image_id"
"""Column of a query over `condition`: the images by which a pruning was chosen. It is judged on the
others alone."""

OUTLIER_MADS = 10.0
"""Scaled MADs above the median from which a patch token's norm counts as an outlier. Published norm
thresholds belong to one model each; this rule is taken from the picture at hand. It decides
`n_outlier_tokens` and which patches a page marks."""

MAD_TO_SIGMA = 1.4826
"""A normal distribution's standard deviation over its median absolute deviation: what scales it."""

_F = pa.float32()
_I = pa.int32()
_S = pa.string()


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


_AT = {"condition_id": _S, "image_id": _S, "layer": _I}
_AT_HEAD = {**_AT, "head": _I}
_CAPTION = {
    "text": _S,
    "token_ids": pa.list_(_I),
    "n_tokens": _I,
    "mean_logprob": _F,
    "final_logprob": _F,
}
_SCORE = {"metric": _S, "against": _S, "value": _F}
_OF_CURVE = {"condition_id": _S, "layer": _I, "metric": _S, "against": _S}
_ENDS = {"low": pa.float64(), "high": pa.float64()}

_CAPTIONS = Table({**_AT, **_CAPTION}, key=tuple(_AT), order=("condition_id", "layer", "image_id"))
_SCORES = Table(
    {**_AT, **_SCORE},
    key=(*_AT, "metric", "against"),
    order=("condition_id", "metric", "against", "layer", "image_id"),
)
_CURVES = Table(
    {**_OF_CURVE, "n": _I, "mean": pa.float64(), **_ENDS},
    key=tuple(_OF_CURVE),
    order=("condition_id", "metric", "against", "layer"),
)

TABLES: dict[str, Table] = {
    "run": Table(
        {
            "run_id": _S,
            "created_at": _S,
            "model": _S,
            "backend": _S,
            "weights_sha256": _S,
            "dataset": _S,
            "dataset_sha256": _S,
            "n_layers": _I,
            "n_heads": _I,
            "grid_h": _I,
            "grid_w": _I,
            "class_token": pa.bool_(),
            "prompt": _S,
            "generation": _S,
            "config": _S,
            "versions": _S,
            "parity": _S,
            "schema_version": _I,
        },
        key=("run_id",),
        order=("run_id",),
    ),
    "image": Table(
        {
            "image_id": _S,
            "dataset": _S,
            "source": _S,
            "width": _I,
            "height": _I,
            "sha256": _S,
            "label": _S,
            "category": _S,
            "refs": pa.list_(_S),
            "explanation": _S,
            **dict.fromkeys(_ADDED[3]["image"], _I),
            "part": _S,
            "row_in_part": _I,
        },
        key=("image_id",),
        order=("image_id",),
    ),
    "skipped": Table({"source": _S, "reason": _S}, key=("source",), order=("source",)),
    "condition": Table(
        {
            "condition_id": _S,
            "kind": _S,
            "layers": pa.list_(_I),
            "heads": pa.list_(_I),
            "source": _S,
            "spec": _S,
        },
        key=("condition_id",),
        order=("condition_id",),
    ),
    "layer_stat": Table(
        {
            **_AT,
            "attn_to_patches": _F,
            "delta_attn": _F,
            "map_shift": _F,
            "attn_entropy": _F,
            "resid_norm": _F,
            "update_norm": _F,
            "attn_norm": _F,
            "mlp_norm": _F,
            "attn_share": _F,
            "patch_update_norm": _F,
            "patch_attn_share": _F,
            "cos_prev": _F,
            "n_outlier_tokens": _I,
            **dict.fromkeys(_ADDED[2]["layer_stat"], _F),
        },
        key=tuple(_AT),
        order=("condition_id", "layer", "image_id"),
    ),
    "head_stat": Table(
        {**_AT_HEAD, **dict.fromkeys(head_columns("head_stat"), _F)},
        key=tuple(_AT_HEAD),
        order=("condition_id", "image_id", "layer", "head"),
    ),
    "caption": _CAPTIONS,
    "head_caption": Table(
        {**_AT_HEAD, **_CAPTION},
        key=tuple(_AT_HEAD),
        order=("condition_id", "image_id", "layer", "head"),
    ),
    "score": _SCORES,
    "head_score": Table(
        {**_AT_HEAD, **_SCORE},
        key=(*_AT_HEAD, "metric", "against"),
        order=("condition_id", "metric", "against", "layer", "head", "image_id"),
    ),
    # What towers with permuted weights say (docs/method.md, "Words"). In tables of their own, as a
    # floor is nothing that anybody tries: its condition_id, `floor:SEED`, is not in `condition`.
    "floor_caption": _CAPTIONS,
    "floor_score": _SCORES,
    "image_stat": Table(
        {"condition_id": _S, "image_id": _S, "metric": _S, "value": _F},
        key=("condition_id", "image_id", "metric"),
        order=("condition_id", "metric", "image_id"),
    ),
    "answer": Table(
        {**_AT, "question": _S, "text": _S, "expected": _S, "score": _F},
        key=(*_AT, "question"),
        order=("condition_id", "image_id", "layer", "question"),
    ),
    # What the language model's head reads in an image's own tokens, block by block: a logit lens.
    "inner_word": Table(
        {
            "image_id": _S,
            "block": _I,
            "grid_row": _I,
            "grid_column": _I,
            "rank": _I,
            "word": _S,
            "probability": _F,
        },
        key=("image_id", "block", "grid_row", "grid_column", "rank"),
        order=("image_id", "block", "grid_row", "grid_column", "rank"),
    ),
    # The content words of captions, of which there are maps (store.parts.word_maps); `begins` and
    # `ends` are their place in the caption's text. Both scales are the largest absolute value.
    "word": Table(
        {
            "image_id": _S,
            "layer": _I,
            "word": _I,
            "text": _S,
            "begins": _I,
            "ends": _I,
            "logprob": _F,
            "head_scale": _F,
            "deletion_scale": _F,
        },
        key=("image_id", "layer", "word"),
        order=("image_id", "layer", "word"),
    ),
    # Of a word of the caption of `layer`, its map in the state Z^state; `rank` is Spearman's
    # correlation with what taking groups of patches away does.
    "word_map": Table(
        {"image_id": _S, "layer": _I, "word": _I, "state": _I, "scale": _F, "rank": _F},
        key=("image_id", "layer", "word", "state"),
        order=("image_id", "layer", "word", "state"),
    ),
    # How far maps can be believed; `floor` is what chance gives, "" and 0 are none.
    "map_score": Table(
        {
            "image_id": _S,
            "layer": _I,
            "map": _S,
            "measure": _S,
            "fill": _S,
            "word": _S,
            "blocks": _I,
            "value": _F,
            "floor": _F,
        },
        key=("image_id", "layer", "map", "measure", "fill", "word", "blocks"),
        order=("map", "measure", "layer", "image_id", "fill", "word", "blocks"),
    ),
    # Two pictures, what the model says of both, and what states of the one do in the other. `side`
    # is the picture that is patched, with states of the other; effects are 0 where nothing is and
    # 1 where the model is as the other picture makes it. `position` is a head or a patch, or -1.
    "patch_pair": Table(
        {
            "pair": _S,
            "changed": _S,
            **dict.fromkeys(("caption_a", "caption_b", "final_a", "final_b"), _S),
            "span_a": _F,
            "span_b": _F,
            "changed_patches": pa.list_(_I),
            "picture_a": _S,
            "picture_b": _S,
        },
        key=("pair",),
        order=("pair",),
    ),
    "patch_story": Table(
        {"pair": _S, "side": _S, "layer": _I, "text": _S},
        key=("pair", "side", "layer"),
        order=("pair", "side", "layer"),
    ),
    "patch_effect": Table(
        {
            "pair": _S,
            "side": _S,
            "site": _S,
            "layer": _I,
            "position": _I,
            "gradient": _F,
            "exact": _F,
            "chosen": _S,
        },
        key=("pair", "side", "site", "layer", "position"),
        order=("pair", "side", "site", "layer", "position"),
    ),
    "patch_curve": Table(
        {"site": _S, "layer": _I, "n": _I, "mean": pa.float64(), **_ENDS},
        key=("site", "layer"),
        order=("site", "layer"),
    ),
    "question": Table({"question": _S, "detail": _S}, key=("question",), order=("question",)),
    "curve": _CURVES,
    # Beside `curve`, whose rows parts have, too: the band that holds all layers of a curve at once.
    "band": Table({**_OF_CURVE, **_ENDS}, key=_CURVES.key, order=_CURVES.order),
    "floor_curve": _CURVES,
    "head_effect": Table(
        {**_AT_HEAD, **dict.fromkeys(head_columns("head_effect"), _F)},
        key=tuple(_AT_HEAD),
        order=("condition_id", "image_id", "layer", "head"),
    ),
    # The texts that are nearest to a state of a CLIP, the first of which is its caption.
    "near_text": Table(
        {**_AT, "rank": _I, "text": _S, "probability": _F},
        key=(*_AT, "rank"),
        order=("condition_id", "image_id", "layer", "rank"),
    ),
    # What explains a head of a CLIP over the data set; `explained` and both controls are shares of
    # its variance that texts up to this rank explain, `spread` its share of the embedding's.
    "head_text": Table(
        {
            "condition_id": _S,
            **dict.fromkeys(("layer", "head", "rank"), _I),
            "text": _S,
            **dict.fromkeys(("explained", "control", "control_high", "spread"), _F),
            "n": _I,
        },
        key=("condition_id", "layer", "head", "rank"),
        order=("condition_id", "layer", "head", "rank"),
    ),
    "answer_score": Table(
        {**_AT, "question": _S, "metric": _S, "value": _F},
        key=(*_AT, "question", "metric"),
        order=("condition_id", "metric", "layer", "image_id", "question"),
    ),
    "head_curve": Table(
        {
            "condition_id": _S,
            "layer": _I,
            "head": _I,
            "metric": _S,
            "against": _S,
            "n": _I,
            "mean": pa.float64(),
            **_ENDS,
            "adjusted_p": pa.float64(),
        },
        key=("condition_id", "layer", "head", "metric", "against"),
        order=("condition_id", "metric", "against", "layer", "head"),
    ),
    "change": Table(
        {
            "condition_id": _S,
            "metric": _S,
            "against": _S,
            "n": _I,
            "baseline": pa.float64(),
            "edited": pa.float64(),
            "difference": pa.float64(),
            **_ENDS,
            "adjusted_p": pa.float64(),
        },
        key=("condition_id", "metric", "against"),
        order=("condition_id", "metric", "against"),
    ),
    "chance": Table(
        {
            "condition_id": _S,
            "metric": _S,
            "against": _S,
            "n": _I,
            "n_random": _I,
            "difference": pa.float64(),
            **_ENDS,
            "p": pa.float64(),
        },
        key=("condition_id", "metric", "against"),
        order=("condition_id", "metric", "against"),
    ),
    "foretold": Table(
        {
            "condition_id": _S,
            "statistic": _S,
            "n_heads": _I,
            "n": _I,
            "value": pa.float64(),
            **_ENDS,
        },
        key=("condition_id", "statistic"),
        order=("condition_id", "statistic"),
    ),
    # What a reader's gain is above the native one's and above its controls', with intervals that
    # hold all layers and all of these at once.
    "reader_gain": Table(
        {
            "condition_id": _S,
            "versus": _S,
            "metric": _S,
            "against": _S,
            "layer": _I,
            "n": _I,
            "difference": pa.float64(),
            **_ENDS,
        },
        key=("condition_id", "versus", "metric", "against", "layer"),
        order=("condition_id", "metric", "against", "versus", "layer"),
    ),
    "landmark": Table(
        {"condition_id": _S, "metric": _S, "layer": _I, "low": _I, "high": _I, "rule": _S},
        key=("condition_id", "metric"),
        order=("condition_id", "metric"),
    ),
    "judgement": Table(
        {
            "judge": _S,
            **_AT,
            "criterion": _S,
            "vote": _I,
            "score": _I,
            "status": _S,
            "reply_id": _S,
        },
        key=("judge", *_AT, "criterion", "vote"),
        order=("judge", "condition_id", "criterion", "layer", "image_id", "vote"),
    ),
    "reply": Table(
        {
            "reply_id": _S,
            "judge": _S,
            "model_asked": _S,
            "model_answered": _S,
            "prompt_sha256": _S,
            "image_sha256": _S,
            "text": _S,
            "tokens_in": _I,
            "tokens_out": _I,
            "at": _S,
        },
        key=("reply_id",),
        order=("reply_id",),
    ),
}

LAYER_METRICS = tuple(
    name for name in TABLES["layer_stat"].columns if name not in (*_AT, "n_outlier_tokens")
)
LAYER_COLUMNS = (*LAYER_METRICS, "n_outlier_tokens")
CAPTION_METRICS = ("n_tokens", "mean_logprob", "final_logprob")


def layer_columns(class_token: bool) -> tuple[str, ...]:
    """The statistics of layers that a run has: with a class token it has others than without."""
    return tuple(name for name in LAYER_COLUMNS if METRICS[name].is_of(class_token))


def lacking(table: str, version: int) -> tuple[str, ...]:
    """The columns of a table that parts of a version do not have: they are NULL in all their rows.

    Raises:
        ValueError: there is no such version, or it is a later one.
    """
    if not 1 <= version <= SCHEMA_VERSION:
        raise ValueError(f"schema version must be in 1..{SCHEMA_VERSION}; got {version}.")
    return tuple(
        column
        for since, tables in _ADDED.items()
        if since > version
        for column in tables.get(table, ())
    )
