"""What a run's folder is made of: files written whole or not at all, run.json, and generations.

Knows how a name reaches the disk and stays there when a process is killed. Knows no table: what is
in the files is for the folders above.
"""

from store.disk import manifests
from store.disk.files import (
    Owner,
    canonical,
    file_sha256,
    fsync,
    make_folder,
    owner_of,
    short_hash,
    write_json,
)
from store.disk.gate import (
    LINK,
    read_beginning,
    read_json,
    read_regular,
    refuse_links,
    require_plain,
)
from store.disk.generations import (
    current_generation,
    generation_path,
    list_generations,
    read_sidecar,
    sidecar_path,
)
from store.disk.making import (
    Making,
    forget_making,
    list_making,
    remove_making,
    write_making,
)
from store.disk.runs import (
    check_name,
    create_run,
    list_runs,
    now,
    read_run,
    require_usable,
    results_folder,
    run_id,
    update_run,
)

__all__ = [
    "LINK",
    "Making",
    "Owner",
    "canonical",
    "check_name",
    "create_run",
    "current_generation",
    "file_sha256",
    "forget_making",
    "fsync",
    "generation_path",
    "list_generations",
    "list_making",
    "list_runs",
    "make_folder",
    "manifests",
    "now",
    "owner_of",
    "read_beginning",
    "read_json",
    "read_regular",
    "read_run",
    "read_sidecar",
    "refuse_links",
    "remove_making",
    "require_plain",
    "require_usable",
    "results_folder",
    "run_id",
    "short_hash",
    "sidecar_path",
    "update_run",
    "write_json",
    "write_making",
]
