"""The pages, one a file, or a folder where a page has several parts; each has a `show`.

A page decides what is shown and in which order; data, charts and widgets are packages below. The
folder is not called `pages`, since Streamlit takes one of that name beside the app for its own.
"""

__all__ = [
    "compare",
    "figures",
    "heads",
    "image",
    "images",
    "interventions",
    "judge",
    "layers",
    "maps",
    "patching",
    "pruning",
    "robustness",
    "runs",
]
