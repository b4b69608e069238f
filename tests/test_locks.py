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
        ("requirements-demo.lock", ["requirements-demo.txt", "requirements-dashboard.txt"]),
        (
            "requirements.lock",
            [
                "requirements.txt",
                "requirements-demo.txt",
                "requirements-dashboard.txt",
                "requirements-ray.txt",
            ],
        ),
    ],
)
def test_a_lock_has_every_pin(lock, requirements):
    wanted = {pin for pin in pins(*requirements) if pin[0] != "torch"}
    assert len(wanted) >= 12
    assert wanted - pins(lock) == set(), "run `make locks`"


@pytest.mark.parametrize(
    "lock", ["requirements.lock", "requirements-demo.lock", "requirements-dashboard.lock"]
)
def test_every_package_of_a_lock_has_hashes_and_no_address(lock):
    text = (ROOT / lock).read_text()
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(entries) >= 40
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert "//" not in text
    assert not re.search(r"^(torch|nvidia|triton)", text, re.MULTILINE)


def test_what_a_reader_installs_is_what_everybody_installs():
    dashboard, demo = pins("requirements-dashboard.lock"), pins("requirements-demo.lock")
    assert dashboard < demo < pins("requirements.lock")


def test_the_demo_installs_none_of_what_only_tests_judges_and_clusters_need():
    beyond = {name for name, _ in pins("requirements.txt", "requirements-ray.txt")}
    assert beyond >= {"pytest", "ray", "openai", "datasets", "mypy"}
    # A library of the demo's may want one of them all the same.
    assert beyond & {name for name, _ in pins("requirements-demo.lock")} <= {"httpx2"}
