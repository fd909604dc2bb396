"""Attacks on a running server: wrong requests end in a message, and nobody else waits for them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from vivid_core.perceive.endpoint import MODEL_VARIABLE, URL_VARIABLE

from ..comfyui import PACK, ComfyServer, Graph, wait_until
from ..comfyui import comfy as comfy_server
from ..soak import record
from .requests import PROMPTS, Requests
from .seeing import seeing
from .stopwatch import Stopwatch
from .tally import Tally, is_clear

__all__ = ["comfy_server"]

STALL_SECONDS, MOST_BYTES = 2, 256 * 2**20
RUN_SECONDS = 120
OURS = "Vivid_"


@pytest.fixture(scope="module")
def comfy(request: pytest.FixtureRequest) -> Iterator[ComfyServer]:
    """The server, started with an endpoint that sees unless it runs already."""
    with seeing() as url, pytest.MonkeyPatch.context() as environment:
        environment.setenv(URL_VARIABLE, url)
        environment.setenv(MODEL_VARIABLE, "m")
        yield request.getfixturevalue("comfy_server")


def answer_of(comfy: ComfyServer, graph: Graph) -> tuple[int, dict[str, Any]]:
    """Status and body of the answer to a request."""
    request = urllib.request.Request(
        comfy.url + "/prompt",
        json.dumps({"prompt": graph}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    try:
        return status, json.loads(body)
    except ValueError:
        return status, {}


def judge_rejection(answer: dict[str, Any]) -> tuple[str, str]:
    """Of a request that ComfyUI does not begin with."""
    errors = [e for node in answer.get("node_errors", {}).values() for e in node["errors"]]
    words = "; ".join(f"{e['message']}: {e['details']}" for e in errors)
    for error in errors:
        if error["type"].startswith("exception_during"):
            trace = "".join(error["extra_info"].get("traceback", []))
            # ComfyUI itself trips over a link that leads nowhere.
            return "traceback" if f"custom_nodes/{PACK}/" in trace else "foreign", words
        if not error["extra_info"].get("input_name"):
            return "unclear", words
    return ("clear", words) if errors else ("foreign", json.dumps(answer)[:300])


def inputs_of(comfy: ComfyServer, kind: str) -> set[str]:
    """The names of a node's inputs."""
    info = comfy.get(f"/object_info/{kind}")[kind]["input"]
    return {*info.get("required", {}), *info.get("optional", {})}


def judge_run(comfy: ComfyServer, prompt: str, watch: Stopwatch) -> tuple[str, str]:
    """Of a request that ran; the server answers others meanwhile."""
    entry = wait_until(
        lambda: watch.time(lambda: comfy.get(f"/history/{prompt}")).get(prompt),
        RUN_SECONDS,
        "the prompt has ended",
    )
    for kind, detail in entry["status"]["messages"]:
        if kind == "execution_error":
            words = f"{detail['exception_type']} {detail['exception_message'].strip()}"
            if not detail["node_type"].startswith(OURS):
                return "foreign", words
            if not detail["exception_type"].startswith("vivid."):
                return "traceback", words + "".join(detail["traceback"][-3:])
            names = inputs_of(comfy, detail["node_type"])
            clear = is_clear(detail["exception_message"].strip(), names)
            return "clear" if clear else "unclear", words
    return "success", ""


def attack(comfy: ComfyServer, graph: Graph) -> tuple[str, str, float]:
    """Outcome, words, and the seconds of the slowest answer."""
    watch = Stopwatch(comfy.process.pid)
    status, answer = watch.time(lambda: answer_of(comfy, graph))
    if status == 200 and not answer.get("node_errors"):
        outcome, words = judge_run(comfy, answer["prompt_id"], watch)
    elif status >= 500:
        outcome, words = "foreign", f"status {status}"
    else:
        outcome, words = judge_rejection(answer)
    return outcome, words, watch.slowest


def stalls(comfy: ComfyServer, graph: Graph, seconds: float) -> bool:
    """Whether a request that let others wait does so every time."""
    return seconds >= STALL_SECONDS and all(
        attack(comfy, graph)[2] >= STALL_SECONDS for _ in range(2)
    )


def peak_bytes(comfy: ComfyServer) -> int:
    text = Path(f"/proc/{comfy.process.pid}/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) * 1024


@pytest.mark.parametrize("count", [12, pytest.param(650, marks=pytest.mark.soak)])
def test_wrong_requests(comfy: ComfyServer, count: int) -> None:
    known = {k: v for k, v in comfy.get("/object_info").items() if k.startswith(OURS)}
    requests, tally, slowest = Requests(known, seed=count), Tally(), 0.0
    for _ in range(count):
        what, graph = requests.draw()
        outcome, words, seconds = attack(comfy, graph)
        slowest = max(slowest, seconds)
        if stalls(comfy, graph, seconds):
            outcome, words = "stall", f"{seconds:.1f} s: {words}"
        tally.add("clear" if outcome == "foreign" else outcome, what, words)
        tally.foreign += outcome == "foreign"
    if count > 100:
        record(
            "attack: requests to a server",
            f"{tally.words} ({tally.foreign} of the clear ones are answers of ComfyUI's own); the "
            f"slowest answer took {slowest:.1f} s",
        )
    tally.require_good()


@pytest.mark.parametrize("prompts", PROMPTS, ids=range(len(PROMPTS)))
def test_bombs_stop_nobody(comfy: ComfyServer, prompts: str) -> None:
    graph = {
        "clip": {
            "class_type": "Vivid_SampleClip",
            "inputs": {"scene": "moving shapes", "seed": 3, "width": 32, "height": 32}
            | {"length": 5, "fps": 8.0},
        },
        "track": {
            "class_type": "Vivid_TrackObject",
            "inputs": {"video": ["clip", 0], "prompts": prompts, "mask_frame": 0},
        },
    }
    before = peak_bytes(comfy) if psutil.LINUX else 0
    outcome, words, seconds = attack(comfy, graph)
    assert (outcome, "prompts: " in words) == ("clear", True), words
    assert not stalls(comfy, graph, seconds)
    assert not psutil.LINUX or peak_bytes(comfy) - before < MOST_BYTES
