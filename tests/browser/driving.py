"""What tests of a browser do with the pages of the real server."""

import os
import time
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakKeyDictionary

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import TimeoutError as TookTooLong
from playwright.sync_api import expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "screenshots"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# What the reader will yet tell the server: it does so after 400 ms of rest.
_RESTING = """{
    const [start, end] = [window.setTimeout, window.clearTimeout]
    const resting = window.resting = new Set()
    window.setTimeout = (call, wait, ...rest) => {
        if (wait !== 400) return start(call, wait, ...rest)
        const timer = start(() => { resting.delete(timer); call(...rest) }, wait)
        resting.add(timer)
        return timer
    }
    window.clearTimeout = (timer) => { resting.delete(timer); end(timer) }
}"""


@contextmanager
def window(browser, width=1280):
    """A browser's window that remembers nothing, with room for 30 seconds on a busy machine.

    Its reader wants little motion: to draw what moves while a page loads, 60 times a second and
    without a graphics card, takes as long as all the rest.
    """
    expect.set_options(timeout=30_000)
    screen = {"width": width, "height": 800}
    with browser.new_context(viewport=screen, reduced_motion="reduce") as context:
        context.set_default_timeout(30_000)
        context.add_init_script(_RESTING)
        context.on("page", _listen)
        yield context


# Of each tab, whether the server owes it an answer.
_owed = WeakKeyDictionary()


def _listen(tab):
    """Hear what a tab and its server say to each other.

    The page itself shows that it runs only when the server has said so: until then, what is seen
    is the answer to the question before.
    """

    def asked(request):
        if request.is_navigation_request() and request.frame == tab.main_frame:
            _owed[tab] = True

    def sent(frame):
        if BackMsg.FromString(frame).WhichOneof("type") == "rerun_script":
            _owed[tab] = True

    def received(frame):
        message = ForwardMsg.FromString(frame)
        if message.WhichOneof("type") == "script_finished":
            _owed[tab] = message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN

    def opened(socket):
        socket.on("framesent", sent)
        socket.on("framereceived", received)

    tab.on("request", asked)
    tab.on("websocket", opened)


# Whether nothing changes for a while, within 5 seconds. What has a shadow tree may come late. A
# picture far below is not loaded before it is near.
_STILL = """(pause) => new Promise((done) => {
    const [seen, begun] = [new Set(), performance.now()]
    let timer
    const changes = new MutationObserver(() => wait())
    const watch = () => {
        const hosts = [...document.querySelectorAll("*")].filter((one) => one.shadowRoot)
        const roots = [document, ...hosts.map((one) => one.shadowRoot)]
        const found = roots.filter((root) => !seen.has(root))
        for (const root of found) {
            seen.add(root)
            changes.observe(root, { attributes: true, characterData: true, childList: true,
                                    subtree: true })
        }
        return found.length
    }
    const wait = () => {
        clearTimeout(timer)
        timer = setTimeout(look, pause)
    }
    const look = () => {
        const images = [...document.images].filter((image) => image.loading !== "lazy")
        const late = performance.now() - begun > 5000
        if (!late && watch()) return wait()
        changes.disconnect()
        done(!late && !window.resting?.size && images.every((image) => image.complete))
    }
    watch()
    wait()
    setTimeout(() => { clearTimeout(timer); look() }, 5100)
})"""


def settled(tab):
    """Wait until every question has its answer and all of it is drawn."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if (
            not _owed[tab]
            and tab.locator("[data-test-script-state=notRunning]").count()
            and not tab.locator("[data-testid=stSkeleton]").count()
            and tab.evaluate(_STILL, 150)
            and not _owed[tab]
        ):
            return
        tab.wait_for_timeout(50)
    raise AssertionError(f"{tab.url} did not come to rest in a minute")


def day_and_night(tab):
    """Show a page in the light scheme, then in the dark one."""
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        settled(tab)
        yield scheme


def violations(tab, exclude=()):
    """What axe-core finds wrong with a page: rule, element and how to mend it."""
    result = Axe().run(tab, {"exclude": [[selector] for selector in exclude]}).response
    return [
        (rule["id"], node["html"][:150], node["failureSummary"])
        for rule in result["violations"]
        for node in rule["nodes"]
    ]


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
    raise AssertionError(
        f"no option {option}; the list has {tab.get_by_role('option').all_inner_texts()}"
    )


def picture(tab, name):
    SCREENSHOTS.mkdir(exist_ok=True)
    tab.screenshot(path=SCREENSHOTS / f"{name}.png")


def cards(tab):
    """The pictures of a page: under the slider, or each with a link of its own."""
    links = tab.locator("[data-testid=stPageLink-NavLink]:visible", has_text="Open")
    return links.or_(tab.locator(".peel-gallery .tile"))
