"""A vision-language model that always has an answer, behind an endpoint of its own."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TAGS = "circle, square, person, sky"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:  # noqa: N802
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = _answer(json.dumps(body, ensure_ascii=False))
        data = json.dumps({"choices": [{"message": {"content": text}}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        return None


@contextmanager
def seeing() -> Iterator[str]:
    """The endpoint's address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as http:
        threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}/v1"
        http.shutdown()


def _answer(question: str) -> str:
    """Tags, or three captions that hold the label."""
    asked = re.search(r"Describe the (.*?) three times", question)
    if asked is None:
        return TAGS
    opening = f"The video shows a {asked[1]}"
    return f"{opening} *** {opening} on paper. *** {opening} on paper, which moves slowly."
