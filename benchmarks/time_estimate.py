"""Times that estimates promise beside times that edits took, on this machine with vivid-tiny.

    python benchmarks/time_estimate.py

Exits with 1 if an estimate is off by more than a factor of 3. Run it on a machine that does
nothing else.
"""

from __future__ import annotations

import statistics
import sys
import time

import torch

from vivid_core.edit.clip import run_edit
from vivid_core.edit.cost import estimate_cost
from vivid_core.edit.job import Job, Material, plan_edit
from vivid_core.edit.speed import matmul_speed
from vivid_core.inpainter import Inpainter
from vivid_core.settings import Settings
from vivid_core.tiny import load_tiny
from vivid_core.video import Clip, MaskTrack

CASES = ((1, 8), (9, 8), (17, 8), (17, 20), (33, 8))  # frames, steps
REPEATS = 3
FACTOR = 3.0


def main() -> int:
    torch.manual_seed(0)
    model, device = load_tiny(), torch.device("cpu")
    begun = time.perf_counter()
    speed = matmul_speed(device, model.dtype)
    took = time.perf_counter() - begun
    print(f"{speed / 1e9:.0f} GFLOPS of matrix products, measured in {took:.2f} s")
    print(f"{'frames':>6} {'steps':>6} {'estimate, s':>12} {'took, s':>8} {'ratio':>6}")
    worst = 1.0
    for frames, steps in CASES:
        clip = Clip(frames=torch.rand(frames, 64, 64, 3))
        mask = torch.zeros(frames, 64, 64)
        mask[:, 16:48, 16:48] = 1
        material = Material(clip=clip, mask=MaskTrack.fit(mask, clip))
        job = plan_edit(model, material, Settings(task="delete", steps=steps, fill="off"))
        cost = estimate_cost(model, job, speed=speed)
        assert cost is not None and cost.seconds is not None
        run_edit(model, job)
        seconds = statistics.median(_timed(model, job) for _ in range(REPEATS))
        ratio = cost.seconds / seconds
        worst = max(worst, ratio, 1 / ratio)
        print(f"{frames:6} {steps:6} {cost.seconds:12.2f} {seconds:8.2f} {ratio:6.2f}")
    return int(worst > FACTOR)


def _timed(model: Inpainter, job: Job) -> float:
    begun = time.perf_counter()
    run_edit(model, job)
    return time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main())
