"""Attacks on a running server: wrong requests end in a message, and nobody else waits for them."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

from ..comfyui import PACK, ComfyServer, Graph, comfy, wait_until
from ..soak import record
from .requests import PROMPTS, Requests
from .tally import Tally, is_clear

__all__ = ["comfy"]

STALL_SECONDS, MOST_BYTES = 2, 256 * 2**20
RUN_SECONDS = 120
OURS = "Vivid_"


def answer_of(comfy: ComfyServer, graph: Graph) -> tuple[int, dict[str, Any], float]:
    """Status, body and seconds of the answer to a request."""
    request = urllib.request.Request(
        comfy.url + "/prompt",
        json.dumps({"prompt": graph}).encode(),
        {"Content-Type": "application/json"},
    )
    started = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    seconds = time.monotonic() - started
    try:
        return status, json.loads(body), seconds
    except ValueError:
        return status, {}, seconds


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


def judge_run(comfy: ComfyServer, prompt: str) -> tuple[str, str]:
    """Of a request that ran."""
    entry = wait_until(
        lambda: comfy.get(f"/history/{prompt}").get(prompt), RUN_SECONDS, "the prompt has ended"
    )
    for kind, detail in entry["status"]["messages"]:
        if kind == "execution_error":
            words = f"{detail['exception_type']} {detail['exception_message'].strip()}"
            if not detail["node_type"].startswith(OURS):
                return "foreign", words
            ours = detail["exception_type"].startswith("vivid.")
            clear = is_clear(detail["exception_message"].strip())
            return ("clear" if clear else "unclear") if ours else "traceback", words
    return "success", ""


def attack(comfy: ComfyServer, graph: Graph) -> tuple[str, str, float]:
    """Outcome, words, and seconds until the server answered."""
    status, answer, seconds = answer_of(comfy, graph)
    if status == 200 and not answer.get("node_errors"):
        return *judge_run(comfy, answer["prompt_id"]), seconds
    if status >= 500:
        return "foreign", f"status {status}", seconds
    return *judge_rejection(answer), seconds


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
    assert seconds < STALL_SECONDS
    assert not psutil.LINUX or peak_bytes(comfy) - before < MOST_BYTES
