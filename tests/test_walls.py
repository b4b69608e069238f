"""The architecture's walls: who may import what."""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "store": {
        "errors": set(),
        "text": set(),
        "metrics": set(),
        "interventions": set(),
        "schema": {"metrics"},
        "disk": {"errors", "schema"},
        "notes": {"errors"},
        "parts": {"disk", "errors", "schema"},
        "statistics": {"interventions", "metrics", "schema", "text"},
        "publish": {"disk", "errors", "parts", "schema", "statistics"},
        "query": {"disk", "errors", "interventions", "metrics", "parts", "schema", "statistics"},
        "upkeep": {"disk", "errors", "parts", "publish", "query", "schema"},
    },
    "dashboard": {
        "captions": set(),
        "names": set(),
        "charts": {"names"},
        "data": set(),
        "widgets": {"captions", "charts", "data", "names"},
        "figures": {"captions", "charts", "data", "names", "widgets"},
        "reader": {"charts", "names", "widgets"},
        "gallery": {"reader"},
        "views": {
            "captions",
            "charts",
            "data",
            "figures",
            "gallery",
            "names",
            "reader",
            "widgets",
        },
        "app": {"views", "widgets"},
        "serve": {"names"},
        "warm": set(),
        "report": {"captions", "charts", "figures", "names"},
    },
    "precompute": {
        "terminal": set(),
        "config": set(),
        "metrics": {"config"},
        "images": {"config", "metrics"},
        "texts": {"config", "images", "metrics"},
        "models": {"config", "texts"},
        "forward": {"config", "models"},
        "inputs": {"forward", "models"},
        "runner": {"config", "images", "models", "forward", "terminal", "texts"},
        "readouts": {"config", "images", "models", "forward", "runner"},
        "maps": {"config", "images", "metrics", "models", "forward", "runner"},
        "interventions": {
            "config",
            "forward",
            "images",
            "inputs",
            "models",
            "patching",
            "runner",
        },
        "patching": {"config", "forward", "images", "models", "runner"},
        "translators": {"config", "images", "models", "forward", "runner", "interventions"},
        "scoring": {"config", "images", "metrics", "runner"},
        "heads": {
            "config",
            "images",
            "metrics",
            "models",
            "forward",
            "runner",
            "interventions",
            "scoring",
        },
        "judge": {"config", "runner", "interventions"},
        "estimate": {
            "config",
            "images",
            "metrics",
            "models",
            "runner",
            "interventions",
            "translators",
            "patching",
            "terminal",
            "texts",
        },
        "pipeline": {
            "config",
            "images",
            "models",
            "forward",
            "runner",
            "readouts",
            "maps",
            "interventions",
            "heads",
            "metrics",
            "patching",
            "scoring",
            "texts",
            "translators",
        },
        "commands": {
            "config",
            "images",
            "metrics",
            "models",
            "forward",
            "runner",
            "judge",
            "estimate",
            "pipeline",
            "terminal",
        },
        "__main__": {
            "config",
            "metrics",
            "models",
            "runner",
            "readouts",
            "scoring",
            "judge",
            "estimate",
            "pipeline",
            "commands",
            "terminal",
        },
        "demo": {"images", "metrics"},
        "rehearse": {"config", "models", "forward", "demo"},
    },
}
"""Package -> folder -> those of its folders that it may import. A file beside them is one."""

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
    "safetensors": ("precompute/models/lavis_files.py", "precompute/translators/storage.py"),
    "h5py": tuple(
        f"store/parts/{name}.py"
        for name in ("hdf5", "new_file", "tensors", "means", "token_attention", "word_maps")
    ),
    "ray": ("precompute/runner/ray_engine.py",),
    "lavis": ("precompute/models/lavis.py", "precompute/models/lavis_model.py"),
    "openai": ("precompute/judge",),
    "datasets": ("precompute/images/hub.py",),
    "pillow_heif": ("precompute/images/decode.py",),
}
MAY_NOT_IMPORT = {
    "store": ("precompute", "dashboard"),
    "precompute": ("dashboard",),
    "dashboard": ("precompute",),
}


class Import(NamedTuple):
    """A name of our own packages that a file imports: from which module, and as what."""

    module: str
    name: str
    alias: str

    @property
    def folder(self):
        """Package and folder that the name comes from."""
        parts = [*self.module.split("."), self.name]
        return parts[0], parts[1]


