"""The real server, and what tests do with its pages."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import TimeoutError as TookTooLong
from playwright.sync_api import expect

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "screenshots"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync"]


@contextmanager
def serve(results, log):
    """The address of the dashboard, served as `make dashboard` does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", "--server.address",
             "127.0.0.1", "--server.port", str(port), "--server.headless", "true"],
            cwd=ROOT, env={**os.environ, "PEEL_RESULTS": str(results), "PYTHONPATH": "."},
            stdout=out, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_healthy(f"{address}/_stcore/health", process, log)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    assert "Traceback" not in log.read_text(), log.read_text()


def _wait_until_healthy(url, process, log):
    for _ in range(240):
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.25)
    raise AssertionError(f"no answer from {url}: {log.read_text()}")


_STILL = """(pause) => new Promise((done) => {
    const roots = [document, ...[...document.querySelectorAll('*')].map((one) => one.shadowRoot)]
    let waiting
    const again = () => {
        clearTimeout(waiting)
        waiting = setTimeout(() => { changes.disconnect(); done() }, pause)
    }
    const changes = new MutationObserver(again)
    for (const root of roots.filter(Boolean)) {
        changes.observe(root, { attributes: true, characterData: true, childList: true,
                                subtree: true })
    }
    again()
})"""


def settled(tab):
    """Wait until no script runs and nothing has changed for a while: what is seen is the answer."""
    for pause in (500, 0):  # a script may have begun during the pause
        expect(tab.locator("[data-testid=stApp]")).to_have_attribute("data-test-script-state",
                                                                     "notRunning")
        expect(tab.locator("[data-testid=stSkeleton]")).to_have_count(0)
        tab.evaluate(_STILL, pause)


def choose(menu, option):
    """Choose a line from the list of a menu.

    A long list draws only what fits: typing brings the line into it. A page that is drawn anew or
    scrolled closes the list: it is opened again.
    """
    tab = menu.page
    line = tab.get_by_role("option", name=option, exact=True)
    settled(tab)
    for _ in range(8):
        menu.click()
        if menu.is_editable():
            menu.fill(option)
        try:
            line.click(timeout=4000)
        except TookTooLong:
            tab.keyboard.press("Escape")
        else:
            return
    raise AssertionError(f"no option {option}; the list has "
                         f"{tab.get_by_role('option').all_inner_texts()}")


def picture(tab, name):
    SCREENSHOTS.mkdir(exist_ok=True)
    tab.screenshot(path=SCREENSHOTS / f"{name}.png")


def cards(tab):
    return tab.locator("[data-testid=stPageLink-NavLink]:visible", has_text="Open")
