"""Every module of the three packages has its shapes checked."""

import ast
import importlib

import jaxtyping
import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from precompute.forward import attention
from tests import shapes


def add(a: Float[Tensor, " n"], b: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    return a + b


def name(a: int) -> str:
    return str(a)


def test_what_names_a_shape_is_checked_and_nothing_else():
    both = jaxtyping.jaxtyped(add, typechecker=shapes.checked)
    with pytest.raises(jaxtyping.TypeCheckError):
        both(torch.zeros(2), torch.zeros(3))
    assert shapes.checked(name) is name
    assert shapes.checked(name)("no int") == "no int"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: attention.entropy(torch.zeros(2, 3, dtype=torch.int64)),
        lambda: attention.map_shift(torch.zeros(2, 3, 5), torch.zeros(2, 4, 5)),
    ],
)
def test_a_wrong_shape_is_refused_in_the_projects_own_functions(wrong):
    with pytest.raises(jaxtyping.TypeCheckError):
        wrong()


BACK_ENDS = ("precompute.models.lavis",)  # `make test-lavis`, in LAVIS's environment


@pytest.mark.parametrize("name", sorted(set(shapes.modules()) - {*BACK_ENDS}))
def test_every_module_that_names_a_shape_is_checked(name):
    """What jaxtyping's loader has loaded, it has rewritten."""
    module = importlib.import_module(name)
    assert type(module.__loader__).__module__.startswith("jaxtyping")


def test_modules_with_shapes_are_found():
    imported = [
        path
        for package in ("store", "precompute", "dashboard")
        for path in (shapes.ROOT / package).rglob("*.py")
        if any(
            isinstance(node, ast.ImportFrom) and node.module == "jaxtyping"
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        )
    ]
    names = {".".join(path.relative_to(shapes.ROOT).with_suffix("").parts) for path in imported}
    assert names <= set(shapes.modules())
    assert "precompute.forward.attention" in names
