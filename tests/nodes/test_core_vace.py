"""A tiny VACE that is trained for a while uses masks, surroundings and a known first frame."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = 3600


@pytest.mark.soak
def test_a_trained_model_uses_masks_and_known_frames(
    comfyui_dir: Path, comfyui_python: Path, repository: Path
) -> None:
    """Shorter than the run in benchmarks/RESULTS.md; its exit says whether each helps."""
    script = repository / "benchmarks" / "core_vace.py"
    outcome = subprocess.run(
        [comfyui_python, script, "--steps", "400", "--scenes", "120"],
        cwd=comfyui_dir,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    sys.stdout.write(outcome.stdout)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr[-2000:]
