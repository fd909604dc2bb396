"""The checks of the inside_*.py scripts, in a process of ComfyUI's Python each."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from . import (
    inside_comfyui,
    inside_core_model,
    inside_instruct,
    inside_merge,
    inside_perceive,
    inside_values,
    inside_video,
)

SECONDS = 900


Outcome = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def run_once(
    comfyui_dir: Path,
    comfyui_python: Path,
    repository: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], Outcome]:
    """How all checks of a script end. It runs once, whatever order its tests come in."""

    @cache
    def run(script: str) -> Outcome:
        path = Path(__file__).with_name(f"{script}.py")
        return subprocess.run(
            [comfyui_python, path, repository, tmp_path_factory.mktemp("inside")],
            cwd=comfyui_dir,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    return run


@pytest.mark.parametrize(
    ("script", "name"),
    [
        *(("inside_comfyui", name) for name in inside_comfyui.CHECKS),
        *(("inside_video", name) for name in inside_video.CHECKS),
        *(("inside_merge", name) for name in inside_merge.CHECKS),
        *(("inside_values", name) for name in inside_values.CHECKS),
        *(("inside_perceive", name) for name in inside_perceive.CHECKS),
        *(("inside_core_model", name) for name in inside_core_model.CHECKS),
        *(("inside_instruct", name) for name in inside_instruct.CHECKS),
    ],
)
def test_inside_comfyui(run_once: Callable[[str], Outcome], script: str, name: str) -> None:
    outcome = run_once(script)
    lines = outcome.stdout.splitlines()
    for line in lines:
        if line.startswith(f"{name} skipped: "):
            pytest.skip(line.partition(": ")[2])
    assert name in lines, outcome.stderr[-3000:]
