"""What holds for all tests: annotations of every module, shapes included, are checked."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from jaxtyping import install_import_hook

# Before anything of the project is imported: afterwards its annotations could not be checked.
install_import_hook(["store", "precompute", "dashboard"], "beartype.beartype")
