"""Memory does not grow with the length of a video, with a fill or without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ...soak import record


@pytest.mark.soak
@pytest.mark.parametrize("fill", ["off", "auto"])
def test_ten_times_the_frames_take_no_more_memory(repository: Path, fill: str) -> None:
    program = repository / "benchmarks" / "long_video.py"
    printed = subprocess.run(
        [sys.executable, program, "--frames", "120", "1200", "--fill", fill],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    share = float(printed.split()[-1].removesuffix("%"))
    record(f"peak memory of 1,200 frames against 120, fill {fill}", f"{share:.1f}%")
    assert share <= 110, printed
