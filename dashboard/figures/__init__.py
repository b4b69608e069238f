"""The paper's figures and Table 1 of a run, and the strip of one picture; on a page and as files.

A figure is a chart with a caption that names how many images and the interval. Pages show them,
and so does the report.
"""

__all__ = [
    "believed",
    "display",
    "files",
    "film_strip",
    "head_gallery",
    "paper",
    "patching",
    "robustness",
    "translators",
]
