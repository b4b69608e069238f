"""The lists of texts that a CLIP's states are read against: classes, nouns, or a user's own.

A text is what a reader sees; what the model is given is the template with the text in it.
"""

import hashlib
from collections import Counter
from pathlib import Path

from precompute.config import TextsConfig, local_path
from precompute.images import imagenet_classes
from precompute.metrics import wordnet


def texts_of(config: TextsConfig) -> tuple[str, ...]:
    """The texts of a configuration, in a fixed order, each once.

    Raises:
        ValueError: the file or folder is not there, or the list is none of at least two texts.
    """
    if config.list == "nouns":
        return wordnet.frequent_nouns(config.n)
    if config.list == "classes":
        return tuple(imagenet_classes.synonyms(_folder(config.path) if config.path else None))
    return _of_file(local_path(config.path))


def texts_sha256(texts: tuple[str, ...]) -> str:
    """One hash over a list, in its order."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _folder(path: str) -> Path:
    folder = local_path(path)
    if not folder.is_dir():
        raise ValueError(
            f"expected the data set whose classes are the texts in {folder}; there is no such "
            "folder. Correct model.texts.path, or leave it out for ImageNet's 1,000 classes."
        )
    return folder


def _of_file(path: Path) -> tuple[str, ...]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"expected a text file in UTF-8, a text a line, as model.texts.path; {path}: {error}"
        ) from error
    texts = tuple(line.strip() for line in lines if line.strip())
    twice = [text for text, times in Counter(texts).items() if times > 1]
    if twice or len(texts) < 2:
        raise ValueError(
            f"expected two texts at least, a line each, each once, in {path}; got {len(texts)}"
            + (f", {twice[0]!r} more than once. Remove the second." if twice else ".")
        )
    return texts
