"""Seconds per denoising step, beside stock diffusers and ComfyUI's own or on a full-size model.

    python benchmarks/speed.py [--pairs 9] [--steps 5] [--threads 2]
    python benchmarks/speed.py --device cuda --full-5b

The first runs the same weights, noise and text through this project's loop and through diffusers'
CogVideoXPipeline in turns, and compares the two of each turn. Only steps are timed, not the
set-up of a run. Then one guided forward takes turns with the same in ComfyUI's own CogVideoX, if
there is a checkout (COMFYUI_DIR, unless set ~/ComfyUI). The second runs CogVideoX-5B with 33 input
channels and random weights in bfloat16, with guidance, for a clip and for a keyframe, whole and
cropped.
"""

from __future__ import annotations

import argparse
import logging
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from diffusers import (
    AutoencoderKLCogVideoX,
    CogVideoXDDIMScheduler,
    CogVideoXPipeline,
    CogVideoXTransformer3DModel,
)
from torch import Tensor

from vivid_core.cogvideox.flops import transformer_flops
from vivid_core.cogvideox.guidance import Rotary, guided_predictor
from vivid_core.cogvideox.keys import respell
from vivid_core.cogvideox.memory import denoise_bytes, weight_bytes
from vivid_core.cogvideox.rotary import rotary_embedding
from vivid_core.cogvideox.sampling import NoiseSchedule, denoise
from vivid_core.settings import MAX_STEPS
from vivid_core.tiny.build import SCHEDULE

Kind = Literal["ours", "stock"]
Name = TypeVar("Name", bound=str)
ALLOWED_RATIO = 1.03
ALLOWED_DIFFERENCE = 1e-4
GUIDANCE = 6.0
HALFWAY = 500  # the timestep of a lone forward
CORE_CLIP = (25, 192, 288)  # frames, height, width: a third of the work is attention
GIB = 2**30
MATMUL_SIDE, MATMUL_RUNS = 8192, 30
WARM_UP_STEPS = 2
FULL_STEPS = 8
FULL_CLIPS = {  # frames, height, width
    "49 frames 480x720": (49, 480, 720),
    "49 frames, crop 240x368": (49, 240, 368),
    "keyframe 480x720": (1, 480, 720),
    "keyframe, crop 240x368": (1, 240, 368),
}


@dataclass(frozen=True, kw_only=True)
class Setup:
    """A transformer and what one denoising run feeds it."""

    transformer: Any
    noise: Tensor  # [1, t, 16, h, w]
    condition: Tensor  # [1, t, in_channels - 16, h, w]
    caption: Tensor
    negative: Tensor


def main() -> int:
    arguments = parse_arguments()
    logging.disable(logging.WARNING)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    if arguments.full_5b:
        return measure_full_size(torch.device(arguments.device), arguments.layers)
    passed = [compare_with_stock(arguments), compare_with_core(arguments)]
    return 0 if all(passed) else 1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time denoising steps.")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--full-5b", action="store_true", help="the full-size model (on a GPU)")
    parser.add_argument("--pairs", type=int, default=9, help="turns of both loops")
    parser.add_argument(
        "--steps", type=int, default=5, help="of a run: a divisor of 1000, where diffusers is exact"
    )
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--layers", type=int, default=0, help="default: 4, and 42 for the 5B")
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--clip", default="17x128x192", help="frames x height x width in pixels")
    arguments = parser.parse_args()
    if arguments.steps < 2 or MAX_STEPS % arguments.steps:
        parser.error(f"--steps must divide {MAX_STEPS} and be 2 or more, got {arguments.steps}")
    return arguments


