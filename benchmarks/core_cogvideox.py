"""Edits of our own CogVideoX models beside the same weights in ComfyUI's classes, piece by piece.

    cd ComfyUI && python .../benchmarks/core_cogvideox.py

In ComfyUI's Python and folder. The same noise, embeddings and steps; ComfyUI's side is given what
is ours, one thing after the other, until nothing is left of the difference.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]


@torch.inference_mode()
def main() -> int:
    sys.path[:0] = [str(Path.cwd()), str(ROOT / "tests" / "nodes")]
    sys.argv = ["main.py", "--cpu"]
    import comfy.options

    comfy.options.enable_args_parsing()
    import comfy.utils
    from core_models import quiet
    from core_parity import MODELS, SAME, steps_to_ours
    from inside_comfyui import load_pack
    from inside_core_model import load_core_nodes

    comfy.utils.PROGRESS_BAR_ENABLED = False
    quiet()
    nodes = load_pack(ROOT)
    load_core_nodes()
    print("| model | ComfyUI's side | largest difference | PSNR, dB |")
    print("|---|---|---|---|")
    left = []
    for model in MODELS:
        steps = list(steps_to_ours(nodes, model))
        for name, found in steps:
            decibels = -10 * math.log10(max(found.mean_square, 1e-12))
            print(f"| {model} | {name} | {found.largest:.2g} | {decibels:.1f} |", flush=True)
        left.append(steps[-1][1].largest)
    return 0 if max(left) < SAME else 1


if __name__ == "__main__":
    sys.exit(main())