def modules():
    for package in MAY_NOT_IMPORT:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT)


def folder_of(path):
    return path.parts[0], path.parts[1].removesuffix(".py")


@cache
def nodes(path):
    return list(ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))))


def imported(path):
    """Top-level packages that a file imports, wherever in it."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide which folder is meant"
            yield node.module.split(".")[0]


def from_other_folders(path) -> Iterator[Import]:
    """What a file imports from folders of our packages that it is not in, wherever in it."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            for alias in node.names:
                package, _, rest = alias.name.partition(".")
                assert package not in MAY_NOT_IMPORT or not rest, (
                    f"{path}: `import {alias.name}` hides what is used; import the names"
                )
        elif isinstance(node, ast.ImportFrom) and node.module.split(".")[0] in MAY_NOT_IMPORT:
            for alias in node.names:
                got = Import(node.module, alias.name, alias.asname or alias.name)
                # `from precompute import __version__` is the package's own.
                if got.folder != folder_of(path) and not got.name.startswith("__"):
                    yield got


@cache
def door(package, folder):
    """The names that a folder lets others use: its `__all__`, or what a file that is one has."""
    place = ROOT / package / folder
    if not place.is_dir():
        return None
    for node in ast.parse((place / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return ast.literal_eval(node.value)
    return []


def test_there_is_something_to_hold():
    folders = {path.parts[0] for path in modules()}
    assert folders == set(MAY_NOT_IMPORT)


@pytest.mark.parametrize("path", list(modules()), ids=str)
def test_imports_go_one_way_and_libraries_have_one_owner(path):
    for package in imported(path):
        assert package not in MAY_NOT_IMPORT[path.parts[0]], f"{path} imports {package}"
        for library, owners in OWNERS.items():
            if package == library:
                assert path.as_posix().startswith(owners), f"{path} imports {package}"


def is_private(name):
    return name.startswith("_") and not name.endswith("__")


@pytest.mark.parametrize("path", list(modules()), ids=str)
def test_no_folder_uses_anothers_private_names(path):
    aliases = set()
    for got in from_other_folders(path):
        assert not any(map(is_private, [*got.module.split("."), got.name])), (path, got)
        aliases.add(got.alias)
    for node in nodes(path):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert node.value.id not in aliases or not is_private(node.attr), (
                f"{path}, line {node.lineno}: {ast.unparse(node)}"
            )


@pytest.mark.parametrize("package", ALLOWED)
def test_folders_import_those_that_the_table_allows_and_all_of_them(package):
    used = {folder: set() for folder in ALLOWED[package]}
    for path in modules():
        if path.parts[0] == package and path != Path(package, "__init__.py"):
            others = {got.folder for got in from_other_folders(path)}
            folders = {folder for other, folder in others if other == package}
            used[folder_of(path)[1]] |= folders
            allowed = ALLOWED[package][folder_of(path)[1]]
            assert folders <= allowed, f"{path} imports {', '.join(sorted(folders - allowed))}"
    assert used == ALLOWED[package], "an entry of the table that nobody uses has to go"


@pytest.mark.parametrize("package", ALLOWED)
def test_the_table_has_no_cycle(package):
    TopologicalSorter(ALLOWED[package]).prepare()  # raises CycleError, which names it


@pytest.mark.parametrize("path", [path for path in modules() if path.parts[0] in ALLOWED], ids=str)
def test_others_come_in_by_the_door(path):
    """By a name in the folder's `__all__`, or a name of a module that is in it."""
    for got in from_other_folders(path):
        package, folder = got.folder
        names = door(package, folder)
        if names is not None and got.module != package:  # `from dashboard import reader`
            inside = got.module.split(".")[2:]
            assert (inside[0] if inside else got.name) in names, (
                f"{path} imports {got.name} from {got.module}; the door of "
                f"{package}.{folder} has: {', '.join(names) or 'nothing'}"
            )


@pytest.mark.parametrize("package", ALLOWED)
def test_every_folder_has_a_door_that_says_what_it_is(package):
    for place in sorted((ROOT / package).iterdir()):
        if any(place.glob("*.py")):
            text = ast.get_docstring(ast.parse((place / "__init__.py").read_text("utf-8")))
            assert text and len(text.split()) >= 20, f"{place} must say what it is for"
