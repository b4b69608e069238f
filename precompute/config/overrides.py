"""The keys of a configuration: `--set key=value` replaces values, a misspelt one is refused."""

import copy
import difflib
import reprlib
import tomllib
import types
from collections.abc import Iterator, Sequence
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

Key = tuple[str, ...]

_AT = "#"
"""In a known key: the number of an entry of a list."""


def override(
    settings: dict[str, Any], model: type[BaseModel], texts: Sequence[str]
) -> dict[str, Any]:
    """Settings with some replaced; what is given stays as it is.

    Args:
        settings: as read from TOML.
        model: what they will be validated as; its fields are the keys that there are.
        texts: `key=value`, the key with dots (`datasets.0.path`), the value as in TOML; a word
            needs no quotes. Sections between may be left out where only one setting can be
            meant: `decode.num_beams` is `decode.generation.num_beams`.

    Raises:
        ValueError: a text without `=`, a key that there is not or that could be several, an entry
            of a list that there is not, or a value that is no TOML.
    """
    changed = copy.deepcopy(settings)
    known = list(dict.fromkeys(_keys(model)))
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise ValueError(
                f"--set must be KEY=VALUE, such as decode.batch_size=64; got {text!r}."
            )
        _put(changed, _resolve(tuple(name.strip().split(".")), known), _value(text, value.strip()))
    return changed


def _value(text: str, value: str) -> Any:
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError) as error:
        if value and value[0] not in "[{\"'":
            return value  # a word: cuda, a path, a name
        raise ValueError(f"--set {text}: the value must be as in TOML; {error}.") from error


def _keys(model: type[BaseModel]) -> Iterator[Key]:
    """Every key of a model and of the models in it, sections included."""
    for name, field in model.model_fields.items():
        inner, listed = _inner(field.annotation)
        above: Key = (name, _AT) if listed else (name,)
        yield (name,)
        if inner is not None:
            yield above
            yield from ((*above, *key) for key in _keys(inner))


def _inner(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The model in an annotation, None if there is none, and whether it is an entry of a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    origin = get_origin(annotation)
    if origin is tuple:
        return _inner(get_args(annotation)[0])[0], True
    if origin in (Union, types.UnionType):
        inner = [_inner(part) for part in get_args(annotation)]
        return next((one for one in inner if one[0] is not None), (None, False))
    return None, False


def _resolve(key: Key, known: Sequence[Key]) -> Key:
    pattern = tuple(_AT if part.isdigit() else part for part in key)
    if pattern in known:
        return key
    longer = [
        k
        for k in known
        if k[0] == pattern[0] and k[-1] == pattern[-1] and _AT not in k and _within(pattern, k)
    ]
    if len(longer) == 1:
        return longer[0]
    raise ValueError(f"--set: there is no setting {'.'.join(key)}. {_meant(key, longer, known)}")


def _meant(key: Key, longer: Sequence[Key], known: Sequence[Key]) -> str:
    """What may be meant by a key that there is not; if none is longer, one spelt alike."""
    names = [".".join(k).replace(_AT, "0") for k in known]
    close = [".".join(k) for k in longer] or difflib.get_close_matches(".".join(key), names, 3, 0.5)
    return f"Did you mean {' or '.join(close)}?" if close else f"There are: {', '.join(names)}."


def misfits(error: ValidationError, model: type[BaseModel]) -> str:
    """Every setting of a file that does not fit, a line each.

    Args:
        error: what validation found.
        model: what the file was validated as.
    """
    known, lines = list(dict.fromkeys(_keys(model))), []
    for one in error.errors():
        key = tuple(map(str, one["loc"]))
        problem = f"{one['msg']}; got {reprlib.repr(one['input'])}"
        if one["type"] == "extra_forbidden":
            problem = f"there is no such setting. {_meant(key, [], known)}"
        lines.append(f"  {'.'.join(key)}: {problem}")
    return "\n".join(lines)


def _within(short: Key, long: Key) -> bool:
    rest = iter(long)
    return all(part in rest for part in short)


def _put(settings: dict[str, Any], key: Key, value: Any) -> None:
    at: Any = settings
    for k, part in enumerate(key):
        place: Any = part
        if isinstance(at, list):
            place = int(part)
            if place >= len(at):
                raise ValueError(
                    f"--set {'.'.join(key)}: {'.'.join(key[:k])} has {len(at)} entries, the first "
                    "is 0. Add an entry to the file."
                )
        elif part.isdigit():
            raise ValueError(
                f"--set {'.'.join(key)}: the file has no [[{'.'.join(key[:k])}]]. Add it there."
            )
        if k == len(key) - 1:
            at[place] = value
        else:
            at = at[place] if isinstance(at, list) else at.setdefault(part, {})
