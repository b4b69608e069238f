"""What a row of metadata may say, whatever kind of file it came from; checked here alone."""

import json
import reprlib
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from precompute.images.names import spelt_out

FILE, CAPTIONS = "file_name", ("caption", "captions", "text")
"""Columns of a file of captions; several rows of one picture add up, and so do lists."""


def _spelt_out(value: Any) -> Any:
    return spelt_out(value) if isinstance(value, str) else value


def _file(value: Any) -> str:
    # No text of pydantic's: a name may hold bytes that are none.
    if not isinstance(value, str) or not value.strip():
        raise ValueError("no name")
    return value.strip()


def _texts(value: Any) -> Any:
    """One text, a list of them, or such a list in JSON, which a text that begins alike is not."""
    if value is None:
        return ()
    if isinstance(value, str):
        listed = _from_json(value)
        return listed if isinstance(listed, list) else (value,)
    return value


def _listed(value: Any) -> Any:
    """A list, or one in JSON, or nothing."""
    if value is None or value == "":
        return ()
    return _from_json(value) if isinstance(value, str) else value


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _without_empty(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(text for text in texts if text)


def _or_none(text: str | None) -> str | None:
    return text if text and text.strip() else None


_Text = Annotated[str, BeforeValidator(_spelt_out), StringConstraints(strict=True)]
_Trimmed = Annotated[_Text, StringConstraints(strip_whitespace=True)]
_Said = Annotated[_Text, StringConstraints(pattern=r"\S")]
_Trimmeds = Annotated[tuple[_Trimmed, ...], AfterValidator(_without_empty)]
_Short = Annotated[_Trimmed | None, AfterValidator(_or_none)]
_Long = Annotated[_Text | None, AfterValidator(_or_none)]


class Row(BaseModel):
    """A row; columns that nobody reads may hold anything."""

    model_config = ConfigDict(frozen=True)


class CaptionRow(Row):
    """A row of a file of captions beside a folder of pictures."""

    file_name: Annotated[str, BeforeValidator(_file)] = Field(description="a picture's file name")
    captions: Annotated[_Trimmeds, BeforeValidator(_texts)] = Field(
        description="a text, or a list of texts", validation_alias=AliasChoices(*CAPTIONS)
    )


class WhoopsRow(Row):
    """A row of WHOOPS."""

    image_id: _Short = Field(None, description="a text")
    crowd_captions: Annotated[_Trimmeds, BeforeValidator(_listed)] = Field(
        description='a list of texts, or one in JSON such as ["a", "b"]'
    )
    selected_caption: _Short = Field(None, description="a text")
    commonsense_category: _Long = Field(None, description="a text")
    designer_explanation: _Long = Field(None, description="a text")
    question_answering_pairs: Annotated[
        tuple[tuple[_Said, _Said], ...], BeforeValidator(_listed)
    ] = Field((), description='a list of questions and answers, such as [["what?", "snow"]]')


AnyRow = TypeVar("AnyRow", bound=Row)


def checked(model: type[AnyRow], row: Mapping[str, Any], where: str) -> AnyRow:
    """A row as what it should be.

    Args:
        model: which row it should be.
        row: column -> value.
        where: where it stands, for the message.

    Raises:
        ValueError: a value is not what its column holds.
    """
    try:
        return model.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        column = str(first["loc"][0])
        name = "captions" if column in CAPTIONS else column
        got = "nothing" if column not in row else reprlib.repr(first["input"])
        raise ValueError(
            f"{where}, {column}: expected {model.model_fields[name].description}; got {got}. "
            "Correct that row, or take it out."
        ) from error
