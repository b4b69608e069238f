"""What the hub answers to who may not have a data set, from a server on loopback."""

import builtins
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import huggingface_hub.constants
import pytest

from precompute.images import hub

ANSWERS = {
    "open/set": (200, {}),
    "gated/set": (403, {"X-Error-Code": "GatedRepo"}),
    "absent/set": (404, {"X-Error-Code": "RepoNotFound"}),
    "wrong/token": (401, {"X-Error-Message": "Invalid credentials in Authorization header"}),
    "narrow/token": (403, {"X-Error-Message": "not allowed"}),
    "broken/hub": (500, {}),
}


class _Hub(BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.removeprefix("/api/datasets/").removesuffix("/auth-check")
        if name != self.path:
            self.server.asked.append(self.path)
        status, headers = ANSWERS.get(name, (404, {}))  # the library asks other things as well
        body = json.dumps({}).encode()
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    served = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    served.asked = []
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{served.server_port}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", url)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "_cached", lambda name: False)
    yield served
    served.shutdown()
    served.server_close()
    thread.join()


def test_an_open_door_bars_nothing(server):
    assert hub.what_bars("open/set") is None
    assert server.asked == ["/api/datasets/open/set/auth-check"], "one question, no download"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gated/set", ("gated", "https://huggingface.co/datasets/gated/set", "hf auth login")),
        ("absent/set", ("shows no data set absent/set", "token is not valid")),
        ("wrong/token", ("refuses wrong/token (401)", "hf auth whoami")),
        ("narrow/token", ("refuses narrow/token (403)", "hf auth login")),
        ("broken/hub", ("cannot be asked for broken/hub (500)", "name the folder")),
    ],
)
def test_what_bars_says_why_and_what_to_do(name, words, server):
    output = hub.what_bars(name)
    for word in words:
        assert word in output


def test_offline_the_cache_will_do(monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "_cached", lambda name: True)
    assert hub.what_bars("some/set") is None
    monkeypatch.setattr(hub, "_cached", lambda name: False)
    assert "cannot be asked for some/set (ConnectError)" in hub.what_bars("some/set")


def test_what_the_library_has_prepared_is_in_the_cache(tmp_path, hub_cache):
    assert not hub._cached("ILSVRC/imagenet-1k")
    (tmp_path / "hub-cache" / "ILSVRC___imagenet-1k").mkdir(parents=True)
    assert hub._cached("ILSVRC/imagenet-1k")


def test_an_environment_without_the_package_says_so(monkeypatch):
    original = builtins.__import__

    def without(name, *rest):
        if name == "datasets":
            raise ModuleNotFoundError(name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    assert "needs the package datasets" in hub.what_bars("some/set")
    with pytest.raises(hub.HubRefused, match="name a folder instead"):
        list(hub.rows(hub.Split("some/set", "test"), ()))


def test_a_set_without_pictures_is_refused(tmp_path, hub_cache):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "test.csv").write_text("text\nhello\n")
    with pytest.raises(hub.HubRefused, match=r"expected pictures in a column 'image'.*has text"):
        list(hub.rows(hub.Split(str(tmp_path / "set"), "test"), ()))


def test_no_such_set_is_refused(tmp_path, hub_cache):
    with pytest.raises(hub.HubRefused, match="none"):
        list(hub.rows(hub.Split(str(tmp_path / "none"), "test"), ()))
