"""What everything on the pages is called: metrics, conditions, sections, landmarks, provenance.

Words only, built from the registries in `store`. Knows no run and draws nothing.
"""

__all__ = [
    "broken",
    "conditions",
    "intervals",
    "judges",
    "landmarks",
    "making",
    "maps",
    "metrics",
    "provenance",
    "score_line",
    "sections",
    "towers",
    "translators",
]
