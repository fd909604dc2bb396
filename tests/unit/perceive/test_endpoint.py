"""Asking an endpoint: what is sent, what is tried again, what is refused; a real local server."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cv2
import numpy as np
import pytest

from vivid_core.errors import EngineError, InputError
from vivid_core.perceive.endpoint import (
    KEY_VARIABLE,
    LARGEST_ANSWER,
    LONGEST_SIDE,
    MODEL_VARIABLE,
    URL_VARIABLE,
    Endpoint,
    EndpointChat,
    endpoint_from_environment,
)

KEY = "secret-of-the-test"
GOOD = json.dumps({"choices": [{"message": {"content": "a dog"}}]}).encode()


class Server:
    """Answers with (status, body) in turn, the last one forever; keeps what it was sent."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes]] = [(200, GOOD)]
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.release = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # noqa: N802
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.requests.append((self.path, dict(self.headers), json.loads(body)))
                status, data = server.answers[0]
                if len(server.answers) > 1:
                    server.answers.pop(0)
                if status == 0:  # never answers
                    server.release.wait(10)
                    return
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                return None

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.release.set()
    server.http.shutdown()
    server.http.server_close()
    thread.join()


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)


def chat(server: Server, waits: list[float] | None = None, **changes: Any) -> EndpointChat:
    endpoint = Endpoint(**{"url": server.url, "model": "eye", "timeout": 5.0} | changes)
    return EndpointChat(endpoint, sleep=(waits if waits is not None else []).append)


def test_picture_and_words_are_sent_with_the_key_of_the_environment(server, key, frame):
    picture = frame(30, 40)
    assert chat(server).ask(picture, "What is it?") == "a dog"
    (path, headers, body) = server.requests[0]
    assert path == "/v1/chat/completions" and body["model"] == "eye"
    assert headers["Authorization"] == f"Bearer {KEY}"
    image, text = body["messages"][0]["content"]
    assert text["text"] == "What is it?"
    data = base64.b64decode(image["image_url"]["url"].partition(",")[2])
    sent = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert np.abs(sent.astype(int).mean((0, 1)) - picture.mean((0, 1))).max() < 5


def test_without_a_key_none_is_sent_and_large_pictures_are_made_smaller(server, frame, monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    chat(server).ask(frame(64, 2 * LONGEST_SIDE), "?")
    (_, headers, body) = server.requests[0]
    assert "Authorization" not in headers
    url = body["messages"][0]["content"][0]["image_url"]["url"]
    sent = cv2.imdecode(np.frombuffer(base64.b64decode(url.partition(",")[2]), np.uint8), 1)
    assert sent.shape[:2] == (32, LONGEST_SIDE)


def test_a_busy_endpoint_is_asked_again_after_longer_and_longer_waits(server, frame):
    server.answers = [(503, b"busy"), (429, b"slow down"), (200, b"{cut off"), (200, GOOD)]
    waits: list[float] = []
    assert chat(server, waits).ask(frame(8, 8), "?") == "a dog"
    assert waits == [1, 2, 4] and len(server.requests) == 4


@pytest.mark.parametrize(
    ("answer", "tries", "words"),
    [
        ((503, b"busy"), 2, "no answer in 2 tries; the last: .*503.*busy"),
        ((401, b"who are you?"), 1, "401.*who are you"),
        ((302, b""), 1, "302"),
        ((200, b"[]"), 2, "no chat completion"),
        ((200, b'{"choices": [{"message": {"content": null}}]}'), 2, "no text but NoneType"),
        ((200, b"x" * (LARGEST_ANSWER + 1)), 1, "longer than"),
    ],
)
def test_what_is_no_answer_is_told_without_the_key(server, key, frame, answer, tries, words):
    server.answers = [answer]
    with pytest.raises(EngineError, match=words) as caught:
        chat(server, tries=2).ask(frame(8, 8), "?")
    assert KEY not in str(caught.value) and len(server.requests) == tries


def test_an_endpoint_that_never_answers_is_given_up(server, frame):
    server.answers = [(0, b"")]
    with pytest.raises(EngineError, match="timed out"):
        chat(server, tries=1, timeout=0.1).ask(frame(8, 8), "?")


def test_nobody_there_is_told(server, frame):
    url = "http://127.0.0.1:9"  # the discard port: nothing listens there
    with pytest.raises(EngineError, match=r"no answer in 2 tries.*127\.0\.0\.1:9|refused"):
        chat(server, url=url, tries=2).ask(frame(8, 8), "?")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": "file:///etc/passwd"}, "no address"),
        ({"url": "localhost:8000"}, "no address"),
        ({"url": "https://user:pass@host/v1"}, "no user, password"),
        ({"url": "https://host/v1?key=1"}, "no user, password or query"),
        ({"url": "http://host/v1"}, "unencrypted"),
        ({"model": ""}, "model"),
        ({"timeout": 0}, "timeout"),
        ({"tries": 0}, "at least one try"),
    ],
)
def test_an_address_that_cannot_serve_is_refused(key, changes, words):
    with pytest.raises(InputError, match=words) as caught:
        Endpoint(**{"url": "https://host/v1", "model": "eye"} | changes)
    assert KEY not in str(caught.value)


def test_the_environment_says_where_to_ask():
    known = {URL_VARIABLE: "https://host/v1", MODEL_VARIABLE: "eye"}
    endpoint = endpoint_from_environment(known)
    assert (endpoint.url, endpoint.model) == ("https://host/v1", "eye")
    for name in known:
        with pytest.raises(InputError, match=f"set the environment variable {name}"):
            endpoint_from_environment(known | {name: ""})


def test_the_digest_stands_for_address_and_model(key):
    def digest(**changes: str) -> str:
        return EndpointChat(Endpoint(**{"url": "https://h/v1", "model": "a"} | changes)).digest

    assert len({digest(), digest(model="b"), digest(url="https://g/v1")}) == 3
    assert digest() == digest() and KEY not in digest()
