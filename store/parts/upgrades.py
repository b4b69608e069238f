"""Parts of an older schema, lifted to the present one when they are read or published.

`UPGRADES[v]` takes the tables of a part of version v and returns them as version v+1 has them.
It is pure, and is never changed once parts of version v+1 exist.
"""

from collections.abc import Callable, Mapping

import pyarrow as pa

from store.errors import SchemaTooNew
from store.schema import SCHEMA_VERSION

Tables = dict[str, pa.Table]
Upgrade = Callable[[Tables], Tables]

UPGRADES: Mapping[int, Upgrade] = {}
"""Version -> what lifts its tables to the next version. Empty: version 1 is the first."""


def check_version(version: int, what: str, upgrades: Mapping[int, Upgrade] | None = None) -> bool:
    """Whether a part has to be upgraded.

    Args:
        version: its schema version.
        what: its name, for errors.
        upgrades: instead of `UPGRADES`, for tests.

    Returns:
        False if it is of the present version.

    Raises:
        SchemaTooNew: it is of a later version, or no upgrade from its version exists.
    """
    steps = UPGRADES if upgrades is None else upgrades
    if version > SCHEMA_VERSION:
        raise SchemaTooNew(
            f"{what} must be of schema version {SCHEMA_VERSION} or older; got {version}. "
            "Update this program."
        )
    if missing := [v for v in range(version, SCHEMA_VERSION) if v not in steps]:
        raise SchemaTooNew(
            f"{what} must be of a schema version that can be upgraded to {SCHEMA_VERSION}; got "
            f"{version}, and there is no step from {missing[0]}. Precompute it again."
        )
    return version < SCHEMA_VERSION


def upgraded(
    tables: Tables, version: int, what: str, upgrades: Mapping[int, Upgrade] | None = None
) -> Tables:
    """A part's tables as the present schema has them.

    Args:
        tables: all tables of the part, so that a step may move columns between them.
        version: the version they are of.
        what: the part's name, for errors.
        upgrades: instead of `UPGRADES`, for tests.

    Raises:
        SchemaTooNew: see `check_version`.
    """
    steps = UPGRADES if upgrades is None else upgrades
    check_version(version, what, steps)
    for v in range(version, SCHEMA_VERSION):
        tables = steps[v](dict(tables))
    return tables
