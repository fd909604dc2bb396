"""What a training costs, before it runs: memory, and floating-point operations."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

from ...cogvideox.bundle import ModelBundle
from ...cogvideox.flops import (
    block_flops,
    frozen_backward_flops,
    transformer_flops,
    vae_encode_flops,
)
from ...cogvideox.layout import layout_named
from ...runtime import duration_text
from .buckets import Size, shortest_video, train_sizes
from .config import AdapterConfig
from .memory import TrainingMemory, lora_layers, training_memory
from .order import share_of

PETA, TERA, GIB = 1e15, 1e12, 2**30


@dataclass(frozen=True, kw_only=True)
class TrainingCost:
    """PFLOPs of a step on images and on video (None where there is none), and of all steps.

    A step is its whole batch, over all processes; where sizes differ, the mean of them.
    """

    memory: TrainingMemory
    image_pflops: float
    video_pflops: float | None
    run_pflops: float
    steps: int
    processes: int
    speed: float | None = None  # measured operations a second of a device, if they were

    @property
    def text(self) -> str:
        """What an artist reads."""
        memory = self.memory
        parts = {
            "base": memory.base,
            "VAE and text encoder": memory.others,
            "LoRA and patch embedder": memory.trained,
            "gradients": memory.gradients,
            "optimizer": memory.moments,
            "average": memory.average,
            "activations": memory.activations,
        }
        each = "" if self.processes == 1 else f" on each of {self.processes} devices"
        video = "" if self.video_pflops is None else f", on video {self.video_pflops:.3g}"
        return "\n".join(
            [
                f"memory: about {memory.total / GIB:.1f} GiB{each}",
                *(f"  {name}: {size / GIB:.2f} GiB" for name, size in parts.items()),
                f"a step on images: {self.image_pflops:.3g} PFLOPs{video}",
                f"all {self.steps} steps: {self.run_pflops:.4g} PFLOPs{self._time}",
            ]
        )

    @property
    def _time(self) -> str:
        """How long at least: nothing runs faster than what was measured."""
        if self.speed is None:
            return ""
        seconds = self.run_pflops * PETA / self.speed / self.processes
        return f", {duration_text(seconds)} or more at {self.speed / TERA:.2g} TFLOPS measured here"


def training_cost(
    bundle: ModelBundle,
    config: AdapterConfig,
    *,
    processes: int = 1,
    speed: float | None = None,
) -> TrainingCost:
    """Count a training from its configuration and shapes; nothing is run, no data is read.

    Buckets are taken to come equally often, and some clip to be long enough for each. With a
    latent cache the VAE's first passes are counted again and again: an upper limit.
    """
    sizes, chosen = train_sizes(bundle, config.recipe), config.optimization
    videos = [size for size in sizes if size[0] > 1]
    image = _mean(bundle, config, [(1, *size[1:]) for size in sizes])
    video = _mean(bundle, config, videos) if shortest_video(sizes) > 1 else None
    share = 0.0 if video is None else share_of(config.recipe.images_per_video)
    mean = image * (1 - share) + (video or 0.0) * share
    return TrainingCost(
        memory=training_memory(bundle, config, processes=processes),
        image_pflops=image,
        video_pflops=video,
        run_pflops=mean * chosen.steps,
        steps=chosen.steps,
        processes=processes,
        speed=speed,
    )


def sample_flops(bundle: ModelBundle, config: AdapterConfig, size: Size) -> int:
    """One sample of a step through the transformer: forward, and back.

    Of the backward pass a frozen layer needs the gradient of what it read, as much as its forward
    pass; attention twice that, the LoRA twice its own, the patch embedder that of its weights;
    modulation, timestep and text projection none, for nothing before them is trained.
    Checkpointing runs the blocks forward once more.
    """
    frames, height, width = bundle.geometry.latent_shape(*size)
    text = bundle.max_text_tokens
    channels = layout_named(config.layout).in_channels
    shape = SimpleNamespace(**{**bundle.transformer.config, "in_channels": channels})
    sides = {"frames": frames, "height": height, "width": width, "text_tokens": text}
    tokens = bundle.geometry.tokens(*size, text)
    layers = lora_layers(bundle.transformer, config.lora.targets)
    lora = sum(
        2 * config.lora.rank * (layer.inputs + layer.outputs) * (tokens if layer.sees_tokens else 1)
        for layer in layers
    )
    forward = transformer_flops(shape, **sides) + lora
    backward = frozen_backward_flops(shape, **sides) + 2 * lora
    again = block_flops(shape, tokens) * shape.num_layers + lora
    return forward + backward + (again if config.gradient_checkpointing else 0)


def _mean(bundle: ModelBundle, config: AdapterConfig, sizes: list[Size]) -> float:
    """PFLOPs of a batch, the mean over sizes; clean clip and what is read of it are encoded."""
    encodes = 1 + layout_named(config.layout).channels.count("video")
    total = sum(
        sample_flops(bundle, config, size)
        + encodes
        * vae_encode_flops(bundle.vae.config, frames=size[0], height=size[1], width=size[2])
        for size in sizes
    )
    return config.optimization.batch * total / len(sizes) / PETA
