"""What is computed over images when a run is published: means, intervals, changes, landmarks.

Works on a DuckDB connection with the schema's tables. Knows neither parts nor files.
"""

from store.statistics import believed, intervals, judged, landmarks, matrices
from store.statistics.bootstrap import N_BOOTSTRAP, SEED, bootstrap_weights, summarise
from store.statistics.chance import add_chance
from store.statistics.changes import add_changes, paired
from store.statistics.convergence import add_convergence
from store.statistics.curves import add_curves, add_landmarks
from store.statistics.foretold import add_foretold, rank_correlations
from store.statistics.head_curves import add_head_curves
from store.statistics.matrices import Values, prepare
from store.statistics.patching import add_patching
from store.statistics.questions import add_questions
from store.statistics.shrink import shrunk
from store.statistics.translators import add_reader_gains

__all__ = [
    "N_BOOTSTRAP",
    "SEED",
    "Values",
    "add_chance",
    "add_changes",
    "add_convergence",
    "add_curves",
    "add_foretold",
    "add_head_curves",
    "add_landmarks",
    "add_patching",
    "add_questions",
    "add_reader_gains",
    "believed",
    "bootstrap_weights",
    "intervals",
    "judged",
    "landmarks",
    "matrices",
    "paired",
    "prepare",
    "rank_correlations",
    "shrunk",
    "summarise",
]
