"""The locks hold what the requirements name, with a hash for every package."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PIN = re.compile(r"^([\w.-]+)==([\w.+-]+)", re.MULTILINE)


def pins(*names):
    return {
        (re.sub(r"[-_.]+", "-", name).lower(), version)
        for file in names
        for name, version in PIN.findall((ROOT / file).read_text())
    }


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        ("requirements-dashboard.lock", ["requirements-dashboard.txt"]),
        (
            "requirements.lock",
            ["requirements.txt", "requirements-dashboard.txt", "requirements-ray.txt"],
        ),
    ],
)
def test_a_lock_has_every_pin(lock, requirements):
    wanted = {pin for pin in pins(*requirements) if pin[0] != "torch"}
    assert len(wanted) >= 12
    assert wanted - pins(lock) == set(), "run `make locks`"


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dashboard.lock"])
def test_every_package_of_a_lock_has_hashes_and_no_address(lock):
    text = (ROOT / lock).read_text()
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(entries) >= 40
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert "//" not in text
    assert not re.search(r"^(torch|nvidia|triton)", text, re.MULTILINE)


def test_what_a_reader_installs_is_what_everybody_installs():
    assert pins("requirements-dashboard.lock") <= pins("requirements.lock")
