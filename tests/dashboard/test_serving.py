"""`make dashboard` on a results folder that was copied here, without anything that made it."""

import shutil
import urllib.request

from tests.serving import serve


def test_copied_results_are_served(edited, tmp_path):
    copy = shutil.copytree(edited, tmp_path / "copied results")
    with (
        serve(copy, tmp_path / "log") as address,
        urllib.request.urlopen(address, timeout=20) as page,
    ):
        assert page.status == 200
        assert b"<title>" in page.read()