def compare_with_stock(arguments: argparse.Namespace) -> bool:
    """Print both loops' seconds per step and peak memory; False if ours is too slow or differs."""
    device, layers = torch.device(arguments.device), arguments.layers or 4
    clip = parse_clip(arguments.clip)
    setup = draw_setup(clip, device, layers=layers, heads=arguments.heads)
    loops: dict[Kind, Callable[[], Tensor]] = {}
    watch = Watch(device)
    loops["ours"] = lambda: run_ours(setup, arguments.steps, watch)
    loops["stock"] = lambda: run_stock(setup, arguments.steps, watch)
    difference = float((loops["ours"]() - loops["stock"]()).abs().max())

    def timed(kind: Kind) -> float:
        loops[kind]()
        return watch.seconds_per_step()

    seconds = take_turns(loops, timed, arguments.pairs)
    ratio = paired_ratio(seconds["ours"], seconds["stock"])
    frames, height, width = clip
    print(
        f"{layers} layers, {arguments.heads} heads of 64, {frames} frames of {height}x{width}, "
        f"guidance in one batch, {device}, {torch.get_num_threads()} threads, "
        f"{arguments.pairs} turns of {arguments.steps - 1} timed steps"
    )
    print(f"{'loop':6} {'s/step':>9} {'peak GiB':>9}")
    for kind in loops:
        peak = peak_memory(kind, arguments, layers)
        print(f"{kind:6} {statistics.median(seconds[kind]):9.4f} {peak / GIB:9.3f}")
    print(f"ours/stock, median of turns: {ratio:.3f} (at most {ALLOWED_RATIO})")
    print(f"largest difference of the latents: {difference:.1e}")
    return ratio <= ALLOWED_RATIO and difference < ALLOWED_DIFFERENCE


def take_turns(
    names: Iterable[Name], timed: Callable[[Name], float], turns: int
) -> dict[Name, list[float]]:
    """Seconds of each in each turn; every other turn goes the other way round."""
    seconds: dict[Name, list[float]] = {name: [] for name in names}
    for turn in range(turns):
        for name in list(seconds)[:: 1 if turn % 2 else -1]:
            seconds[name].append(timed(name))
    return seconds


def paired_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median over turns: what else the machine does slows both of a turn."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def compare_with_core(arguments: argparse.Namespace) -> bool:
    """Print a guided forward's seconds of ours and of ComfyUI's; False if too slow or different.

    A forward has a batch of two: the negative caption and the caption.
    """
    device, layers = torch.device(arguments.device), arguments.layers or 4
    folder = Path(os.environ.get("COMFYUI_DIR") or "~/ComfyUI").expanduser()
    if not (folder / "comfy" / "ldm" / "cogvideo").is_dir():
        print("ComfyUI's own CogVideoX: not measured: no ComfyUI checkout that has it")
        return True
    setup = draw_setup(CORE_CLIP, device, layers=layers, heads=arguments.heads)
    loops = forwards(setup, Core.load(folder, setup.transformer, device))
    outputs = {name: run() for name, run in loops.items()}
    seconds = take_turns(loops, lambda name: seconds_of(loops[name], device), arguments.pairs)
    frames, height, width = CORE_CLIP
    print(
        f"\none guided forward, {frames} frames of {height}x{width}, caption and negative in one "
        f"batch, {arguments.pairs} turns"
    )
    print(f"{'loop, attention':18} {'s':>9} {'ours/it':>9} {'largest difference':>19}")
    passed = True
    for name in loops:
        difference = float((outputs["ours"] - outputs[name]).abs().max())
        ratio = paired_ratio(seconds["ours"], seconds[name])
        passed &= ratio <= ALLOWED_RATIO and difference < ALLOWED_DIFFERENCE
        print(f"{name:18} {statistics.median(seconds[name]):9.4f} {ratio:9.3f} {difference:19.1e}")
    return passed


