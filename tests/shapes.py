"""The check of shapes while tests run: all functions and records whose annotations name a shape."""

from typing import Any, get_args

from beartype import beartype
from jaxtyping import AbstractArray


def checked(function: Any) -> Any:
    """The function with its arguments and result checked, if one of them has a shape.

    Others are left alone: what their annotations say is mypy's to check, and without running.
    """
    hints = getattr(function, "__annotations__", {}).values()
    return beartype(function) if any(map(_has_shape, hints)) else function


def _has_shape(hint: Any) -> bool:
    if isinstance(hint, type) and issubclass(hint, AbstractArray):
        return True
    return any(map(_has_shape, get_args(hint)))
