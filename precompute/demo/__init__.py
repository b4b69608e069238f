"""The demo captioner and its picture book, and how both were made.

Others import the module `model`, which needs transformers. It must know nothing of runs.
"""

__all__ = ["model"]
