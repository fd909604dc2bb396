"""Train a tiny Wan VACE of ComfyUI's class, and see whether it uses masks and known frames.

    cd ComfyUI && python .../benchmarks/core_vace.py [--steps 1500] [--scenes 300]

In ComfyUI's Python and folder. The scenes are coloured gradients with a moving disc; what is told
to the model, in training as afterwards, is what Vivid Use Core Model tells it. Its VAE has random
weights, so errors are those of latents: in the hole, after 8 steps of sampling through our node's
own way, against the same model that is told nothing, and against one without the known first frame.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
FRAMES, SIDE = 9, 64
BATCH, RATE, WARM_UP = 16, 2e-3, 50
HELD_OUT, SAMPLING_STEPS = 24, 8
KINDS = ("nothing", "masks", "first frame")  # of what is told


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Scenes as the model reads them: `clean` latents in its own scale, and `told` beside them."""

    clean: Tensor
    told: Tensor
    hole: Tensor  # [N, T, h, w] of latents


def main() -> int:
    parser = argparse.ArgumentParser(description="Does a tiny VACE use masks and known frames?")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--scenes", type=int, default=300)
    arguments = parser.parse_args()
    sys.path[:0] = [str(Path.cwd()), str(ROOT / "tests" / "nodes")]
    sys.argv = ["main.py", "--cpu", "--use-pytorch-cross-attention"]
    import comfy.options

    comfy.options.enable_args_parsing()
    from core_models import load_model, quiet, wan_state
    from inside_comfyui import load_pack

    quiet()
    load_pack(ROOT)
    load_core_nodes()
    torch.manual_seed(0)
    begun = time.monotonic()
    model, vae = load_model(wan_state(vace=True)), loud_vae()
    train(model, encode(model, vae, range(arguments.scenes)), arguments.steps)
    errors = measure(model, vae)
    nothing, masks, first = errors["nothing"], errors["masks"], errors["first frame"]
    print(f"{arguments.steps} steps, {time.monotonic() - begun:.0f} s")
    print(f"error in the hole, told nothing: {nothing:.4f}")
    print(f"told masks and surroundings: {masks:.4f} ({masks / nothing:.2f}x)")
    print(f"told the first frame too: {first:.4f} ({first / masks:.2f}x of that without)")
    return 0 if first < masks < nothing else 1


def load_core_nodes() -> None:
    import asyncio
    from importlib import import_module

    nodes: Any = import_module("nodes")
    file = Path(nodes.__file__).parent / "comfy_extras" / "nodes_wan.py"
    asyncio.run(nodes.load_custom_node(str(file), module_parent="comfy_extras"))


def loud_vae() -> Any:
    """The tiny VAE with latents that spread as far as a real one's."""
    from comfy.latent_formats import Wan21
    from core_models import load_vae, wan_vae_state

    state = wan_vae_state()
    quiet_one = load_vae(state)
    clips = torch.cat([quiet_one.encode(scene(number)[0]) for number in range(8)])
    mean, spread = clips.mean((0, 2, 3, 4)), clips.std((0, 2, 3, 4))
    wanted = Wan21()
    gain = wanted.latents_std.flatten() / spread
    for name in ("conv1.weight", "conv1.bias"):  # the first half of its channels are latents
        weight = state[name]
        shape = (-1, *[1] * (weight.ndim - 1))
        weight[:16] = weight[:16] * gain.view(shape)
    state["conv1.bias"][:16] += wanted.latents_mean.flatten() - mean * gain
    return load_vae(state)


def scene(number: int) -> tuple[Tensor, Tensor]:
    """Frames [T, H, W, 3] and a box that moves over them [T, H, W]."""
    generator = torch.Generator().manual_seed(number)

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    a, b, color, (x0, y0, vx, vy) = draw(3), draw(3), draw(3), draw(4)
    grid = torch.linspace(0, 1, SIDE)
    share = (grid[:, None] * x0 + grid[None, :] * (1 - x0))[..., None]
    frames = torch.lerp(a, b, share).expand(FRAMES, -1, -1, -1).clone()
    box = torch.zeros(FRAMES, SIDE, SIDE)
    ys, xs = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    top, left = int(8 + 16 * y0), int(8 + 16 * x0)
    for frame in range(FRAMES):
        x, y = left + 12 + frame * float(vx), top + 12 + frame * float(vy)
        disc = (xs - x) ** 2 + (ys - y) ** 2 < 90
        frames[frame][disc] = color
        box[frame, top : top + 32, left : left + 32] = 1
    return frames, box


