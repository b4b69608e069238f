"""Any folder of pictures, with or without captions in a CSV or JSONL file beside them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from precompute.images.files import files_below, is_picture, suffixes
from precompute.images.image_set import ImageSet, UnknownLayout, image_set
from precompute.images.item import ImageItem
from precompute.images.metadata import Line, read_csv, read_jsonl
from precompute.images.names import finder
from precompute.images.rows import CAPTIONS, FILE, CaptionRow, checked
from precompute.images.sources import file_reader, listing

CAPTION_FILES = ("captions.csv", "captions.jsonl", "metadata.csv", "metadata.jsonl")


def load(path: Path, files: Sequence[str] = ()) -> ImageSet:
    """List the pictures of a folder and of the folders in it, by name.

    The id is the path within the folder, `cats/tom.jpg`; of files that are named one by one, and
    whose names all differ, the name.

    Args:
        path: the folder.
        files: only these of it; all pictures, and all that have captions, if none are named.

    Raises:
        UnknownLayout: there are no pictures.
        ValueError: the file of captions holds something else, at the line that the message names.
    """
    there = list(files) or files_below(path)
    pictures = [name for name in there if files or is_picture(name)]
    said_in = next((file for name in CAPTION_FILES if (file := path / name).is_file()), None)
    captions = _captions(said_in, pictures) if said_in else {}
    names = set(files) or {*pictures, *captions}
    if not names:
        expected = f"pictures ({', '.join(sorted(suffixes()))})"
        remedy = "Name the folder that holds them."
        raise UnknownLayout("a folder of pictures", path, expected, listing(path), remedy)
    short = len({Path(name).name for name in files}) == len(names)
    items = [
        ImageItem(
            image_id=Path(name).name if short else name,
            source=name,
            read=file_reader(path / name, name),
            references=tuple(captions.get(name, ())),
        )
        for name in sorted(names)
    ]
    with_captions = f"captions for {sum(bool(i.references) for i in items)}" if captions else ""
    layout = f"a folder of pictures, {with_captions or 'no captions'}"
    others = {*there} - names - {said_in.name if said_in else ""}
    return image_set(items, layout, path, others)


def _captions(file: Path, pictures: Iterable[str]) -> dict[str, list[str]]:
    """Picture -> its captions."""
    got = defaultdict[str, list[str]](list)
    find = finder(pictures)
    for where, row in _lines(file):
        said = checked(CaptionRow, row, where)
        name = Path(said.file_name).as_posix()
        got[find(name) or name] += said.captions
    return got


def _lines(file: Path) -> Iterable[Line]:
    if file.suffix == ".jsonl":
        return read_jsonl(file)
    sheet = read_csv(file, one_line=True)
    if FILE not in sheet.columns or not {*CAPTIONS} & {*sheet.columns}:
        columns = ", ".join(sheet.columns) or "nothing"
        raise ValueError(
            f"{file}, line 1: expected the columns {FILE} and one of {', '.join(CAPTIONS)}; got "
            f"{columns}, parted by a {sheet.delimiter}. Name them so in that line; a file that "
            f"holds no captions needs another name than {file.name}."
        )
    return sheet.lines
