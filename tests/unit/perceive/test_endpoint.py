"""Asking an endpoint: what is sent, what is tried again, what is refused; a real local server."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from vivid_core.errors import EndpointError, EndpointLost, EngineError, InputError
from vivid_core.perceive.chat import ChatEngine
from vivid_core.perceive.endpoint import (
    KEY_VARIABLE,
    LARGEST_ANSWER,
    MODEL_VARIABLE,
    URL_VARIABLE,
    Endpoint,
    EndpointChat,
    endpoint_from_environment,
)
from vivid_core.perceive.shown import LONGEST_SIDE, ShownPictures

from ...answering import GOOD, SILENT, Server, answering, closed_url

KEY = "secret-of-the-test"


@pytest.fixture
def server() -> Iterator[Server]:
    with answering() as server:
        yield server


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)


def test_picture_and_words_are_sent_with_the_key_of_the_environment(server, key, frame):
    picture = frame(30, 40)
    assert server.chat().ask(picture, "What is it?") == "a dog"
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
    server.chat().ask(frame(64, 2 * LONGEST_SIDE), "?")
    (_, headers, body) = server.requests[0]
    assert "Authorization" not in headers
    url = body["messages"][0]["content"][0]["image_url"]["url"]
    sent = cv2.imdecode(np.frombuffer(base64.b64decode(url.partition(",")[2]), np.uint8), 1)
    assert sent.shape[:2] == (32, LONGEST_SIDE)


def test_a_busy_endpoint_is_asked_again_after_longer_and_longer_waits(server, frame):
    server.answers = [(503, b"busy"), (429, b"slow down"), (200, b"{cut off"), (200, GOOD)]
    waits: list[float] = []
    assert server.chat(waits).ask(frame(8, 8), "?") == "a dog"
    assert waits == [1, 2, 4] and len(server.requests) == 4


@pytest.mark.parametrize(
    ("answer", "tries", "kind", "words"),
    [
        ((503, b"busy"), 2, EndpointError, "no answer in 2 tries; the last: .*503.*busy"),
        ((401, b"who are you?"), 1, EndpointLost, "401.*who are you"),
        ((403, b"not you"), 1, EndpointLost, "403.*not you.*not asked again"),
        ((404, b"no such model"), 1, EndpointLost, "404.*no such model"),
        ((302, b""), 1, EndpointLost, "302"),
        ((400, b"too many pictures"), 1, EngineError, "400.*too many"),
        ((200, b"[]"), 2, EndpointError, "no chat completion"),
        (
            (200, b'{"choices": [{"message": {"content": null}}]}'),
            2,
            EndpointError,
            "no text but NoneType",
        ),
        ((200, b"x" * (LARGEST_ANSWER + 1)), 1, EngineError, "longer than"),
    ],
)
def test_what_is_no_answer_is_told_without_the_key(server, key, frame, answer, tries, kind, words):
    server.answers = [answer]
    with pytest.raises(kind, match=words) as caught:
        server.chat(tries=2).ask(frame(8, 8), "?")
    assert type(caught.value) is kind
    assert KEY not in str(caught.value) and len(server.requests) == tries


def test_what_is_lost_is_told_once_and_asked_again_in_another_run_only(server, frame, caplog):
    server.answers = [(401, b"who are you?"), (200, GOOD)]
    engine = ChatEngine(server.chat())
    for _ in range(3):
        with pytest.raises(EndpointLost, match="401"):
            engine.ask(frame(8, 8), "?")
    assert len(server.requests) == 1
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert engine.renewed().ask(frame(8, 8), "?") == "a dog"


def test_what_passes_is_asked_again_with_the_next_question(server, frame):
    server.answers = [(503, b"busy"), (429, b"slow down"), (200, GOOD)]
    chat = server.chat(tries=2)
    with pytest.raises(EndpointError, match="429"):
        chat.ask(frame(8, 8), "?")
    assert chat.ask(frame(8, 8), "?") == "a dog"


def test_one_silence_passes_and_many_are_the_end(server, frame):
    server.answers = [SILENT, (200, GOOD), SILENT]
    waits: list[float] = []
    chat = server.chat(waits, tries=2, timeout=0.1)
    assert chat.ask(frame(8, 8), "?") == "a dog"
    for _ in range(2):
        with pytest.raises(EndpointLost, match="no answer in 2 tries; the last: .*timed out"):
            chat.ask(frame(8, 8), "?")
    assert waits == [1, 1] and len(server.requests) == 4


def test_nobody_there_is_no_reason_to_wait(server, frame):
    waits: list[float] = []
    with pytest.raises(EndpointLost, match="refused"):
        server.chat(waits, url=closed_url()).ask(frame(8, 8), "?")
    assert waits == []


@pytest.mark.parametrize(("number", "tries"), [("EAI_NONAME", 1), ("EAI_AGAIN", 3)])
def test_a_name_that_is_unknown_is_no_reason_to_wait(frame, monkeypatch, number, tries):
    asked = []

    def unknown(*_: object, **__: object) -> None:
        asked.append(1)
        raise socket.gaierror(getattr(socket, number), "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    endpoint = Endpoint(url="https://nowhere.invalid/v1", model="eye", tries=3)
    with pytest.raises(EndpointLost, match="unknown"):
        EndpointChat(endpoint, sleep=lambda _: None).ask(frame(8, 8), "?")
    assert len(asked) == tries


def test_pictures_that_are_shown_again_are_not_made_again(server, frame):
    shown = ShownPictures([frame(8, 8), frame(9, 7)])
    addresses = shown.addresses
    for words in ("steady?", "as told?"):
        server.chat().ask(shown, words)
    sent = [body["messages"][0]["content"] for _, _, body in server.requests]
    assert [[one["image_url"]["url"] for one in each[:-1]] for each in sent] == [[*addresses]] * 2
    assert shown.addresses is addresses


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
