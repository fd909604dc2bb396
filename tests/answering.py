"""A local endpoint that answers as a test tells it to, and keeps what it was sent."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from vivid_core.perceive.endpoint import Endpoint, EndpointChat

SILENT = (0, b"")  # an answer that never comes


def completion(text: str) -> bytes:
    return json.dumps({"choices": [{"message": {"content": text}}]}).encode()


GOOD = completion("a dog")


class Server:
    """Answers with (status, body) in turn, the last one forever."""

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
                if (status, data) == SILENT:
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

    def chat(self, waits: list[float] | None = None, **changes: Any) -> EndpointChat:
        """Asks here; `waits` gets the seconds that it would have waited."""
        endpoint = Endpoint(**{"url": self.url, "model": "eye", "timeout": 5.0} | changes)
        return EndpointChat(endpoint, sleep=(waits if waits is not None else []).append)


@contextmanager
def answering() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.http.shutdown()
        server.http.server_close()
        thread.join()


def closed_url() -> str:
    """Where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/v1"
