"""The check of shapes while tests run: all functions and records whose annotations name a shape."""

from pathlib import Path
from typing import Any, get_args

from beartype import beartype
from jaxtyping import AbstractArray

ROOT = Path(__file__).parents[1]


def modules() -> list[str]:
    """Every module of the three packages that can name a shape: those that mention jaxtyping.

    Others are left alone: around every call of theirs the check would cost a fifth of the time.
    """
    files = (
        file
        for name in ("store", "precompute", "dashboard")
        for file in (ROOT / name).rglob("*.py")
    )
    return [
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for file in files
        if "jaxtyping" in file.read_text(encoding="utf-8")
    ]


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
