"""Every parameter that the pages read or write is in one table."""

import ast
from pathlib import Path

import pytest

import dashboard
from dashboard.widgets import link
from dashboard.widgets.parameters import PARAMETERS

FOLDER = Path(dashboard.__file__).parent
WIDGETS = {"menu", "measure", "text"}


def test_what_a_change_resets_is_a_parameter():
    assert {name for one in PARAMETERS.values() for name in one.resets} <= PARAMETERS.keys()
    assert not [name for name, one in PARAMETERS.items() if name in one.resets or not one.what]


def test_an_old_name_is_no_parameter_of_today():
    assert not {one.formerly for one in PARAMETERS.values()} & PARAMETERS.keys()
    assert not [
        one for one in PARAMETERS.values() if one.old_values.keys() & set(one.old_values.values())
    ]


def test_an_undeclared_name_is_no_parameter():
    with pytest.raises(AssertionError, match="nonsense must be one of the parameters"):
        link.asked("nonsense")
    with pytest.raises(AssertionError, match="nonsense must be parameters"):
        link.write(nonsense="1")


def test_pages_read_the_link_through_one_function():
    """`st.query_params.get` knows no table; only `link.asked` calls it."""
    files = [
        file.relative_to(FOLDER).as_posix()
        for file in FOLDER.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr == "get"
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "query_params"
    ]
    assert files == ["widgets/link.py"]


def test_no_parameter_is_left_over():
    """Each is named somewhere besides the table."""
    texts = "".join(
        file.read_text(encoding="utf-8")
        for file in FOLDER.rglob("*.py")
        if file.name != "parameters.py"
    )
    assert not [name for name in PARAMETERS if f'"{name}"' not in texts and f"{name}=" not in texts]
