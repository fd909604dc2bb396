"""Measure vivid-tiny on held-out scenes, beside Telea inpainting and a mean-colour fill.

    python benchmarks/tiny_quality.py [--scenes 64] [--steps 20] [--model tiny] [--out DIR]

Prints one table and writes quality.json and quality.png (source, mask, edit, truth, difference)
into DIR. The model's raw output is measured: no mask growth, feathering or colour matching.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from pathlib import Path

import torch

from vivid_core.metrics.report import Report
from vivid_core.settings import DEFAULT_GUIDANCE
from vivid_core.tiny.cases import Sampling
from vivid_core.tiny.quality import (
    NOTES,
    Edit,
    background_energy,
    measure,
    methods_beside,
    summarise,
    write_results,
)

ENERGY_SCENES = 64  # drawing them is quick


def load_editor(model: str) -> Edit:
    """The model's editing function: "tiny", or a folder laid out like its weights."""
    from vivid_core.edit.clip import edit_clip
    from vivid_core.tiny.load import load_tiny

    bundle = load_tiny() if model == "tiny" else load_tiny(weights=Path(model))
    return lambda *asked: edit_clip(bundle, *asked).frames


def main() -> int:
    arguments = _parser().parse_args()
    sampling = Sampling(steps=arguments.steps, guidance=arguments.guidance)
    editor, started = load_editor(arguments.model), time.monotonic()
    measured = measure(methods_beside(editor), range(arguments.scenes), sampling, _progress)
    energy, clips = background_energy(ENERGY_SCENES, arguments.clips)
    setup = (
        f"{arguments.scenes} held-out scenes, {sampling.steps} steps, guidance "
        f"{sampling.guidance:g}, torch {torch.__version__} on {platform.machine()}, "
        f"{time.monotonic() - started:.0f} s"
    )
    report = Report(
        title=f"vivid-tiny ({arguments.model}): {setup}",
        figures=(*summarise(measured), energy),
        notes=(*NOTES, clips),
    )
    print("\n" + report.as_text())
    write_results(report, measured["ours"], arguments.out)
    return 0 if report.met else 1


def _progress(line: str) -> None:
    print(f"\r{line}", end="", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    clips = os.environ.get("VIVID_CLIPS") or Path(__file__).parents[2] / "shared" / "clips"
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenes", type=int, default=64)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=DEFAULT_GUIDANCE)
    parser.add_argument("--model", default="tiny", help="tiny, or a folder of its weights")
    parser.add_argument("--out", type=Path, default=Path("quality"))
    parser.add_argument("--clips", type=Path, default=Path(clips), help="folder of the real clips")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
