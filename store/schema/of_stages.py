"""Tables that one stage alone writes: words, maps, pairs, questions, judges."""

import pyarrow as pa

from store.schema.table import AT, ENDS, FLOAT, INT, TEXT, Table

OF_STAGES: dict[str, Table] = {
    "answer": Table(
        {**AT, "question": TEXT, "text": TEXT, "expected": TEXT, "score": FLOAT},
        key=(*AT, "question"),
        order=("condition_id", "image_id", "layer", "question"),
    ),
    # What the language model's head reads in an image's own tokens, block by block: a logit lens.
    "inner_word": Table(
        {
            "image_id": TEXT,
            "block": INT,
            "grid_row": INT,
            "grid_column": INT,
            "rank": INT,
            "word": TEXT,
            "probability": FLOAT,
        },
        key=("image_id", "block", "grid_row", "grid_column", "rank"),
        order=("image_id", "block", "grid_row", "grid_column", "rank"),
    ),
    # The content words of captions, of which there are maps (store.parts.word_maps); `begins` and
    # `ends` are their place in the caption's text. Both scales are the largest absolute value.
    "word": Table(
        {
            "image_id": TEXT,
            "layer": INT,
            "word": INT,
            "text": TEXT,
            "begins": INT,
            "ends": INT,
            "logprob": FLOAT,
            "head_scale": FLOAT,
            "deletion_scale": FLOAT,
        },
        key=("image_id", "layer", "word"),
        order=("image_id", "layer", "word"),
    ),
    # Of a word of the caption of `layer`, its map in the state Z^state; `rank` is Spearman's
    # correlation with what taking groups of patches away does.
    "word_map": Table(
        {"image_id": TEXT, "layer": INT, "word": INT, "state": INT, "scale": FLOAT, "rank": FLOAT},
        key=("image_id", "layer", "word", "state"),
        order=("image_id", "layer", "word", "state"),
    ),
    # How far maps can be believed; `floor` is what chance gives, "" and 0 are none.
    "map_score": Table(
        {
            "image_id": TEXT,
            "layer": INT,
            "map": TEXT,
            "measure": TEXT,
            "fill": TEXT,
            "word": TEXT,
            "blocks": INT,
            "value": FLOAT,
            "floor": FLOAT,
        },
        key=("image_id", "layer", "map", "measure", "fill", "word", "blocks"),
        order=("map", "measure", "layer", "image_id", "fill", "word", "blocks"),
    ),
    # Two pictures, what the model says of both, and what states of the one do in the other. `side`
    # is the picture that is patched, with states of the other; effects are 0 where nothing is and
    # 1 where the model is as the other picture makes it. `position` is a head or a patch, or -1.
    "patch_pair": Table(
        {
            "pair": TEXT,
            "changed": TEXT,
            **dict.fromkeys(("caption_a", "caption_b", "final_a", "final_b"), TEXT),
            "span_a": FLOAT,
            "span_b": FLOAT,
            "changed_patches": pa.list_(INT),
            "picture_a": TEXT,
            "picture_b": TEXT,
        },
        key=("pair",),
        order=("pair",),
    ),
    "patch_story": Table(
        {"pair": TEXT, "side": TEXT, "layer": INT, "text": TEXT},
        key=("pair", "side", "layer"),
        order=("pair", "side", "layer"),
    ),
    "patch_effect": Table(
        {
            "pair": TEXT,
            "side": TEXT,
            "site": TEXT,
            "layer": INT,
            "position": INT,
            "gradient": FLOAT,
            "exact": FLOAT,
            "chosen": TEXT,
        },
        key=("pair", "side", "site", "layer", "position"),
        order=("pair", "side", "site", "layer", "position"),
    ),
    "patch_curve": Table(
        {"site": TEXT, "layer": INT, "n": INT, "mean": pa.float64(), **ENDS},
        key=("site", "layer"),
        order=("site", "layer"),
    ),
    "question": Table({"question": TEXT, "detail": TEXT}, key=("question",), order=("question",)),
    # The texts that are nearest to a state of a CLIP, the first of which is its caption.
    "near_text": Table(
        {**AT, "rank": INT, "text": TEXT, "probability": FLOAT},
        key=(*AT, "rank"),
        order=("condition_id", "image_id", "layer", "rank"),
    ),
    # What explains a head of a CLIP over the data set; `explained` and both controls are shares of
    # its variance that texts up to this rank explain, `spread` its share of the embedding's.
    "head_text": Table(
        {
            "condition_id": TEXT,
            **dict.fromkeys(("layer", "head", "rank"), INT),
            "text": TEXT,
            **dict.fromkeys(("explained", "control", "control_high", "spread"), FLOAT),
            "n": INT,
        },
        key=("condition_id", "layer", "head", "rank"),
        order=("condition_id", "layer", "head", "rank"),
    ),
    "answer_score": Table(
        {**AT, "question": TEXT, "metric": TEXT, "value": FLOAT},
        key=(*AT, "question", "metric"),
        order=("condition_id", "metric", "layer", "image_id", "question"),
    ),
    "judgement": Table(
        {
            "judge": TEXT,
            **AT,
            "criterion": TEXT,
            "vote": INT,
            "score": INT,
            "status": TEXT,
            "reply_id": TEXT,
        },
        key=("judge", *AT, "criterion", "vote"),
        order=("judge", "condition_id", "criterion", "layer", "image_id", "vote"),
    ),
    "reply": Table(
        {
            "reply_id": TEXT,
            "judge": TEXT,
            "model_asked": TEXT,
            "model_answered": TEXT,
            "prompt_sha256": TEXT,
            "image_sha256": TEXT,
            "text": TEXT,
            "tokens_in": INT,
            "tokens_out": INT,
            "at": TEXT,
        },
        key=("reply_id",),
        order=("reply_id",),
    ),
}
"""Name -> table."""
