"""Is a run what it says? Everything read and hashed again; what is damaged, set aside.

The one folder that looks at parts and at published tables at once.
"""

from store.upkeep.repair import set_parts_aside, set_tables_aside
from store.upkeep.verify import Report, verify_run

__all__ = [
    "Report",
    "set_parts_aside",
    "set_tables_aside",
    "verify_run",
]
