"""Train a tiny Wan VACE of ComfyUI's class, and see whether it uses masks and known frames.

    cd ComfyUI && python .../benchmarks/core_vace.py [--steps 1500] [--scenes 300]

In ComfyUI's Python and folder. The scenes are coloured gradients with a moving disc; what is told
to the model, in training as afterwards, is what Vivid Use Core Model tells it. Held-out scenes are
edited by that node's model, 8 steps of sampling, and errors are those of pixels in the hole:
against the same model that is told nothing, that is told the surroundings of another scene, and
that does not know the first frame.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
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
OTHERS = "another scene"
MOST = 0.9  # of the error of a model that knows less


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Scenes as the model reads them: `clean` latents in its own scale, and `told` beside them."""

    clean: Tensor
    told: Tensor


def main() -> int:
    parser = argparse.ArgumentParser(description="Does a tiny VACE use masks and known frames?")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--scenes", type=int, default=300)
    arguments = parser.parse_args()
    nodes = start()
    torch.manual_seed(0)
    begun = time.monotonic()
    vae = TrainedVae()
    core = tiny_vace(nodes, vae)
    train(core.model, encode(core, range(arguments.scenes)), arguments.steps)
    trained = time.monotonic() - begun
    errors = measure(core)
    print(f"{arguments.steps} steps, {trained:.0f} s; {HELD_OUT} held-out scenes")
    print("\n".join(table(errors)))
    blind = min(errors["nothing"], errors[OTHERS])
    helps = errors["masks"] < MOST * blind and errors["first frame"] < MOST * errors["masks"]
    return 0 if helps else 1


def start() -> Any:
    """The pack's nodes, in ComfyUI with the nodes that Wan needs."""
    import asyncio

    sys.path[:0] = [str(Path.cwd()), str(ROOT / "tests" / "nodes")]
    sys.argv = ["main.py", "--cpu", "--use-pytorch-cross-attention"]
    import comfy.options

    comfy.options.enable_args_parsing()
    import comfy.utils
    from core_models import quiet

    comfy.utils.PROGRESS_BAR_ENABLED = False
    from inside_comfyui import load_pack

    quiet()
    pack = load_pack(ROOT)
    nodes: Any = import_module("nodes")
    file = Path(nodes.__file__).parent / "comfy_extras" / "nodes_wan.py"
    asyncio.run(nodes.load_custom_node(str(file), module_parent="comfy_extras"))
    return pack


