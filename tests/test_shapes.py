"""Every module of the three packages has its shapes checked."""

import importlib
import pkgutil

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


@pytest.mark.parametrize("package", ["store", "precompute", "dashboard"])
def test_the_hook_sees_all_of_a_package(package):
    """What jaxtyping's loader has loaded, it has rewritten."""
    found = importlib.import_module(package)
    loader = type(found.__loader__)
    assert loader.__module__.startswith("jaxtyping")
    assert len(list(pkgutil.walk_packages(found.__path__, f"{package}."))) > 20
