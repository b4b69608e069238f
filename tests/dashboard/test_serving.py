"""`make dashboard` on a results folder that was copied here, without anything that made it."""

import shutil
import urllib.request

import pytest

from tests.serving import serve


@pytest.mark.parametrize(
    ("name", "base"), [("copied results", ""), ('it\'s "quoted"; `x` #1', "/lab/peel")]
)
def test_copied_results_are_served(edited, tmp_path, name, base):
    copy = shutil.copytree(edited, tmp_path / name)
    with (
        serve(copy, tmp_path / "log", base) as address,
        urllib.request.urlopen(address, timeout=20) as page,
    ):
        assert page.status == 200
        assert b"<title>" in page.read()
