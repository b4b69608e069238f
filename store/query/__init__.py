"""What readers ask of a published run, and the run as they open it: tables, pictures, arrays.

All SQL of readers is here. Reads one generation and writes nothing into a run's folder.
"""

from store.query import (
    broken,
    by_layer,
    checks,
    conditions,
    floor,
    image_export,
    images,
    judges,
    maps,
    one_image,
    patching,
    reader,
    similar,
    translators,
    two_runs,
)
from store.query.ask import DatabaseError
from store.query.export import export_table
from store.query.image_export import Export
from store.query.images import Order, Search, Selection, Sort
from store.query.predicates import Extreme, Predicate, Quantity, format_predicates, parse_predicates
from store.query.run import Run, find_run, open_generation, open_run
from store.query.similar import Likeness
from store.query.two_runs import Compared, Pair

__all__ = [
    "Compared",
    "DatabaseError",
    "Export",
    "Extreme",
    "Likeness",
    "Order",
    "Pair",
    "Predicate",
    "Quantity",
    "Run",
    "Search",
    "Selection",
    "Sort",
    "broken",
    "by_layer",
    "checks",
    "conditions",
    "export_table",
    "find_run",
    "floor",
    "format_predicates",
    "image_export",
    "images",
    "judges",
    "maps",
    "one_image",
    "open_generation",
    "open_run",
    "parse_predicates",
    "patching",
    "reader",
    "similar",
    "translators",
    "two_runs",
]
