"""The house's walls: who may import what."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OWNERS = {
    "transformers": (
        "precompute/models",
        "precompute/demo",
        "precompute/rehearse",
        "precompute/metrics/bertscore.py",
    ),
    "bert_score": ("precompute/metrics/bertscore.py",),
    "pycocoevalcap": ("precompute/metrics",),
    "torch": ("precompute",),
    "streamlit": ("dashboard",),
    "duckdb": ("store",),
    "h5py": ("store/parts/tensors.py", "store/parts/means.py", "store/parts/token_attention.py"),
    "ray": ("precompute/runner/ray_engine.py",),
    "lavis": ("precompute/models/lavis.py", "precompute/models/lavis_model.py"),
    "openai": ("precompute/judge",),
    "datasets": ("precompute/images/hub.py",),
}
MAY_NOT_IMPORT = {
    "store": ("precompute", "dashboard"),
    "precompute": ("dashboard",),
    "dashboard": ("precompute",),
}


def modules():
    for room in MAY_NOT_IMPORT:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path.relative_to(ROOT)


def imported(path):
    """Top-level packages that a file imports, wherever in it."""
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide which room is meant"
            yield node.module.split(".")[0]


def test_there_is_something_to_hold():
    rooms = {path.parts[0] for path in modules()}
    assert rooms == set(MAY_NOT_IMPORT)


@pytest.mark.parametrize("path", list(modules()), ids=str)
def test_imports_go_one_way_and_libraries_have_one_owner(path):
    for package in imported(path):
        assert package not in MAY_NOT_IMPORT[path.parts[0]], f"{path} imports {package}"
        for library, owners in OWNERS.items():
            if package == library:
                assert path.as_posix().startswith(owners), f"{path} imports {package}"
