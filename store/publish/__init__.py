"""Parts -> the tables that readers open: one DuckDB file a generation, and one rename to show it.

Knows parts and statistics. Knows no reader: what is asked of the tables is `store.query`.
"""

from store.publish.build import SHARED, values_of
from store.publish.generation import is_due, lost_parts, publish, published_manifest
from store.publish.summaries import COMPUTED, N_BOOTSTRAP, SEED, bootstrap_weights

__all__ = [
    "COMPUTED",
    "N_BOOTSTRAP",
    "SEED",
    "SHARED",
    "bootstrap_weights",
    "is_due",
    "lost_parts",
    "publish",
    "published_manifest",
    "values_of",
]
