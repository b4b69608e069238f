"""Data sets by their names on the Hugging Face hub. Only this file imports `datasets`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from huggingface_hub import HfApi
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

from precompute.images.item import UnreadableImage
from precompute.images.sources import IMAGE, Read

_TOKEN = (
    "the token is not valid for it (`hf auth whoami` says whose it is; `hf auth login` sets "
    "another)."
)


class HubRefused(ValueError):
    """The hub does not give a data set; the message says how it would."""


@dataclass(frozen=True)
class Split:
    """One split of a data set on the hub.

    Attributes:
        name: of the repository, such as `nlphuji/whoops`; a folder of files will do.
        split: of the data set.
        files: which of its files to take, a pattern; all, if None. Without it, all splits of a
            data set are downloaded.
    """

    name: str
    split: str
    files: str | None = None


def rows(split: Split, columns: Sequence[str]) -> Iterator[tuple[dict[str, Any], str, Read]]:
    """The rows of a split, without their pictures; downloads it if it is not in the cache.

    Args:
        split: of which data set.
        columns: what to read beside the pictures' paths, where it is there.

    Yields:
        The row, in which `image` is the path that the picture had, or None; where the row is, in
        words; and the `read` of its picture, which any process can call.

    Raises:
        HubRefused: there is no such data set, its gate is closed, or it has no pictures.
    """
    table = _open(split)
    paths = pc.struct_field(table.data.column(IMAGE), "path").to_pylist()
    light = table.select_columns([name for name in columns if name in table.column_names])
    for k, (row, path) in enumerate(zip(light, paths, strict=True)):
        source = f"{split.name}/{split.split}/{k}"
        yield {**row, IMAGE: path}, source, partial(_read, split, k, source)


def what_bars(name: str) -> str | None:
    """Why the hub would not give a data set, with the remedy; None if it would.

    One question to the hub; nothing is downloaded. Where the hub cannot be reached, the data set
    has to be in the cache.
    """
    try:
        _library()
    except HubRefused as error:
        return str(error)
    import httpx2  # what this huggingface_hub speaks with; it does not translate its errors

    try:
        HfApi().auth_check(name, repo_type="dataset")
    except GatedRepoError:
        return _gate(name)
    except RepositoryNotFoundError:
        return f"the hub shows no data set {name}: its name is wrong, or it is private, or {_TOKEN}"
    except (HfHubHTTPError, httpx2.HTTPError, OSError) as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status in (401, 403):
            return f"the hub refuses {name} ({status}): {_TOKEN}"
        return (
            None
            if _cached(name)
            else (
                f"the hub cannot be asked for {name} ({status or type(error).__name__}), and it "
                "is not "
                "in the cache of this machine. Go online, or download it elsewhere and name the "
                "folder."
            )
        )
    return None


def _gate(name: str) -> str:
    return (
        f"{name} is gated on the hub: accept its terms at https://huggingface.co/datasets/{name}, "
        "then `hf auth login` with a token of that account that may read gated repositories; or "
        "name a folder with its files."
    )


def _library() -> Any:
    """The package `datasets`, which not every environment can have beside its other packages."""
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise HubRefused(
            "a data set by its name on the hub needs the package datasets, which is not in this "
            "environment. `pip install -r requirements.txt` gets it; or name a folder instead."
        ) from error
    return datasets


def _cached(name: str) -> bool:
    """Whether the library has prepared it before; it names the folder so."""
    namespace, _, short = name.rpartition("/")
    library = _library()
    folder = f"{namespace}___{library.naming.camelcase_to_snakecase(short)}"
    return (Path(library.config.HF_DATASETS_CACHE) / folder).is_dir()


@cache
def _open(split: Split) -> Any:
    """The split as a `datasets.Dataset`, mapped from the disk; its pictures stay undecoded."""
    library = _library()
    files = None if split.files is None else {split.split: split.files}
    try:
        table = library.load_dataset(split.name, split=split.split, data_files=files)
    except library.exceptions.DatasetNotFoundError as error:
        raise HubRefused(_gate(split.name) if "gated" in str(error) else str(error)) from error
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise HubRefused(f"{split.name} cannot be had from the hub: {error}") from error
    if IMAGE not in table.column_names:
        raise HubRefused(
            f"expected pictures in a column {IMAGE!r} of {split.name}; "
            f"it has {', '.join(table.column_names)}. Name another data set."
        )
    # Undecoded: pictures are opened by the same code whatever layout they come from.
    return table.cast_column(IMAGE, library.Image(decode=False))


def _read(split: Split, row: int, source: str) -> bytes:
    cell = _open(split)[row][IMAGE]
    if cell["bytes"] is not None:
        return bytes(cell["bytes"])
    try:
        return Path(cell["path"]).read_bytes()
    except OSError as error:
        raise UnreadableImage(source, error.strerror or str(error)) from error
