"""Text files beside pictures, read strictly: what does not fit names the file, line and remedy."""

import csv
import io
import json
import reprlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Line = tuple[str, Mapping[str, Any]]
"""Where a row stands, `captions.csv, line 3`, and what it says."""

_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
"""Excel writes a semicolon where the comma parts a number's decimals."""

_AS_UTF8 = 'Save it as UTF-8 (in Excel: "CSV UTF-8").'


@dataclass(frozen=True)
class Sheet:
    """A CSV file.

    Attributes:
        columns: their names.
        delimiter: what parts them, in words.
        lines: its rows, where each stands, and column -> cell.
    """

    columns: tuple[str, ...]
    delimiter: str
    lines: tuple[Line, ...]


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, with a byte order mark or without.

    Raises:
        ValueError: it is in another encoding; the message says which, as far as that shows.
    """
    content = path.read_bytes()
    try:
        if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content:
            raise ValueError(
                f"{path}: expected a text in UTF-8; this looks like UTF-16. {_AS_UTF8}"
            )
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path}, line {line}: expected a text in UTF-8; the byte {content[error.start]:#x} "
            f"is none. It looks like Windows-1252, or another encoding of old. {_AS_UTF8}"
        ) from error


def read_csv(path: Path, one_line: bool = False) -> Sheet:
    """Read a CSV file with a header; rows without any text are left out.

    Args:
        path: the file. A comma, a semicolon or a tab parts its columns.
        one_line: whether every row is one line: a quote that is not closed would swallow those
            below it.

    Raises:
        ValueError: a row has more or fewer cells than the header, a quote is not closed, or two
            columns have one name.
    """
    text = read_text(path)
    # Of the header, since a caption may well hold more commas than there are columns.
    header = "".join(text.lstrip("\r\n").splitlines()[:1])
    delimiter = max(_DELIMITERS, key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns, lines, number = list[str](), list[Line](), 1
    try:
        for cells in reader:
            where = f"{path}, line {number}"
            if one_line and reader.line_num > number:
                raise _misshapen(where, f"a quote that ends {reader.line_num - number} lines below")
            number = reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if not columns:
                columns = _header(cells, where)
            else:
                lines.append((where, _row(columns, cells, delimiter, where)))
    except csv.Error as error:
        raise _misshapen(f"{path}, line {number}", str(error)) from error
    return Sheet(tuple(columns), _DELIMITERS[delimiter], tuple(lines))


def _header(cells: list[str], where: str) -> list[str]:
    columns = _trimmed([cell.strip() for cell in cells], 0)
    if twice := sorted({name for name in columns if columns.count(name) > 1}):
        raise ValueError(
            f"{where}: expected different names of columns; {', '.join(map(repr, twice))} stands "
            "there more than once. Rename one; a picture of several captions has several rows."
        )
    return columns


def _row(columns: list[str], cells: list[str], delimiter: str, where: str) -> Mapping[str, str]:
    cells = _trimmed(cells, len(columns))  # Excel's: `a.jpg,a man,,`
    if len(cells) != len(columns):
        raise _misshapen(
            where,
            f"{len(cells)} cells, parted by a {_DELIMITERS[delimiter]}, where the first line has "
            f"{len(columns)} columns: {', '.join(columns)}",
        )
    return dict(zip(columns, cells, strict=True))


def _trimmed(cells: list[str], count: int) -> list[str]:
    """Cells without the empty ones at the end, as far as there are more than `count`."""
    while len(cells) > count and not cells[-1].strip():
        cells = cells[:-1]
    return cells


def _misshapen(where: str, got: str) -> ValueError:
    return ValueError(
        f"{where}: expected a row of CSV; got {got}. A text with commas or quotes stands in quotes "
        'on one line, its own quotes doubled: a.jpg,"a ""good"" dog, asleep".'
    )


def read_jsonl(path: Path) -> Iterator[Line]:
    """The objects of a JSONL file, one a line; empty lines are left out.

    Raises:
        ValueError: a line is no JSON object.
    """
    # Not splitlines: a text in JSON may hold other ends of lines than this one.
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{where}: expected a JSON object; {error}.") from error
        if not isinstance(row, dict):
            raise ValueError(f"{where}: expected a JSON object; got {reprlib.repr(line.strip())}.")
        yield where, row
