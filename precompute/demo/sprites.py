"""The sprites: Noto emoji pictures, fetched from the npm registry for training only."""

import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from precompute.demo.colours import dominant, repaint
from precompute.demo.vocabulary import PAINTS, SUBJECTS


class Sprite(NamedTuple):
    """One thing's picture.

    Attributes:
        image: RGBA.
        colour: The colour that it has most of (`colours.dominant`).
    """

    image: Image.Image
    colour: str


PACKAGE = "emoji-datasource-google@16.0.0"
FOLDER = Path(__file__).parent / ".sprites"


def fetch(folder: Path = FOLDER) -> Path:
    """Download the sprite package with npm, unless it is there already.

    Args:
        folder: Git-ignored folder that keeps the package.

    Returns:
        The package's archive.

    Raises:
        RuntimeError: If npm is absent or cannot download.
    """
    archives = sorted(folder.glob("*.tgz"))
    if archives:
        return archives[-1]
    npm = shutil.which("npm")
    remedy = f"install npm, or put the archive of `npm pack {PACKAGE}` into {folder}."
    if npm is None:
        raise RuntimeError(f"drawing new scenes needs sprites, and npm was not found: {remedy}")
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [npm, "pack", PACKAGE], cwd=folder, capture_output=True, text=True, check=False
    )
    archives = sorted(folder.glob("*.tgz"))
    if done.returncode or not archives:
        raise RuntimeError(f"`npm pack {PACKAGE}` failed ({done.stderr.strip()[-300:]}): {remedy}")
    return archives[-1]


def load(folder: Path = FOLDER) -> dict[str, Sprite]:
    """Read every subject's sprite, and those that are recoloured in each paint.

    Args:
        folder: Where `fetch` keeps the package.

    Returns:
        Word, or paint and word -> sprite of 64 x 64 pixels.

    Raises:
        RuntimeError: If the package cannot be fetched.
    """
    wanted = {f"{subject.code}.png": subject.word for subject in SUBJECTS}
    small = folder / "64"
    if not all((small / name).exists() for name in wanted):
        with tarfile.open(fetch(folder)) as archive:
            small.mkdir(parents=True, exist_ok=True)
            for member in archive:
                name = Path(member.name).name
                if name in wanted and member.name.endswith(f"img/google/64/{name}"):
                    content = archive.extractfile(member)
                    assert content is not None, member.name
                    (small / name).write_bytes(content.read())
    drawn = {word: Image.open(small / name).convert("RGBA") for name, word in wanted.items()}
    painted = {
        f"{paint} {subject.word}": repaint(drawn[subject.word], paint)
        for subject in SUBJECTS
        if subject.recoloured
        for paint in PAINTS
    }
    return {name: Sprite(image, dominant(image)) for name, image in (drawn | painted).items()}
