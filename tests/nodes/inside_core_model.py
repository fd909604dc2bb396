"""Checks of models that ComfyUI itself loads: run by test_inside.py in ComfyUI's Python.

Arguments: the repository and a base directory. Prints the name of each check that holds.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import torch

FRAMES, SIDE, WINDOW = 9, 64, 5
EDIT = {
    "task": "modify", "caption": "a red circle", "negative": "", "seed": 1, "steps": 2,
    "guidance": 3.0, "focus": "off", "fill": "off", "sampler": "ddim", "grow": -1, "feather": 2,
}  # fmt: skip
USE = {
    "sampler_name": "euler", "scheduler": "simple", "width": SIDE, "height": SIDE,
    "window": WINDOW, "strength": 1.0,
}  # fmt: skip
EXTRAS = ("nodes_wan", "nodes_void", "nodes_custom_sampler")


def load_core_nodes() -> None:
    """ComfyUI's own nodes that models are brought their masks by."""
    import nodes

    folder = Path(nodes.__file__).parent / "comfy_extras"
    for name in EXTRAS:
        if (folder / f"{name}.py").is_file():
            asyncio.run(nodes.load_custom_node(str(folder / f"{name}.py"), module_parent="comfy_extras"))


def clip_and_mask() -> tuple[torch.Tensor, torch.Tensor]:
    """Frames at 8 bits and a square that moves over them; empty on no frame."""
    generator = torch.Generator().manual_seed(7)
    frames = torch.randint(0, 256, (FRAMES, SIDE, SIDE, 3), generator=generator) / 255
    mask = torch.zeros(FRAMES, SIDE, SIDE)
    for number in range(FRAMES):
        mask[number, 16:40, 8 + 2 * number : 32 + 2 * number] = 1
    return frames, mask


def use(nodes: Any, model: Any, vae: Any, **inputs: Any) -> Any:
    positive, negative = (core_models.conditioning(core_models.WAN_TEXT, s) for s in (1, 2))
    given = {**USE, "positive": positive, "negative": negative, **inputs}
    return nodes.UseCoreModel.execute(model=model, vae=vae, **given).args[0]


def vace(nodes: Any, **inputs: Any) -> Any:
    return use(nodes, VACE(), core_models.wan_vae(), **inputs)


def VACE() -> Any:
    return core_models.load_model(core_models.wan_state(vace=True))


def the_rest_stays_exactly(nodes: Any) -> None:
    frames, mask = clip_and_mask()
    with torch.inference_mode():
        model = vace(nodes)
        edit, effective, report, _ = nodes.EditVideo.execute(model, frames, mask, **EDIT).args
        again = nodes.EditVideo.execute(model, frames, mask, **EDIT).args[0]
    assert edit.shape == frames.shape
    assert torch.equal(edit[effective == 0], frames[effective == 0])
    assert (edit[effective == 1] != frames[effective == 1]).float().mean() > 0.5
    assert torch.equal(edit, again)
    print(report, file=sys.stderr)


CHECKS = {check.__name__: check for check in (the_rest_stays_exactly,)}

if __name__ == "__main__":
    repository, base = sys.argv[1:]
    sys.path.insert(0, str(Path(__file__).parent))
    from inside_comfyui import load_pack, run_checks, start_comfyui

    start_comfyui(base)
    import core_models

    core_models.quiet()
    pack = load_pack(Path(repository))
    load_core_nodes()
    run_checks(CHECKS, pack)
