"""The blueprint of words with SAM 3.1 of random weights, loaded and run by ComfyUI itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from . import inside_sam3

SECONDS = 3600
FEW = 2  # layers that see the picture; the rest of the network is whole


@pytest.mark.soak
def test_the_words_blueprint_runs_with_sam3(
    comfyui_dir: Path, comfyui_python: Path, repository: Path, tmp_path: Path
) -> None:
    """At the size that ComfyUI builds but for its layers: a minute and a half of one core."""
    script = Path(inside_sam3.__file__)
    outcome = subprocess.run(
        [comfyui_python, script, repository, tmp_path, f"{FEW}"],
        cwd=comfyui_dir,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    said = outcome.stdout.splitlines()
    if said and said[0].endswith("this ComfyUI has no SAM3"):
        pytest.skip(said[0].partition(": ")[2])
    assert said == list(inside_sam3.CHECKS), outcome.stderr[-3000:]
