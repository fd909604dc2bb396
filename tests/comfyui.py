"""A real ComfyUI with this pack in it: started once for all tests, and asked over its own API."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PACK = "vivid"  # the folder below custom_nodes
START_SECONDS = 300  # a cold start takes about a minute on two cores
RUN_SECONDS = 600
FLAGS = ("--cpu", "--disable-api-nodes", "--disable-all-custom-nodes")

Graph = dict[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What became of a prompt. `outputs` by node id; `error` is the failed node's message."""

    status: str  # "success", "error" or "interrupted"
    node: str  # class of the node that failed or was interrupted
    error: str
    outputs: dict[str, dict[str, Any]]


class Rejected(Exception):
    """ComfyUI did not accept a prompt. `errors` are its sentences, one an input, of `answers`."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(json.dumps(answer))
        found = [e for node in answer["node_errors"].values() for e in node["errors"]]
        self.answers: list[dict[str, Any]] = found
        self.errors = [f"{e['message']}: {e['details']}" for e in found]


class ComfyServer:
    """A running server. `base` is its base directory, with input, output and models."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, base: Path) -> None:
        self.process, self.base = process, base
        self.url = f"http://127.0.0.1:{port}"

    @property
    def log(self) -> str:
        return (self.base / "server.log").read_text(encoding="utf-8", errors="replace")

    @property
    def version(self) -> tuple[int, ...]:
        text = self.get("/system_stats")["system"]["comfyui_version"]
        return tuple(int(part) for part in re.findall(r"\d+", text)[:3])

    def get(self, path: str) -> Any:
        return json.loads(self.read(path))

    def read(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return answer.read()

    def post(self, path: str, data: dict[str, Any]) -> Any:
        body = json.dumps(data).encode()
        request = urllib.request.Request(
            self.url + path, body, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            raise Rejected(json.loads(error.read())) from error

    def post_settings(self, settings: dict[str, Any]) -> None:
        """Settings of the page's user."""
        self.post("/api/settings", settings)

    def queue(self, graph: Graph) -> str:
        answer = self.post("/prompt", {"prompt": graph})
        if answer["node_errors"]:
            raise Rejected(answer)
        return answer["prompt_id"]

    def run(self, graph: Graph) -> Run:
        """Queue a graph and wait for its end."""
        return self.wait(self.queue(graph))

    def wait(self, prompt: str) -> Run:
        entry = wait_until(lambda: self._finished(prompt), RUN_SECONDS, "the prompt has ended")
        failure: dict[str, Any] = {}
        status = entry["status"]["status_str"]
        for kind, detail in entry["status"]["messages"]:
            if kind in ("execution_error", "execution_interrupted"):
                failure, status = detail, kind.removeprefix("execution_")
        return Run(
            status=status,
            node=failure.get("node_type", ""),
            error=failure.get("exception_message", "").strip(),
            outputs=entry["outputs"],
        )

    def stop(self, prompt: str) -> Run:
        """Interrupt a prompt that runs. ComfyUI forgets a request that comes as it starts."""

        def ended() -> bool:
            self.post("/interrupt", {"prompt_id": prompt})
            return self._finished(prompt) is not None

        wait_until(ended, RUN_SECONDS, "the prompt has stopped")
        return self.wait(prompt)

    def file(self, place: dict[str, str]) -> bytes:
        """A file that a node reported."""
        keys = ("filename", "subfolder", "type")
        return self.read("/view?" + urllib.parse.urlencode({k: place[k] for k in keys}))

    def _finished(self, prompt: str) -> dict[str, Any] | None:
        entry = self.get(f"/history/{prompt}").get(prompt)
        return entry if entry and entry.get("status") else None


def wait_until(check: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true answer of `check`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = check()
        if answer:
            return answer
        time.sleep(0.2)
    raise TimeoutError(f"waited {seconds:g} s until {what}")


_running: list[ComfyServer] = []


@pytest.fixture(scope="session")
def comfy(
    request: pytest.FixtureRequest,
    comfyui_dir: Path,
    comfyui_python: Path,
    repository: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> ComfyServer:
    """The server. Folders of tests that import this fixture share one server."""
    if not _running:
        server = start(comfyui_dir, comfyui_python, repository, tmp_path_factory.mktemp("comfy"))
        _running.append(server)
        request.config.add_cleanup(server.process.terminate)
    return _running[0]


def start(
    folder: Path, python: Path, repository: Path, base: Path, **environment: str
) -> ComfyServer:
    """A server of its own, with these variables beside those of the tests."""
    (base / "custom_nodes").mkdir()
    (base / "custom_nodes" / PACK).symlink_to(repository, target_is_directory=True)
    _add_foreign_weights(base / "models" / "diffusion_models")
    port = _free_port()
    command = [python, "main.py", *FLAGS, "--whitelist-custom-nodes", PACK, "--port", port]
    command += ["--base-directory", base, "--database-url", "sqlite:///:memory:"]
    with (base / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1", **environment},
        )
    server = ComfyServer(process, port, base)
    try:
        wait_until(lambda: _answers(server), START_SECONDS, "ComfyUI answers")
    except TimeoutError:
        process.terminate()
        pytest.fail(f"ComfyUI does not start; the end of its log:\n{server.log[-2000:]}")
    return server


def _answers(server: ComfyServer) -> bool:
    if server.process.poll() is not None:
        pytest.fail(f"ComfyUI ended at start; the end of its log:\n{server.log[-2000:]}")
    try:
        return bool(server.get("/system_stats"))
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _add_foreign_weights(folder: Path) -> None:
    """A file that is no CogVideoX model, for tests of what is refused."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    save_file({"input_blocks.0.0.weight": torch.zeros(4, 4)}, folder / "foreign.safetensors")
    (folder / "cut_off.safetensors").write_bytes(b"\x00" * 5)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
