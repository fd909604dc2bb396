"""Ask a vision-language model behind an OpenAI-compatible endpoint about a picture.

Where it is and which model it runs is given explicitly; the key is read from the environment when
a question is asked, and from nowhere else. Redirections are not followed: they would carry the
key, and the user's pictures, to somebody who was not named.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import cv2
import numpy as np
from jaxtyping import UInt8

from ..errors import EngineError, InputError
from ..files.digest import digest_of
from ..files.guarded import decode_json

METHOD = 1  # part of the digest
URL_VARIABLE, MODEL_VARIABLE = "VIVID_ENDPOINT_URL", "VIVID_ENDPOINT_MODEL"
KEY_VARIABLE = "VIVID_ENDPOINT_KEY"
LONGEST_SIDE = 1024  # pixels of a picture that is sent
LARGEST_ANSWER = 2**20  # bytes
MOST_TOKENS = 640
BUSY = {408, 409, 425, 429, 500, 502, 503, 504}  # worth another try
SHOWN = 200  # characters of an answer that an error quotes
LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where to ask. `url` is the base, as in http://localhost:8000/v1; times in seconds."""

    url: str
    model: str
    key_variable: str = KEY_VARIABLE
    timeout: float = 60.0
    tries: int = 4
    wait: float = 1.0  # before the second try; doubles with each

    def __post_init__(self) -> None:
        place = urlsplit(self.url)
        if place.scheme not in ("http", "https") or not place.hostname:
            raise InputError(
                "url", f"{self.url!r} is no address: give one as in http://localhost:8000/v1"
            )
        if place.username or place.password or place.query or place.fragment:
            raise InputError(
                "url",
                f"may hold no user, password or query: a key belongs into {self.key_variable}",
            )
        if place.scheme == "http" and self.key and place.hostname not in LOCAL_HOSTS:
            raise InputError(
                "url",
                f"{self.url}: the key in {self.key_variable} would travel unencrypted: use https",
            )
        if not self.model:
            raise InputError("model", "is empty: name the model that the endpoint runs")
        if self.timeout <= 0 or self.tries < 1 or self.wait < 0:
            raise InputError("endpoint", f"needs a timeout above 0 and at least one try: {self}")

    @property
    def key(self) -> str:
        """From the environment; "" if it is not set there."""
        return os.environ.get(self.key_variable, "")


class EndpointChat:
    """A chat with a model elsewhere."""

    def __init__(self, endpoint: Endpoint, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._endpoint, self._sleep = endpoint, sleep
        self._opener = build_opener(_NoRedirection)

    @property
    def digest(self) -> str:
        return digest_of("endpoint", METHOD, self._endpoint.url, self._endpoint.model)

    def ask(
        self, picture: UInt8[np.ndarray, "h w 3"] | Sequence[UInt8[np.ndarray, "_ _ 3"]], words: str
    ) -> str:
        """The answer's text. Raises EngineError after several tries, or at once for a refusal."""
        pictures = [picture] if isinstance(picture, np.ndarray) else picture
        request = self._request(pictures, words)
        problem = ""
        for number in range(self._endpoint.tries):
            if number:
                self._sleep(self._endpoint.wait * 2 ** (number - 1))
            try:
                return _text_of(self._send(request))
            except _TryAgain as error:
                problem = str(error)
        raise EngineError(
            f"{self._endpoint.url}: no answer in {self._endpoint.tries} tries; the last: {problem}"
        )

    def _request(self, pictures: Sequence[np.ndarray], words: str) -> Request:
        body = {
            "model": self._endpoint.model,
            "temperature": 0,
            "max_tokens": MOST_TOKENS,
            "messages": [{"role": "user", "content": _content(pictures, words)}],
        }
        headers = {"Content-Type": "application/json", "User-Agent": "vivid"}
        if key := self._endpoint.key:
            headers["Authorization"] = f"Bearer {key}"
        url = f"{self._endpoint.url.rstrip('/')}/chat/completions"
        return Request(url, json.dumps(body).encode(), headers, method="POST")

    def _send(self, request: Request) -> bytes:
        place = self._endpoint.url
        try:
            with self._opener.open(request, timeout=self._endpoint.timeout) as answer:
                data = answer.read(LARGEST_ANSWER + 1)
        except HTTPError as error:
            with error:
                words = error.read(SHOWN).decode("utf-8", "replace")
            problem = f"{place}: {error.code} {error.reason}: {' '.join(words.split())}"
            raise (_TryAgain if error.code in BUSY else EngineError)(problem) from error
        except (URLError, OSError, HTTPException) as error:
            raise _TryAgain(f"{place}: {getattr(error, 'reason', error)}") from error
        if len(data) > LARGEST_ANSWER:
            raise EngineError(f"{place}: the answer is longer than {LARGEST_ANSWER} bytes")
        return data


class _TryAgain(EngineError):
    """The endpoint was busy, out of reach or cut off."""


class _NoRedirection(HTTPRedirectHandler):
    """A redirection is answered with its error."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def endpoint_from_environment(environment: Mapping[str, str] = os.environ) -> Endpoint:
    """What whoever runs this machine has set. Raises InputError that names what is missing."""
    values = {name: environment.get(name, "") for name in (URL_VARIABLE, MODEL_VARIABLE)}
    for name, value in values.items():
        if not value:
            raise InputError(
                "endpoint",
                f"set the environment variable {name} before starting ({URL_VARIABLE}: the base "
                f"address, {MODEL_VARIABLE}: the model, {KEY_VARIABLE}: the key if it needs one)",
            )
    return Endpoint(url=values[URL_VARIABLE], model=values[MODEL_VARIABLE])


def _content(pictures: Sequence[np.ndarray], words: str) -> list[dict[str, Any]]:
    """The pictures in order, then the question."""
    shown = [{"type": "image_url", "image_url": {"url": _address(one)}} for one in pictures]
    return [*shown, {"type": "text", "text": words}]


def _address(picture: np.ndarray) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(_jpeg(picture)).decode('ascii')}"


def _jpeg(picture: np.ndarray) -> bytes:
    scale = min(1.0, LONGEST_SIDE / max(picture.shape[:2]))
    if scale < 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    assert done, "OpenCV encodes every 8-bit picture"
    return data.tobytes()


def _text_of(data: bytes) -> str:
    """The text in a chat completion. What is none may have been cut off: try again."""
    try:
        answer = decode_json(data.decode(), most_bytes=LARGEST_ANSWER)
        text = answer["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError) as error:
        shown = data[:SHOWN].decode("utf-8", "replace")
        raise _TryAgain(f"is no chat completion: {' '.join(shown.split())!r}") from error
    if not isinstance(text, str):
        raise _TryAgain(f"has no text but {type(text).__name__}")
    return text
