"""Measure how far vivid-tiny does what it is told: held-out scenes, held-out wordings.

    python benchmarks/instruct.py [--scenes 64] [--frames 1] [--text 0] [--adapter FILE] [--out DIR]

Prints, for each kind of instruction, how often a recogniser sees what was asked for, and the PSNR
of what the instruction leaves alone; the model's raw output, nothing pasted. "source" and "truth"
show what the figures are where nothing is done, and where all is done right. DIR gets pictures.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from vivid_core.cogvideox.adapter import apply_adapter, load_adapter
from vivid_core.cogvideox.model import CogVideoX
from vivid_core.cogvideox.vae import decode, encode
from vivid_core.edit.clip import edit_clip
from vivid_core.edit.job import Material
from vivid_core.media import save_image
from vivid_core.settings import Settings
from vivid_core.tiny.instruct_cases import InstructionCase, instruction_case
from vivid_core.tiny.load import INSTRUCT_FILE, TINY_WEIGHTS, load_tiny
from vivid_core.tiny.scenes.instructions import KINDS
from vivid_core.video import Clip, MaskTrack

Method = Callable[[InstructionCase, int], Tensor]
PICTURED, STEPS = 12, 8


def main() -> None:
    arguments = _parser().parse_args()
    started = time.monotonic()
    cases = [instruction_case(n, frames=arguments.frames) for n in range(arguments.scenes)]
    lines = ["| method | kind | cases | agrees [%] | untouched [dB] |", "|---|---|---|---|---|"]
    for name, method in _methods(arguments).items():
        results = [_run(method, case, number, name) for number, case in enumerate(cases)]
        _show(arguments.out, name, cases, results)
        lines += _rows(name, cases, results)
    print(
        f"\nvivid-tiny by instruction: {arguments.scenes} held-out scenes of {arguments.frames} "
        f"frames, {arguments.steps} steps, text {arguments.text:g}, video {arguments.video:g}, "
        f"torch {torch.__version__} on {platform.machine()}, {time.monotonic() - started:.0f} s\n"
    )
    print("\n".join(lines))


def _methods(arguments: argparse.Namespace) -> dict[str, Method]:
    base = load_tiny(adapter=False)
    model = apply_adapter(base, load_adapter(arguments.adapter))

    def instructed(case: InstructionCase, seed: int) -> Tensor:
        guidance = (arguments.text, arguments.video)
        return edit_raw(model, case, seed=seed, steps=arguments.steps, guidance=guidance)

    def coded(frames: Tensor) -> Tensor:
        latents = encode(base.vae, frames.permute(3, 0, 1, 2)[None] * 2 - 1)
        shown = decode(base.vae, latents, frames=len(frames))[0]
        return ((shown.permute(1, 2, 3, 0) + 1) / 2).clamp(0, 1)

    return {
        "vivid-tiny": instructed,
        "source": lambda case, _: case.source,
        "truth": lambda case, _: case.truth,
        "truth through the VAE": lambda case, _: coded(case.truth),
    }


def edit_raw(
    model: CogVideoX,
    case: InstructionCase,
    *,
    seed: int,
    steps: int = STEPS,
    guidance: tuple[float, float] = (0.0, 0.0),
) -> Tensor:
    """What the model makes of a case, nothing pasted and no colour matched."""
    settings = Settings(
        task="instruct",
        caption=case.instruction,
        seed=seed,
        steps=steps,
        guidance=guidance,
        focus="off",
        feather=0,
        match_colors=False,
    )
    clip = Clip(frames=case.source)
    return edit_clip(
        model, Material(clip=clip, mask=MaskTrack.of_everything(clip)), settings
    ).frames


@torch.no_grad()
def _run(method: Method, case: InstructionCase, number: int, name: str) -> Tensor:
    print(f"\r{name}: case {number}", end="", file=sys.stderr, flush=True)
    return method(case, number)


def _rows(name: str, cases: list[InstructionCase], results: list[Tensor]) -> list[str]:
    scored = [
        (case.kind, case.agrees(frames), case.kept(frames))
        for case, frames in zip(cases, results, strict=True)
    ]
    rows = []
    for kind in (*KINDS, "all"):
        chosen = [one for one in scored if kind in (one[0], "all")]
        agrees, kept = fmean(one[1] for one in chosen), fmean(one[2] for one in chosen)
        rows.append(f"| {name} | {kind} | {len(chosen)} | {100 * agrees:.1f} | {kept:.2f} |")
    return rows


def _show(out: Path, name: str, cases: list[InstructionCase], results: list[Tensor]) -> None:
    """Source, result and truth of the middle frame, one below the other."""
    rows = []
    for case, frames in list(zip(cases, results, strict=True))[:PICTURED]:
        at = len(frames) // 2
        rows.append(torch.cat([case.source[at], frames[at], case.truth[at]], dim=1))
    out.mkdir(parents=True, exist_ok=True)
    save_image(out / f"{name.replace(' ', '_')}.png", torch.cat(rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenes", type=int, default=64)
    parser.add_argument("--frames", type=int, default=1, help="of a scene: 1, or 17")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--text", type=float, default=0.0, help="guidance; 0 reads once")
    parser.add_argument("--video", type=float, default=0.0, help="guidance of the source")
    parser.add_argument("--adapter", type=Path, default=TINY_WEIGHTS / INSTRUCT_FILE)
    parser.add_argument("--out", type=Path, default=Path("instructed"))
    return parser


if __name__ == "__main__":
    main()
