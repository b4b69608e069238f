"""Numbers of a run as charts and maps: frames and arrays in, `alt.Chart` or pixels out.

Pure functions, tested without a server. What things are called comes from `names`; which numbers
are shown, the pages decide.
"""

__all__ = [
    "base",
    "believed",
    "chance_tables",
    "colour_bar",
    "compare",
    "condition_tables",
    "conditions",
    "head_tables",
    "heads",
    "judge",
    "maps",
    "patching",
    "pruning_tables",
    "translators",
]
