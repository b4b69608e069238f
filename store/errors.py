"""What can go wrong with a run on disk. Every message says: expected -> got -> remedy."""


class StoreError(Exception):
    """Base of everything that the store raises on purpose."""


class RunNotFound(StoreError):
    """No such run in the results folder, or more than one fits the name."""


class FolderRefused(StoreError):
    """A path that the results cannot lie under."""


class RunMismatch(StoreError):
    """A run folder holds a run whose numbers are decided by something else."""


class RunRefused(StoreError):
    """A run's folder holds what this program does not write: a link, a pipe, a foreign table."""


class ImageNotFound(StoreError):
    """The run has no such image, or keeps no arrays for it."""


class TableNotFound(StoreError):
    """No table, or no column, of that name."""


class QueryTooLong(StoreError):
    """A query took longer than a reader may."""


class RowsRefused(StoreError):
    """Rows or arrays that do not fit their table: columns, types, missing or repeated keys."""


class PartDamaged(StoreError):
    """A part is not what its part.json says."""


class DiskFull(StoreError):
    """The disk does not hold the next part."""


class PartConflict(StoreError):
    """Two writers made different parts under one name."""


class StageMixed(StoreError):
    """A stage has parts made with different settings, and nothing says which count."""


class StageIncomplete(StoreError):
    """A stage is needed whole, and is not."""


class SchemaTooNew(StoreError):
    """A part was written by a later version of the store."""


class NotPublished(StoreError):
    """A run has parts, perhaps, but no published tables to open."""


class PublishRefused(StoreError):
    """What would be published is worse than what is: fewer parts, or keys that repeat."""


class PublishFailed(StoreError):
    """The tables could not be written: no room, or no permission. What was published stays."""


class PublishLocked(StoreError):
    """Another process is publishing this run."""
