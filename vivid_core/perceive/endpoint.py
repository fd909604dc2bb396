"""Ask a vision-language model behind an OpenAI-compatible endpoint about a picture.

Where it is and which model it runs is given explicitly; the key is read from the environment when
a question is asked, and from nowhere else. Redirections are not followed: they would carry the
key, and the user's pictures, to somebody who was not named.

What passes (a busy service, a wait that was too long once) is tried again. What does not is found
out once: an endpoint that is lost answers every later question with the same error, at once.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import numpy as np
from jaxtyping import UInt8

from ..errors import EndpointError, EndpointLost, EngineError, InputError, VividError
from ..files.digest import digest_of
from ..files.guarded import decode_json
from .shown import ShownPictures

log = logging.getLogger(__name__)

METHOD = 1  # part of the digest
URL_VARIABLE, MODEL_VARIABLE = "VIVID_ENDPOINT_URL", "VIVID_ENDPOINT_MODEL"
KEY_VARIABLE = "VIVID_ENDPOINT_KEY"
LARGEST_ANSWER = 2**20  # bytes
MOST_TOKENS = 640
BUSY = {408, 409, 425, 429, 500, 502, 503, 504}  # worth another try
CLOSED = {401, 402, 403, 404, 407, *range(300, 400)}  # no right, no money, nothing at this address
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
    """A chat with a model elsewhere, for one run: it remembers that the endpoint is lost."""

    def __init__(self, endpoint: Endpoint, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._endpoint, self._sleep = endpoint, sleep
        self._opener = build_opener(_NoRedirection)
        self._lost = ""  # why nobody asks any more

    def renewed(self) -> EndpointChat:
        """The same for another run, by when the endpoint may be there."""
        return EndpointChat(self._endpoint, sleep=self._sleep)

    @property
    def digest(self) -> str:
        return digest_of("endpoint", METHOD, self._endpoint.url, self._endpoint.model)

    def ask(
        self, picture: UInt8[np.ndarray, "h w 3"] | Sequence[UInt8[np.ndarray, "_ _ 3"]], words: str
    ) -> str:
        """The answer's text.

        Raises EndpointLost where there is nobody to ask, EndpointError where all tries met a busy
        endpoint, EngineError for a question that is refused.
        """
        if self._lost:
            raise EndpointLost(self._lost)
        pictures = [picture] if isinstance(picture, np.ndarray) else picture
        shown = pictures if isinstance(pictures, ShownPictures) else ShownPictures(pictures)
        try:
            return self._answer(self._request(shown, words))
        except EndpointLost as error:
            self._lost = str(error)
            log.warning("%s", error)
            raise

    def _answer(self, request: Request) -> str:
        """Of the first try that has one. Without a sound in all of them, nobody is there."""
        endpoint, silences, problem = self._endpoint, 0, ""
        for number in range(endpoint.tries):
            if number:
                self._sleep(endpoint.wait * 2 ** (number - 1))
            try:
                return _text_of(self._send(request))
            except _TryAgain as error:
                silences += isinstance(error, _Silence)
                problem = str(error)
        words = f"{endpoint.url}: no answer in {endpoint.tries} tries; the last: {problem}"
        if silences == endpoint.tries:
            raise _lost(words)
        raise EndpointError(words)

    def _request(self, pictures: ShownPictures, words: str) -> Request:
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
            raise _refusal(error.code, problem) from error
        except HTTPException as error:
            raise _TryAgain(f"{place}: the answer was cut off: {error}") from error
        except OSError as error:
            raise _failure(place, error) from error
        if len(data) > LARGEST_ANSWER:
            raise EngineError(f"{place}: the answer is longer than {LARGEST_ANSWER} bytes")
        return data


class _TryAgain(EndpointError):
    """The endpoint was busy, or its answer cut off."""


class _Silence(_TryAgain):
    """Nothing came: nobody may be there."""


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


def _content(pictures: ShownPictures, words: str) -> list[dict[str, Any]]:
    """The pictures in order, then the question."""
    shown = [{"type": "image_url", "image_url": {"url": one}} for one in pictures.addresses]
    return [*shown, {"type": "text", "text": words}]


def _refusal(code: int, words: str) -> VividError:
    """What a status says: come again, go away, or that this question is no good."""
    if code in BUSY:
        return _TryAgain(words)
    return _lost(words) if code in CLOSED else EngineError(words)


def _failure(place: str, error: OSError) -> EndpointError:
    """What a connection's failure says: a name or a port that is not there will not be there."""
    reason = error.reason if isinstance(error, URLError) else error
    words = f"{place}: {reason}"
    if isinstance(reason, socket.gaierror) and reason.errno == socket.EAI_AGAIN:
        return _Silence(words)
    nobody = isinstance(reason, ConnectionRefusedError | socket.gaierror | ssl.SSLError)
    return _lost(words) if nobody else _Silence(words)


def _lost(words: str) -> EndpointLost:
    return EndpointLost(f"{words}; it is not asked again: start it, or set it right, and run again")


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
