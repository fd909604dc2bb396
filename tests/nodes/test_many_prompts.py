"""Many prompts in a row on one server: all succeed, nothing is kept, nobody harms the next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ..comfyui import ComfyServer, Graph, Rejected, start, wait_until
from ..soak import record
from .conftest import STEPS, set_inputs

SETTLED = 5  # prompts after which memory must no longer grow
GROWTH = 0.02
# glibc keeps what is freed for later: up to 60 MiB came and went with nothing kept. So it gives
# large blocks back at once, and what the process holds is what it uses, to 6 MiB.
GIVES_BACK = {"MALLOC_MMAP_THRESHOLD_": "1048576", "MALLOC_TRIM_THRESHOLD_": "1048576"}
CAPTIONS = ("a red circle", "a small blue square", "a large green star", "a yellow ring")


@pytest.fixture(scope="module")
def frugal(
    comfyui_dir: Path,
    comfyui_python: Path,
    repository: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ComfyServer]:
    """A server of its own whose memory can be told."""
    base = tmp_path_factory.mktemp("frugal")
    server = start(comfyui_dir, comfyui_python, repository, base, **GIVES_BACK)
    yield server
    server.process.terminate()
    server.process.wait(60)


@pytest.mark.parametrize(
    "count", [8, pytest.param(50, marks=pytest.mark.soak)], ids=lambda count: f"{count} prompts"
)
def test_many_prompts_in_a_row(frugal: ComfyServer, repository: Path, count: int) -> None:
    comfy = frugal
    ran = [comfy.wait(prompt) for prompt in post(comfy, repository, range(SETTLED))]
    settled = memory(comfy)
    prompts = post(comfy, repository, range(SETTLED, count - 1))
    with pytest.raises(Rejected):
        comfy.queue(malformed(repository))
    stop_one(comfy, repository)
    prompts += post(comfy, repository, [count - 1])
    ran += [comfy.wait(prompt) for prompt in prompts]
    assert [(run.status, run.error) for run in ran] == [("success", "")] * count
    growth = memory(comfy) / settled - 1
    if count > 8:
        record(
            f"{count} prompts to one server, one cancelled and one malformed between",
            f"all succeed; memory {growth:+.1%} after the fifth ({settled / 2**20:,.0f} MiB)",
        )
    assert growth <= GROWTH


def add_graph(repository: Path, number: int) -> Graph:
    """The bundled workflow with a seed and a caption of its own."""
    path = repository / "workflows" / "api" / "vivid_add_object.json"
    graph = json.loads(path.read_text(encoding="utf-8"))
    caption = CAPTIONS[number % len(CAPTIONS)]
    set_inputs(graph, "Vivid_EditVideo", steps=STEPS, seed=1000 + number, caption=caption)
    return graph


def post(comfy: ComfyServer, repository: Path, numbers: range | list[int]) -> list[str]:
    return [comfy.queue(add_graph(repository, number)) for number in numbers]


def malformed(repository: Path) -> Graph:
    graph = add_graph(repository, 0)
    set_inputs(graph, "Vivid_EditVideo", steps=0, caption="")
    return graph


def stop_one(comfy: ComfyServer, repository: Path) -> None:
    """Cancel an edit of a thousand steps while it runs, others waiting before it."""
    graph = add_graph(repository, 0)
    set_inputs(graph, "Vivid_EditVideo", steps=1000, seed=999)
    prompt = comfy.queue(graph)
    wait_until(lambda: running(comfy) == prompt, 600, "the prompt to cancel runs")
    assert comfy.stop(prompt).status == "interrupted"


def running(comfy: ComfyServer) -> str:
    """The prompt that is executed now, if one is."""
    queue = comfy.get("/queue")["queue_running"]
    return queue[0][1] if queue else ""


def memory(comfy: ComfyServer) -> int:
    """Bytes the idle server holds."""
    return psutil.Process(comfy.process.pid).memory_info().rss
