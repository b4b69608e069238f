"""The tables of a run, as data: one place that names every column (README, "Results").

The statistics of heads alone are named in `store.metrics.HEADS`, which menus have too.

Parts write these columns as Parquet, `publish` creates the same tables in DuckDB, and readers
rely on them. A column that is not here does not exist.
"""

from store.metrics import METRICS
from store.schema.of_images import OF_IMAGES
from store.schema.of_stages import OF_STAGES
from store.schema.summaries import SUMMARIES
from store.schema.table import AT, Table
from store.schema.versions import SCHEMA_VERSION, lacking

__all__ = [
    "BASELINE",
    "CAPTION_METRICS",
    "LAYER_COLUMNS",
    "LAYER_METRICS",
    "MAD_TO_SIGMA",
    "NO_HEAD",
    "OUTLIER_MADS",
    "SAMPLE",
    "SCHEMA_VERSION",
    "TABLES",
    "Table",
    "lacking",
    "layer_columns",
]

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

TABLES: dict[str, Table] = {**OF_IMAGES, **OF_STAGES, **SUMMARIES}
"""Every table by its name."""

LAYER_METRICS = tuple(
    name for name in TABLES["layer_stat"].columns if name not in (*AT, "n_outlier_tokens")
)
LAYER_COLUMNS = (*LAYER_METRICS, "n_outlier_tokens")
CAPTION_METRICS = ("n_tokens", "mean_logprob", "final_logprob")


def layer_columns(class_token: bool) -> tuple[str, ...]:
    """The statistics of layers that a run has: with a class token it has others than without."""
    return tuple(name for name in LAYER_COLUMNS if METRICS[name].is_of(class_token))
