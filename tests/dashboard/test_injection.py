"""Whatever a caption, a label or a link says is shown as text."""

import html
import re

import pytest

from dashboard import reader
from dashboard.widgets import text as plain_text
from store.publish.generation import publish
from tests import synthetic
from tests.dashboard.opening import app

HOSTILE = (
    "<script>document.title = 'owned'</script><img src=x onerror=alert(1)>",
    "[a link](https://example.org) **bold** $x^2$ :material/warning: :red[red] `code` # head",
    "</div></dl><style>* {display: none}</style>",
    "&lt;b&gt; \" ' \\ ]]> --> {{ }} %s",
)


def make_hostile_run(folder):
    """A run in which everything that others wrote is hostile."""
    patch = pytest.MonkeyPatch()
    patch.setattr(synthetic._Scene, "text", lambda self, layer: HOSTILE[layer % len(HOSTILE)])
    made = synthetic._Scene.__init__

    def init(self, *args):
        made(self, *args)
        self.row |= {
            "label": HOSTILE[0],
            "category": HOSTILE[1],
            "explanation": HOSTILE[2],
            "refs": list(HOSTILE),
        }

    patch.setattr(synthetic._Scene, "__init__", init)
    run = synthetic.make_run(folder, n_images=2, publish=False, conditions=True)
    patch.undo()
    publish(run)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    make_hostile_run(folder)
    return folder


@pytest.mark.parametrize(
    "page", ["images", "image", "layers", "interventions", "heads", "pruning", "figures", "runs"]
)
def test_nothing_hostile_reaches_a_page_as_markup(hostile, monkeypatch, page):
    monkeypatch.setenv("PEEL_RESULTS", str(hostile))
    at = app(
        page,
        {
            "image": HOSTILE[0],
            "run": HOSTILE[1],
            "layer": HOSTILE[2],
            "sort": HOSTILE[0],
            "find": HOSTILE[1],
            "filter": HOSTILE[0],
            "page": "-1",
            "map": HOSTILE[1],
            "measure": HOSTILE[0],
            "phrase": HOSTILE[2],
            "heads_by": HOSTILE[0],
        },
    ).run()
    assert not at.exception
    markdown = [
        element.value
        for element in (
            *at.markdown,
            *at.header,
            *at.subheader,
            *at.caption,
            *at.warning,
            *at.error,
        )
    ]
    ours = [element.proto.body for element in at.get("html")]
    for text in HOSTILE:
        assert not any(text in shown for shown in markdown)
        # In our own HTML, Markdown means nothing: what needs no escaping may stand as it is.
        assert text == html.escape(text) or not any(text in shown for shown in ours)
    strips = [shown.replace('<img src="data:image/svg+xml;base64,', "") for shown in ours]
    assert not any("<script" in shown or "<img" in shown for shown in strips)
    if page in ("image", "interventions", "heads"):
        assert any(html.escape(HOSTILE[1])[:40] in shown for shown in ours)


@pytest.mark.parametrize("page", ["images", "image", "interventions", "compare", "heads"])
def test_labels_of_widgets_and_links_hold_no_text_of_others(hostile, monkeypatch, page):
    monkeypatch.setenv("PEEL_RESULTS", str(hostile))
    at = app(page).run()
    labels = [
        widget.label
        for widget in (
            *at.button,
            *at.slider,
            *at.selectbox,
            *at.toggle,
            *at.text_input,
            *at.radio,
            *at.multiselect,
        )
    ]
    links = [
        link.proto.label
        for kind in ("page_link", "download_button", "link_button")
        for link in at.get(kind)
    ]
    assert labels and links
    for label in (*labels, *links):
        assert not any(text in label for text in HOSTILE)
        bare = re.sub(r"\\.", "", label)  # what is escaped means nothing
        for piece in ("<", "](", "**", ":red[", ":material/", "$x"):
            assert piece not in bare, label


@pytest.mark.parametrize("text", HOSTILE)
def test_escaped_text_reads_as_it_was_written(monkeypatch, text):
    shown = []
    monkeypatch.setattr(plain_text.st, "html", shown.append)
    plain_text.line(text)
    plain_text.points([text])
    plain_text.facts([(text, text)])
    for body in shown:
        assert html.escape(text) in body
        assert text in html.unescape(body)


def test_the_reader_never_makes_markup():
    script = reader.script()
    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "createContextualFragment",
        "srcdoc",
    ):
        assert way not in script
    assert "textContent" in script