@dataclass(frozen=True, kw_only=True)
class Core:
    """ComfyUI's own CogVideoX with a transformer's weights, and how it attends."""

    model: Any
    attention: Any  # its module of attention functions

    @classmethod
    def load(cls, folder: Path, transformer: Any, device: torch.device) -> Core:
        """As ComfyUI loads a file: everything is detected from names and shapes."""
        sys.path.append(str(folder))
        from comfy.cli_args import args

        args.cpu = device.type == "cpu"
        import comfy.model_management
        import comfy.sd
        from comfy.ldm.modules import attention

        tensors = respell(transformer.state_dict(), "comfyui")
        options = {"dtype": transformer.dtype}
        patcher: Any = comfy.sd.load_diffusion_model_state_dict(tensors, model_options=options)
        comfy.model_management.load_models_gpu([patcher], force_full_load=True)
        return cls(model=patcher.model.diffusion_model, attention=attention)

    def rotary(self, setup: Setup) -> Rotary:
        _, t, _, h, w = setup.noise.shape
        patch = self.model.patch_size
        return self.model._get_rotary_emb(h // patch, w // patch, t, device=setup.noise.device)

    @torch.inference_mode()
    def predict(self, setup: Setup, **options: Any) -> Tensor:
        """What guided_predictor computes. ComfyUI's order is [b, c, t, h, w]."""
        output = self.model(
            setup.noise.transpose(1, 2).repeat(2, 1, 1, 1, 1),
            torch.full((2,), HALFWAY, device=setup.noise.device),
            torch.cat([setup.negative, setup.caption]),
            transformer_options=options,
        )
        uncond, cond = output.transpose(1, 2).float().chunk(2)
        return uncond + GUIDANCE * (cond - uncond)


def forwards(setup: Setup, core: Core) -> dict[str, Callable[[], Tensor]]:
    """Ours and ComfyUI's, with the attention it chooses here and with torch's.

    On a CPU it chooses one of its own, which saves memory; on NVIDIA cards it is torch's.
    """
    # Of models without a temporal patch ComfyUI multiplies rows and columns by 1.875, where
    # diffusers and CogVideoX-Fun fit the grid into the one of training: with positions of their
    # own the two differ by about 0.01. Ours gets ComfyUI's here, so that only the code differs.
    predict = guided_predictor(
        setup.transformer,
        setup.condition,
        setup.caption,
        setup.negative,
        GUIDANCE,
        core.rotary(setup),
    )

    def ours() -> Tensor:
        with torch.inference_mode():
            return predict(setup.noise, HALFWAY)

    def with_torch(chosen: Any, *inputs: Any, **options: Any) -> Tensor:
        return core.attention.attention_pytorch(*inputs, **options)

    chosen = core.attention.optimized_attention.__name__.removeprefix("attention_")
    loops: dict[str, Callable[[], Tensor]] = {
        "ours": ours,  # torch's
        f"ComfyUI, {chosen}": lambda: core.predict(setup),
    }
    if chosen != "pytorch":
        loops["ComfyUI, pytorch"] = lambda: core.predict(
            setup, optimized_attention_override=with_torch
        )
    return loops


def seconds_of(run: Callable[[], Tensor], device: torch.device) -> float:
    watch = Watch(device)
    watch.note()
    run()
    watch.note()
    return watch.seconds_per_step()


def peak_memory(kind: Kind, arguments: argparse.Namespace, layers: int) -> int:
    """Bytes: of the device's tensors on a GPU, of a process that runs this loop alone on a CPU."""
    shape = parse_clip(arguments.clip)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        future = pool.submit(
            peak_of_one_run, kind, shape, arguments.device, layers, arguments.heads
        )
        return future.result()


def peak_of_one_run(
    kind: Kind, clip: tuple[int, int, int], device_name: str, layers: int, heads: int
) -> int:
    device = torch.device(device_name)
    setup = draw_setup(clip, device, layers=layers, heads=heads)
    run = run_ours if kind == "ours" else run_stock
    run(setup, 2, Watch(device))
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class Watch:
    """Notes when each step ends."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.times: list[float] = []

    def start(self) -> None:
        self.times = []

    def note(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.times.append(time.perf_counter())

    def seconds_per_step(self, skip: int = 0) -> float:
        """Median time between the ends of two steps, the first step left out."""
        times = self.times[skip:]
        return statistics.median(b - a for a, b in zip(times, times[1:], strict=False))


def run_ours(setup: Setup, steps: int, watch: Watch) -> Tensor:
    watch.start()
    _, t, _, h, w = setup.noise.shape
    config, device = setup.transformer.config, setup.noise.device
    predict = guided_predictor(
        setup.transformer,
        setup.condition,
        setup.caption,
        setup.negative,
        GUIDANCE,
        rotary_embedding(config, (t, h, w), device=device),
    )
    return denoise(
        predict,
        setup.noise,
        NoiseSchedule.from_config(SCHEDULE),
        steps=steps,
        on_step=lambda done, total, clean: watch.note(),
    )


def run_stock(setup: Setup, steps: int, watch: Watch) -> Tensor:
    """diffusers' own pipeline; its VAE only tells it how pixels and latents relate."""
    watch.start()
    blocks = 4
    vae = AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * blocks,
        up_block_types=("CogVideoXUpBlock3D",) * blocks,
        block_out_channels=(8,) * blocks,
        layers_per_block=1,
        norm_num_groups=2,
    )
    pipeline: Any = CogVideoXPipeline(
        tokenizer=None,
        text_encoder=None,
        vae=vae.to(setup.noise.device, setup.noise.dtype),
        transformer=setup.transformer,
        scheduler=CogVideoXDDIMScheduler.from_config(SCHEDULE),
    )
    pipeline.set_progress_bar_config(disable=True)

    def on_step(pipe: Any, index: int, t: Any, values: dict[str, Any]) -> dict[str, Any]:
        watch.note()
        return values

    _, t, _, h, w = setup.noise.shape
    return pipeline(
        prompt_embeds=setup.caption,
        negative_prompt_embeds=setup.negative,
        num_frames=4 * t - 3,
        height=8 * h,
        width=8 * w,
        num_inference_steps=steps,
        guidance_scale=GUIDANCE,
        latents=setup.noise,
        output_type="latent",
        callback_on_step_end=on_step,
    ).frames