def told(vae: Any, frames: Tensor, hole: Tensor) -> dict[str, Any]:
    """The conditioning's values for a window, by the same way as in an edit."""
    import importlib

    contracts = importlib.import_module("vivid_pack.nodes.core_model.contracts")
    family = importlib.import_module("vivid_pack.nodes.core_model.family").WAN_VACE
    span = contracts.Span(family=family, vae=vae, pixels=frames, hole=hole)
    empty = {"positive": [[torch.zeros(1, 1, 4096), {}]]}
    return contracts.condition(span, [empty]).conditions[0]["positive"][0][1]


def context(model: Any, values: dict[str, Any]) -> Tensor:
    """What the network reads beside the noise [1, 96, T, h, w]."""
    noise = torch.zeros_like(values["vace_frames"][0][:, :16])
    read = model.model.extra_conds(noise=noise, device=torch.device("cpu"), **values)
    return read["vace_context"].cond[:, 0]


@torch.no_grad()
def encode(model: Any, vae: Any, numbers: range, kind: str | None = None) -> Examples:
    """Scenes of one kind, or of all of them in turn."""
    clean, beside, holes = [], [], []
    for number in numbers:
        frames, hole = scene(number)
        asked = kind or KINDS[number % len(KINDS)]
        if asked == "nothing":
            hole[:] = 1
        elif asked == "first frame":
            hole[0] = 0
        values = told(vae, frames, hole)
        clean.append(model.model.process_latent_in(vae.encode(frames)))
        beside.append(context(model, values))
        holes.append(values["vace_mask"][0][0].amax(0))
    return Examples(clean=torch.cat(clean), told=torch.cat(beside), hole=torch.stack(holes))


def train(model: Any, examples: Examples, steps: int) -> None:
    """Flow matching, as Wan is trained."""
    network = model.model.diffusion_model.requires_grad_(True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.0)
    text = torch.zeros(BATCH, 1, 4096)
    for step in range(steps):
        warm = min(1.0, (step + 1) / WARM_UP)
        optimizer.param_groups[0]["lr"] = RATE * warm * (1 - step / steps)
        picked = torch.randint(len(examples.clean), (BATCH,))
        clean, noise = examples.clean[picked], torch.randn(BATCH, *examples.clean.shape[1:])
        sigma = torch.rand(BATCH)
        level = sigma.view(-1, 1, 1, 1, 1)
        made = network(
            clean.lerp(noise, level), sigma * 1000, text,
            vace_context=examples.told[picked][:, None], vace_strength=[1.0],
        )  # fmt: skip
        loss = F.mse_loss(made, noise - clean)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step}: {loss.item():.3f}", flush=True)
    network.requires_grad_(False)


@torch.no_grad()
def measure(model: Any, vae: Any) -> dict[str, float]:
    """Mean square error of held-out latents where both have to make them, by what was told."""
    numbers = range(10_000, 10_000 + HELD_OUT)
    found = {kind: encode(model, vae, numbers, kind) for kind in KINDS}
    clean, hole = found["first frame"].clean, found["first frame"].hole
    where = (hole > 0)[:, None].expand_as(clean)
    return {
        kind: float((sample(model, one.told) - clean)[where].square().mean())
        for kind, one in found.items()
    }


def sample(model: Any, beside: Tensor) -> Tensor:
    """Euler steps from the same noise."""
    network = model.model.diffusion_model
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(len(beside), 16, *beside.shape[2:], generator=generator)
    text = torch.zeros(len(beside), 1, 4096)
    levels = torch.linspace(1, 0, SAMPLING_STEPS + 1)
    for level, after in zip(levels, levels[1:], strict=False):
        now = level.expand(len(beside)) * 1000
        made = network(latents, now, text, vace_context=beside[:, None], vace_strength=[1.0])
        latents = latents + (after - level) * made
    return latents


if __name__ == "__main__":
    sys.exit(main())
