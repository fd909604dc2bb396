"""What an edit through ComfyUI's own models costs beside ComfyUI's own nodes, and what focus saves.

    cd ComfyUI && python .../benchmarks/core_model.py [--pairs 9] [--what focus speed]

In ComfyUI's Python and folder. `focus`: FLOPs of one window of Wan VACE 1.3B, counted by torch on
the meta device, of the full frame and of a focus crop. `speed`: a window through Vivid Use Core
Model against ComfyUI's nodes doing the same (conditioning, sampling, decoding), on a tiny CogVideoX
of random weights; median of paired runs, which take turns in being first.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[1]
PETA = 1e15
FRAMES, FULL, CROP = 49, (480, 832), (240, 368)
STEPS, PASSES = 50, 2
TEXT = (1, 512, 4096)  # umT5: tokens and width
VACE_1_3B = {"dim": 1536, "ffn_dim": 8960, "num_heads": 12, "num_layers": 30, "vace_layers": 15}
VAE_DIM = 96
TINY_FRAMES, TINY_SIDE, TINY_STEPS = 9, 64, 8
MOST = 1.02  # of ComfyUI's own time


def main() -> int:
    parser = argparse.ArgumentParser(description="Cost of edits through ComfyUI's models.")
    parser.add_argument("--what", nargs="+", choices=["focus", "speed"], default=["focus", "speed"])
    parser.add_argument("--pairs", type=int, default=9)
    arguments = parser.parse_args()
    sys.path[:0] = [str(Path.cwd()), str(ROOT / "tests" / "nodes")]
    sys.argv = ["main.py", "--cpu", "--use-pytorch-cross-attention"]
    import comfy.options

    comfy.options.enable_args_parsing()
    if "focus" in arguments.what:
        print_focus()
    return print_speed(arguments.pairs) if "speed" in arguments.what else 0


def print_focus() -> None:
    print(f"| Wan VACE 1.3B, {FRAMES} frames, {STEPS} steps with guidance | PFLOPs | share |")
    print("|---|---|---|")
    whole = window_pflops(FULL)
    for name, size in (("full frame", FULL), ("focus crop", CROP)):
        cost = window_pflops(size)
        print(f"| {name} {size[1]}x{size[0]} | {cost:.3g} | {cost / whole:.3f} |", flush=True)


def window_pflops(size: tuple[int, int]) -> float:
    """One window: two clips encoded, all steps with guidance, one clip decoded."""
    latents = (1, 16, (FRAMES - 1) // 4 + 1, size[0] // 8, size[1] // 8)
    vae, pixels = meta_vae(), torch.empty(1, 3, FRAMES, *size, device="meta")
    encode = flops(lambda: vae.encode(pixels))
    decode = flops(lambda: vae.decode(torch.empty(latents, device="meta")))
    return (2 * encode + decode + STEPS * PASSES * pass_flops(latents)) / PETA


def pass_flops(latents: tuple[int, ...]) -> int:
    import comfy.ldm.wan.model as wan
    import comfy.ops

    network = wan.VaceWanModel(
        vace_in_dim=96, operations=comfy.ops.disable_weight_init, device="meta",
        dtype=torch.float32, **VACE_1_3B,
    )  # fmt: skip
    context = torch.empty(1, 1, 96, *latents[2:], device="meta")
    return flops(
        lambda: network(
            torch.empty(latents, device="meta"),
            torch.empty(1, device="meta"),
            torch.empty(TEXT, device="meta"),
            vace_context=context,
            vace_strength=[1.0],
        )
    )


def meta_vae() -> Any:
    import comfy.ldm.wan.vae as wan

    with torch.device("meta"):
        return wan.WanVAE(dim=VAE_DIM, z_dim=16, temperal_downsample=[False, True, True])


def flops(work: Callable[[], Any]) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def print_speed(pairs: int) -> int:
    """Ratios of pairs; the first pair warms up."""
    from inside_comfyui import load_pack

    nodes = load_pack(ROOT)
    ours, theirs = two_ways(nodes)
    with torch.inference_mode():
        same = torch.equal(ours(), theirs())
        ratios = [paired(ours, theirs, first=number % 2 == 0) for number in range(pairs)]
    ratio = statistics.median(ratios)
    print(f"the same pixels: {'yes' if same else 'NO'}")
    print(f"ours / ComfyUI's nodes, median of {pairs} pairs: {ratio:.3f} (at most {MOST})")
    print("pairs: " + " ".join(f"{one:.3f}" for one in sorted(ratios)))
    return 0 if same and ratio <= MOST else 1


def paired(ours: Callable[[], Any], theirs: Callable[[], Any], *, first: bool) -> float:
    order = (ours, theirs) if first else (theirs, ours)
    times = {}
    for work in order:
        begun = time.process_time()
        work()
        times[work] = time.process_time() - begun
    return times[ours] / times[theirs]


def two_ways(nodes: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """A window of CogVideoX Fun-InP through our inpainter, and through ComfyUI's own calls."""
    import comfy.sample
    import comfy.samplers
    import node_helpers
    from comfy_extras.nodes_void import VOID_DDIM
    from core_models import COGVIDEOX_TEXT, cogvideox, cogvideox_vae, conditioning, pack_module

    model = cogvideox(
        nodes, channels=33, paired=False, sampler=VOID_DDIM(), scheduler="simple",
        positive=conditioning(COGVIDEOX_TEXT, 1), negative=conditioning(COGVIDEOX_TEXT, 2),
        window=TINY_FRAMES,
    ).bundle  # fmt: skip
    inpainter, settings = pack_module("inpainter"), pack_module("settings")
    pixels = torch.rand(TINY_FRAMES, TINY_SIDE, TINY_SIDE, 3)
    hole = torch.zeros(TINY_FRAMES, TINY_SIDE, TINY_SIDE)
    hole[:, 16:40, 16:40] = 1
    asked = settings.Settings(task="modify", caption="x", steps=TINY_STEPS, guidance=3.0)
    draw = inpainter.Draw(
        prompt=model.read("x", asked), negative=model.read_negative(asked), seed=1
    )
    region = inpainter.Region(pixels=pixels, hole=hole)

    def ours() -> Any:
        return model.inpaint(
            region, [draw], asked, device=torch.device("cpu"), on_stage=lambda *_: None
        ).pixels[0]

    def theirs() -> Any:
        vae = cogvideox_vae()
        masked = vae.encode(torch.where(hole[..., None] > 0, 0.0, pixels))
        kept = torch.nn.functional.interpolate(
            1 - hole[None, None, :1], (1, 8, 8), mode="trilinear"
        )
        rest = torch.nn.functional.interpolate(
            1 - hole[None, None, 1:], (2, 8, 8), mode="trilinear"
        )
        values = {"concat_latent_image": torch.cat([torch.cat([kept, rest], 2), masked], 1)}
        positive, negative = (
            node_helpers.conditioning_set_values(conditioning(COGVIDEOX_TEXT, seed), values)
            for seed in (1, 2)
        )
        latents = torch.zeros(1, 16, *masked.shape[2:])
        sampling = model.model.get_model_object("model_sampling")
        made = comfy.sample.sample_custom(
            model.model, comfy.sample.prepare_noise(latents, 1), 3.0, VOID_DDIM(),
            comfy.samplers.calculate_sigmas(sampling, "simple", TINY_STEPS), positive, negative,
            latents, seed=1,
        )  # fmt: skip
        return vae.decode(made)[0]

    return ours, theirs


if __name__ == "__main__":
    sys.exit(main())
