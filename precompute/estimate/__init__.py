"""What a run would cost, and whether all that it needs is on this machine; loads no model.

It counts what the stages will ask of a model and must not carry any of it out.
"""

from precompute.estimate.foretold import foretell
from precompute.estimate.preflight import NotReady, require_ready, require_scorable, require_space
from precompute.estimate.report import describe

__all__ = [
    "NotReady",
    "describe",
    "foretell",
    "require_ready",
    "require_scorable",
    "require_space",
]