class TrainedVae:
    """vivid-tiny's VAE at half of the size, which makes Wan's 8x8 of its 4x4 pixels a latent.

    Its latents spread as Wan's. With the face of ComfyUI's VAE.
    """

    latent_dim, latent_channels = 3, 16
    downscale_ratio = (lambda frames: (frames + 3) // 4, 8, 8)

    def __init__(self) -> None:
        from comfy.latent_formats import Wan21
        from core_models import pack_module

        self.codec = pack_module("cogvideox.vae")
        self.first_stage_model = pack_module("tiny.load").load_tiny().vae
        self.wan = Wan21()
        clips = torch.cat([self._encode(scene(number)[0]) for number in range(16)])
        self.mean = clips.mean((0, 2, 3, 4), keepdim=True)
        self.spread = clips.std((0, 2, 3, 4), keepdim=True)

    def encode(self, pixels: Tensor) -> Tensor:
        return self.wan.process_out((self._encode(pixels) - self.mean) / self.spread)

    def decode(self, latents: Tensor) -> Tensor:
        latents = self.wan.process_in(latents) * self.spread + self.mean
        frames = 4 * latents.shape[2] - 3
        small = self.codec.decode(self.first_stage_model, latents, frames=frames)
        large = F.interpolate(small, scale_factor=(1, 2, 2), mode="trilinear")
        return ((large + 1) / 2).clamp(0, 1).movedim(1, -1)

    def spacial_compression_encode(self) -> int:
        return 8

    def temporal_compression_decode(self) -> int:
        return 4

    def _encode(self, pixels: Tensor) -> Tensor:
        small = F.avg_pool3d(pixels.movedim(-1, 0)[None] * 2 - 1, (1, 2, 2))
        return self.codec.encode(self.first_stage_model, small)


def tiny_vace(nodes: Any, vae: TrainedVae) -> Any:
    """An untrained model as the editing nodes get it."""
    from core_models import USE, load_model, wan_state

    silent = [[torch.zeros(1, 1, 4096), {}]]
    given = {**USE, "window": FRAMES, "sampler_name": "euler", "positive": silent}
    model = load_model(wan_state(vace=True))
    return nodes.UseCoreModel.execute(model=model, vae=vae, **given).args[0].bundle


def scene(number: int) -> tuple[Tensor, Tensor]:
    """Frames [T, H, W, 3] of a disc that moves within a box [T, H, W]."""
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
    box[:, top : top + 32, left : left + 32] = 1
    for frame in range(FRAMES):
        x, y = left + 12 + frame * float(vx), top + 12 + frame * float(vy)
        frames[frame][(xs - x) ** 2 + (ys - y) ** 2 < 90] = color
    return frames, box


def task(number: int, kind: str) -> tuple[Tensor, Tensor]:
    """The pixels and the hole of an edit that tells that much."""
    frames, hole = scene(number)
    if kind == "nothing":
        hole[:] = 1
    elif kind == "first frame":
        hole[0] = 0
    elif kind == OTHERS:
        frames = scene(number + 1)[0]
    return frames, hole


@torch.no_grad()
def encode(core: Any, numbers: range) -> Examples:
    """Scenes of all kinds in turn."""
    clean, beside = [], []
    for number in numbers:
        pixels, hole = task(number, KINDS[number % len(KINDS)])
        clean.append(core.model.model.process_latent_in(core.vae.encode(pixels)))
        beside.append(context(core, pixels, hole))
    return Examples(clean=torch.cat(clean), told=torch.cat(beside))


def context(core: Any, pixels: Tensor, hole: Tensor) -> Tensor:
    """What the network reads beside the noise of an edit [1, 96, T, h, w]."""
    from core_models import pack_module

    region = pack_module("inpainter").Region(pixels=pixels, hole=hole)
    contracts = import_module("vivid_pack.nodes.core_model.contracts")
    told = contracts.condition(core._span(region), [core.texts.given])
    values = told.conditions[0]["positive"][0][1]
    noise = torch.zeros_like(values["vace_frames"][0][:, :16])
    read = core.model.model.extra_conds(noise=noise, device=torch.device("cpu"), **values)
    return read["vace_context"].cond[:, 0]


def train(model: Any, examples: Examples, steps: int) -> None:
    """Flow matching, as Wan is trained, at the noise levels of the model's own schedule."""
    network = model.model.diffusion_model.requires_grad_(True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.0)
    shift = model.get_model_object("model_sampling").shift
    text = torch.zeros(BATCH, 1, 4096)
    for step in range(steps):
        warm = min(1.0, (step + 1) / WARM_UP)
        optimizer.param_groups[0]["lr"] = RATE * warm * (1 - step / steps)
        picked = torch.randint(len(examples.clean), (BATCH,))
        clean, noise = examples.clean[picked], torch.randn(BATCH, *examples.clean.shape[1:])
        even = torch.rand(BATCH)
        sigma = shift * even / (1 + (shift - 1) * even)
        with differentiable():
            made = network(
                clean.lerp(noise, sigma.view(-1, 1, 1, 1, 1)), sigma * 1000, text,
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


@contextmanager
def differentiable() -> Iterator[None]:
    """Let ComfyUI take operations that gradients can pass."""
    import comfy.model_management as management

    before = getattr(management, "in_training", False)
    management.in_training = True
    try:
        yield
    finally:
        management.in_training = before


@torch.inference_mode()
def measure(core: Any) -> dict[str, float]:
    """Mean square error of pixels where all have to make them, by what was told."""
    return {
        kind: sum(error(core, 10_000 + number, kind) for number in range(HELD_OUT)) / HELD_OUT
        for kind in (*KINDS, OTHERS, "the VAE alone")
    }


def error(core: Any, number: int, kind: str) -> float:
    frames, box = scene(number)
    if kind == "the VAE alone":
        made = core.vae.decode(core.vae.encode(frames))[0]
    else:
        made = edited(core, *task(number, kind))
    return float((made - frames)[1:][box[1:] > 0].square().mean())


def edited(core: Any, pixels: Tensor, hole: Tensor) -> Tensor:
    """Pixels as the editing nodes get them, before what was given is pasted over them."""
    from core_models import pack_module

    inpainter, settings = pack_module("inpainter"), pack_module("settings")
    asked = settings.Settings(task="modify", caption="any", steps=SAMPLING_STEPS, guidance=1.0)
    draw = inpainter.Draw(prompt=core.read("any", asked), negative=None, seed=1)
    return core.inpaint(
        inpainter.Region(pixels=pixels, hole=hole), [draw], asked,
        device=torch.device("cpu"), on_stage=lambda *_: None,
    ).pixels[0]  # fmt: skip


def table(errors: dict[str, float]) -> list[str]:
    nothing = errors["nothing"]
    rows = [
        f"| {told} | {error:.5f} | {error / nothing:.3f} |"
        for told, error in sorted(errors.items(), key=lambda one: -one[1])
    ]
    return ["| told | mean square error in the hole | share |", "|---|---|---|", *rows]


if __name__ == "__main__":
    sys.exit(main())
