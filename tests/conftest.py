"""What holds for all tests: every shape that an annotation names is checked while they run."""

import copyreg
import os
import weakref

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from jaxtyping import install_import_hook

from tests.shapes import checked, modules

# Before anything of the project is imported: afterwards its annotations could not be checked.
install_import_hook(modules(), f"{checked.__module__}.checked")
# The check holds its function by a weak reference, which workers elsewhere get as one.
copyreg.pickle(weakref.ReferenceType, lambda reference: (weakref.ref, (reference(),)))

_LONGEST = (
    "tests/test_stress.py",
    "tests/precompute/runner/test_ray_engine.py",
    "tests/test_first_minute.py",
    "tests/test_readers.py",
)


def pytest_collection_modifyitems(items):
    """The longest come first, so that at the end no core waits for one that began late."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONGEST))
