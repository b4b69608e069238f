"""One's own pictures, from file to page: a small run of their own, and where to look at it."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode

from precompute.config import PROJECT, Config, DatasetConfig
from precompute.images import ImageItem, UnreadableImage, load_dataset, spelt_out
from precompute.metrics.bertscore import is_here

DEMO = PROJECT / "precompute" / "configs" / "demo.toml"
"""Whose model is read if nobody names another."""

_URL = "http://127.0.0.1:8501"


def own_config(config: Config, pictures: Sequence[Path]) -> Config:
    """A configuration's model, captions and metrics on pictures of one's own; nothing beside.

    Args:
        config: whose model. Its questions, experiments and judge are about its own data sets.
        pictures: files, in any folders.

    Raises:
        ValueError: one is not there, is no picture, or has a name that a configuration cannot hold.
    """
    files = sorted({picture.absolute() for picture in pictures})
    if absent := [str(file) for file in files if not file.is_file()]:
        raise ValueError(f"expected pictures; there is no file {', '.join(absent)}. Correct it.")
    if strange := [file for file in map(str, files) if spelt_out(file) != file]:
        raise ValueError(
            f"expected names in UTF-8; got {', '.join(map(spelt_out, strange))}. Rename the files, "
            "or name their folder in a configuration."
        )
    folder = Path(os.path.commonpath([file.parent for file in files]))
    dataset = DatasetConfig(
        name=_name(files),
        kind="folder",
        path=str(folder),
        files=tuple(file.relative_to(folder).as_posix() for file in files),
    )
    _require_pictures(dataset)
    scorable = is_here(config.score.bertscore)
    metrics = tuple(name for name in config.score.metrics if name != "bertscore" or scorable)
    return Config(
        model=config.model,
        datasets=(dataset,),
        capture=config.capture,
        decode=config.decode,
        score=config.score.model_copy(update={"metrics": metrics}),
    )


def links(run_id: str, items: Sequence[ImageItem]) -> list[str]:
    """The pages of images in the dashboard, on this machine and its usual port."""
    return [f"{_URL}/image?{urlencode({'run': run_id, 'image': item.image_id})}" for item in items]


def _name(files: Sequence[Path]) -> str:
    """A run's name after its pictures: `story-my-cat`, `story-3-pictures`."""
    if len(files) > 1:
        return f"story-{len(files)}-pictures"
    stem = re.sub(r"[^a-z0-9]+", "-", files[0].stem.lower())[:24].strip("-")
    return f"story-{stem or 'picture'}"


def _require_pictures(dataset: DatasetConfig) -> None:
    for item in load_dataset(dataset):
        try:
            item.open()
        except UnreadableImage as error:
            raise ValueError(f"expected pictures; {error} Convert it to JPEG or PNG.") from error
