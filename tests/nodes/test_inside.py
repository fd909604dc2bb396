"""The checks of inside_comfyui.py, all in one process of ComfyUI's own Python."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .inside_comfyui import CHECKS

SECONDS = 300


@pytest.fixture(scope="module")
def outcome(
    comfyui_dir: Path,
    comfyui_python: Path,
    repository: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> subprocess.CompletedProcess[str]:
    script = Path(__file__).with_name("inside_comfyui.py")
    return subprocess.run(
        [comfyui_python, script, repository, tmp_path_factory.mktemp("inside")],
        cwd=comfyui_dir,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.parametrize("name", list(CHECKS))
def test_inside_comfyui(outcome: subprocess.CompletedProcess[str], name: str) -> None:
    assert name in outcome.stdout.splitlines(), outcome.stderr[-3000:]
