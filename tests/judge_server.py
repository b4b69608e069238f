"""A judge on loopback: a real HTTP server that speaks the protocol, and misbehaves on demand."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CRITERIA = ("entities", "specificity", "information", "correspondence")


def asked_layers(body):
    text = body["messages"][0]["content"][0]["text"]
    listed = text.split("<descriptions>\n")[1].split("\n</descriptions>")[0]
    return [json.loads(line)["layer"] for line in listed.splitlines()]


def described(body):
    """What descriptions are called -> their words, in the order in which they stand."""
    text = body["messages"][0]["content"][0]["text"]
    listed = text.split("<descriptions>\n")[1].split("\n</descriptions>")[0]
    lines = [json.loads(line) for line in listed.splitlines()]
    return {str(line.get("layer", line.get("number"))): line["description"] for line in lines}


def scores(body, **changes):
    """A sound answer: low layers 1, high layers 5."""
    layers = asked_layers(body)
    middle = layers[len(layers) // 2]
    answer = {
        str(layer): dict.fromkeys(CRITERIA, 1 if layer < middle else 3 if layer == middle else 5)
        for layer in layers
    }
    answer[str(layers[0])]["information"] = 3
    for layer, change in changes.items():
        answer[layer.removeprefix("l")] = change
    return {"layers": answer, "remark": "They do."}


class JudgeServer:
    """Answers on 127.0.0.1. `behave(n, body)` decides what the n-th request gets (from 0).

    It returns an answer (dict -> JSON text, str as it is), or one of the actions below.
    """

    def __init__(self):
        self.behave = lambda n, body: scores(body)
        self.requests, self.headers, self.answered = [], [], 0
        self.lock, self.released = threading.Lock(), threading.Event()
        handler = type("Handler", (_Handler,), {"judge": self})
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self):
        self.released.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    @property
    def count(self):
        return len(self.requests)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    judge: JudgeServer

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.judge.lock:
            n = self.judge.count
            self.judge.requests.append(body)
            self.judge.headers.append({k.lower(): v for k, v in self.headers.items()})
        action = self.judge.behave(n, body)
        if callable(action):
            action(self)
        else:
            self.complete(action if isinstance(action, str) else json.dumps(action))

    def complete(self, content, finish_reason="stop", refusal=None, **extra):
        message = {"role": "assistant", "content": content, "refusal": refusal}
        self.send(
            200,
            {
                "id": "x",
                "object": "chat.completion",
                "created": 1,
                "model": "judge-1-as-answered",
                "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
                "usage": {"prompt_tokens": 700, "completion_tokens": 90, "total_tokens": 790},
                **extra,
            },
        )

    def send(self, status, value, **headers):
        data = value.encode() if isinstance(value, str) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"content-type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), text)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()
        if status == 200:
            with self.judge.lock:
                self.judge.answered += 1

    def handle(self):
        with contextlib.suppress(ConnectionError):  # the other side was killed
            super().handle()

    def log_message(self, *_):
        pass


def error(status, message, code=None, **headers):
    body = {"error": {"message": message, "code": code, "type": "x", "param": None}}
    return lambda handler: handler.send(status, body, **headers)


def cut(handler):
    """Promise more than is sent, and hang up."""
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", "500")
    handler.end_headers()
    handler.wfile.write(b'{"id": "x", "choi')
    handler.wfile.flush()
    handler.close_connection = True


def hang(handler):
    handler.judge.released.wait(20)
    handler.close_connection = True