def measure_full_size(device: torch.device, layers: int) -> int:
    """Print seconds per step, speed, share of a plain matrix product and memory of the 5B."""
    plain = matmul_speed(device)
    print(f"{device_name(device)}, torch {torch.__version__}")
    print(f"plain bfloat16 product of {MATMUL_SIDE}x{MATMUL_SIDE}: {plain / 1e12:.1f} TFLOP/s")
    print(
        f"{'clip':26} {'s/step':>8} {'50 steps, s':>12} {'TFLOP/s':>8} {'share':>6} "
        f"{'peak GiB':>9} {'planned':>8}"
    )
    model = draw_transformer(
        device, torch.bfloat16, layers=layers or 42, heads=48, in_channels=33, text_width=4096
    )
    for words, clip in FULL_CLIPS.items():
        setup = draw_inputs(model, clip, device, text_tokens=226)
        seconds, peak = time_clip(setup, device)
        t, h, w = (clip[0] - 1) // 4 + 1, clip[1] // 8, clip[2] // 8
        flops = 2 * transformer_flops(model.config, frames=t, height=h, width=w, text_tokens=226)
        tokens = t * (h // 2) * (w // 2) + 226
        planned = weight_bytes(model)
        planned += denoise_bytes(model.config, tokens=tokens, batch=2, element=2)
        speed = flops / seconds
        print(
            f"{words:26} {seconds:8.3f} {50 * seconds:12.1f} {speed / 1e12:8.1f} "
            f"{speed / plain:6.1%} {peak / GIB:9.2f} {planned / GIB:8.2f}",
            flush=True,
        )
    return 0


def time_clip(setup: Setup, device: torch.device) -> tuple[float, int]:
    """Seconds of a step and peak bytes."""
    watch = Watch(device)
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    run_ours(setup, FULL_STEPS + WARM_UP_STEPS, watch)
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
    return watch.seconds_per_step(skip=WARM_UP_STEPS - 1), peak


def matmul_speed(device: torch.device) -> float:
    """FLOP/s of a plain bfloat16 matrix product."""
    side = MATMUL_SIDE
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    watch = Watch(device)
    for _ in range(MATMUL_RUNS):
        torch.mm(a, b)
        watch.note()
    return 2 * side**3 / watch.seconds_per_step(skip=WARM_UP_STEPS)


def draw_setup(
    clip: tuple[int, int, int], device: torch.device, *, layers: int, heads: int
) -> Setup:
    """A mid-size text-to-video model, which both loops can run."""
    model = draw_transformer(
        device, torch.float32, layers=layers, heads=heads, in_channels=16, text_width=512
    )
    return draw_inputs(model, clip, device, text_tokens=226)


def draw_transformer(
    device: torch.device,
    dtype: torch.dtype,
    *,
    layers: int,
    heads: int,
    in_channels: int,
    text_width: int,
) -> Any:
    """Random weights, drawn on the device at the precision they are used in."""
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with device:
            model = CogVideoXTransformer3DModel(
                num_attention_heads=heads,
                num_layers=layers,
                in_channels=in_channels,
                text_embed_dim=text_width,
                use_rotary_positional_embeddings=True,
            )
    finally:
        torch.set_default_dtype(before)
    return model.eval().requires_grad_(False)


def draw_inputs(
    model: Any, clip: tuple[int, int, int], device: torch.device, *, text_tokens: int
) -> Setup:
    generator = torch.Generator().manual_seed(1)
    t, h, w = (clip[0] - 1) // 4 + 1, clip[1] // 8, clip[2] // 8

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(device, model.dtype)

    text = (1, text_tokens, model.config.text_embed_dim)
    return Setup(
        transformer=model,
        noise=draw(1, t, 16, h, w),
        condition=draw(1, t, model.config.in_channels - 16, h, w),
        caption=draw(*text),
        negative=draw(*text),
    )


def parse_clip(text: str) -> tuple[int, int, int]:
    frames, height, width = (int(part) for part in text.split("x"))
    return frames, height, width


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)


if __name__ == "__main__":
    raise SystemExit(main())
