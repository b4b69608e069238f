"""Fixtures of all tests: every jaxtyping annotation is checked while they run."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from jaxtyping import install_import_hook

# Before anything of precompute is imported: afterwards its annotations could not be checked.
install_import_hook(
    [
        "precompute.forward.attention",
        "precompute.forward.capture",
        "precompute.forward.layers",
        "precompute.models",
    ],
    "beartype.beartype",
)
