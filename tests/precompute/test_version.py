"""The version stands in `precompute`; what else names it must agree."""

import re
from pathlib import Path

from typer.testing import CliRunner

from precompute import __version__
from precompute.__main__ import app

ROOT = Path(__file__).parents[2]


def test_the_command_line_prints_it():
    printed = CliRunner().invoke(app, ["--version"])
    assert (printed.exit_code, printed.output) == (0, f"Peel {__version__}\n")


def test_citation_and_changelog_name_it():
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited and cited[1] == __version__
    releases = re.findall(r"^## (\d\S*)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert releases[0] == __version__
