"""How long ComfyUI says that importing this pack takes, in a real ComfyUI.

    python benchmarks/import_time.py [--runs 3] [--comfyui DIR[=PYTHON]]...

Starts the server with nothing but this pack and reads its own list of import times, which has one
decimal. Without --comfyui: COMFYUI_DIR, or every ~/ComfyUI* that is there. PYTHON defaults to
COMFYUI_PYTHON, then the checkout's .venv, then this Python. Exits with 1 above 0.1 seconds.
"""

from __future__ import annotations

import argparse
import os
import queue
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

PACK = Path(__file__).resolve().parents[1]
PACK_NAME = "vivid"
ALLOWED_SECONDS = 0.1
LINE = re.compile(r"(\d+\.\d+) seconds(?P<failed> \(IMPORT FAILED\))?: (?P<path>.*)")
VERSION = re.compile(r'__version__ = "(.+)"')
START_SECONDS = 900  # of a busy machine


@dataclass(frozen=True, kw_only=True)
class ComfyUI:
    folder: Path
    python: Path

    @property
    def version(self) -> str:
        text = (self.folder / "comfyui_version.py").read_text()
        found = VERSION.search(text)
        return found[1] if found else "unknown"


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the pack's import in ComfyUI.")
    parser.add_argument("--comfyui", action="append", metavar="DIR[=PYTHON]", default=[])
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    checkouts = [parse_checkout(text) for text in arguments.comfyui or default_checkouts()]
    if not checkouts:
        parser.error("found no ComfyUI: give --comfyui DIR, or set COMFYUI_DIR")
    print(f"{'ComfyUI':10} {'median s':>9}  runs")
    slowest = 0.0
    for checkout in checkouts:
        seconds = [import_seconds(checkout) for _ in range(arguments.runs)]
        median = statistics.median(seconds)
        slowest = max(slowest, median)
        print(f"{checkout.version:10} {median:9.1f}  {' '.join(map(str, seconds))}", flush=True)
    print(f"at most {ALLOWED_SECONDS} s: {'yes' if slowest <= ALLOWED_SECONDS else 'NO'}")
    return 0 if slowest <= ALLOWED_SECONDS else 1


def default_checkouts() -> list[str]:
    named = os.environ.get("COMFYUI_DIR")
    if named:
        return [named]
    return [str(path.parent) for path in sorted(Path.home().glob("ComfyUI*/main.py"))]


def parse_checkout(text: str) -> ComfyUI:
    folder, _, python = text.partition("=")
    path = Path(folder).expanduser().resolve()
    own = path / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    fallback = own if own.exists() else Path(sys.executable)
    return ComfyUI(folder=path, python=Path(python or os.environ.get("COMFYUI_PYTHON") or fallback))


def import_seconds(checkout: ComfyUI) -> float:
    """Start a server, read the pack's line, stop it. RuntimeError if the pack fails to load."""
    with tempfile.TemporaryDirectory() as base:
        nodes = Path(base) / "custom_nodes"
        nodes.mkdir()
        (nodes / PACK_NAME).symlink_to(PACK, target_is_directory=True)
        server = subprocess.Popen(
            [str(checkout.python), "main.py", *server_flags(base)],
            cwd=checkout.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        try:
            return read_import_time(server)
        finally:
            server.terminate()
            server.wait()


def server_flags(base: str) -> list[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return [
        "--cpu",
        "--disable-api-nodes",
        "--disable-all-custom-nodes",
        "--whitelist-custom-nodes",
        PACK_NAME,
        "--base-directory",
        base,
        "--database-url",
        "sqlite:///:memory:",
        "--port",
        str(port),
    ]


def read_import_time(server: subprocess.Popen[str]) -> float:
    said = []
    for line in lines_of(server):
        said.append(line)
        found = LINE.search(line)
        if found and Path(found["path"].strip()).name == PACK_NAME:
            if found["failed"]:
                break
            return float(found[1])
    raise RuntimeError("ComfyUI did not import the pack:\n" + "".join(said[-40:]))


def lines_of(server: subprocess.Popen[str]) -> Iterator[str]:
    """What the server says, until it ends or has had its time."""
    assert server.stdout is not None
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=pump, args=(server.stdout, lines), daemon=True).start()
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return
        if line is None:
            return
        yield line


def pump(stream: IO[str], lines: queue.Queue[str | None]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


if __name__ == "__main__":
    raise SystemExit(main())
