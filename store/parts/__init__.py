"""Parts: what one shard of images gave one stage, written once and committed by one rename.

Tables as Parquet, arrays as HDF5, sums of states, and what is left of writers that died. Knows the
schema and the disk; nothing of what is published from parts, or asked of it.
"""

from store.parts import tensors, token_attention, word_maps
from store.parts.failures import Failure, read_failures, write_failures
from store.parts.means import MEANS_FILE, StateSums, add_up, read_dataset, read_sums, write_sums
from store.parts.read import check_sizes, check_version, is_readable, require_columns
from store.parts.tables import table_named
from store.parts.tensors import (
    TENSORS_FILE,
    ImageTensors,
    TensorWriter,
    check_picture,
    condition_file,
    read_image,
)
from store.parts.unfinished import A_DAY, remove_unfinished, unfinished_of_other_hosts
from store.parts.write import (
    Part,
    PartWriter,
    has_part,
    is_complete,
    iter_tables,
    list_parts,
    mark_complete,
    read_part,
    read_table,
    require_complete,
    stage_folder,
    stage_settings,
    verify_part,
    write_part,
)

__all__ = [
    "A_DAY",
    "MEANS_FILE",
    "TENSORS_FILE",
    "Failure",
    "ImageTensors",
    "Part",
    "PartWriter",
    "StateSums",
    "TensorWriter",
    "add_up",
    "check_picture",
    "check_sizes",
    "check_version",
    "condition_file",
    "has_part",
    "is_complete",
    "is_readable",
    "iter_tables",
    "list_parts",
    "mark_complete",
    "read_dataset",
    "read_failures",
    "read_image",
    "read_part",
    "read_sums",
    "read_table",
    "remove_unfinished",
    "require_columns",
    "require_complete",
    "stage_folder",
    "stage_settings",
    "table_named",
    "tensors",
    "token_attention",
    "unfinished_of_other_hosts",
    "verify_part",
    "word_maps",
    "write_failures",
    "write_part",
    "write_sums",
]
