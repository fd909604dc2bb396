"""Memory of a training before it runs: weights, what is trained, activations, from shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...cogvideox.bundle import ModelBundle
from ...cogvideox.layout import layout_named
from ...cogvideox.lora import plain_layers, targeted_layers
from ...cogvideox.memory import decode_gradient_bytes, encode_bytes, weight_bytes
from .buckets import train_sizes
from .config import AdapterConfig

FLOAT = 4  # bytes
MOMENTS = {"adamw": 8, "adamw8bit": 2}  # bytes a trained value, two moments
# Tensors of [tokens, width] that autograd keeps, counted on the real class on a CPU, in bfloat16
# under autocast; in float32 a block keeps 14.3. A GPU was not measured.
SAVED_MAPS = 16.4  # of a block; with checkpointing of the one at work
INPUT_MAPS = 1.0  # of every block with checkpointing: its input
REST_MAPS = 3.4  # of what comes before and after the blocks
GRADIENT_MAPS = 5.0  # alive at once while a block goes back: the inner width of its feed-forward
GATHERED_BLOCKS = 2  # of a shared base at once: the one at work, and the next on its way (FSDP2)


@dataclass(frozen=True, kw_only=True)
class LoraLayer:
    """One layer that a LoRA is put on. `rows` says whether it sees tokens, or one row a sample."""

    inputs: int
    outputs: int
    sees_tokens: bool


@dataclass(frozen=True, kw_only=True)
class TrainingMemory:
    """Bytes on one process's device."""

    base: int  # the frozen transformer as it is held; a share and what is gathered of the rest
    others: int  # VAE and text encoder
    trained: int  # float32 weights of LoRA and patch embedder
    gradients: int
    moments: int  # of the optimizer
    average: int  # the running average of the weights
    activations: int  # of the transformer with decoded frames, or of the VAE's encode: the more

    @property
    def beside_weights(self) -> int:
        """All but the weights that the model has anyway."""
        return self.trained + self.gradients + self.moments + self.average + self.activations

    @property
    def total(self) -> int:
        return self.base + self.others + self.beside_weights


def training_memory(
    bundle: ModelBundle, config: AdapterConfig, *, processes: int = 1
) -> TrainingMemory:
    """Of the largest size that is trained, on one of `processes` devices."""
    trained = trained_values(bundle, config)
    return TrainingMemory(
        base=_base_bytes(bundle, config, processes),
        others=weight_bytes(bundle.vae) + weight_bytes(bundle.text_encoder),
        trained=FLOAT * trained,
        gradients=FLOAT * trained,
        moments=MOMENTS[config.optimization.optimizer] * trained,
        average=FLOAT * trained,
        activations=max(
            activation_bytes(bundle, config, processes) + decoded_bytes(bundle, config),
            _encode(bundle, config),
        ),
    )


def lora_layers(transformer: Any, targets: tuple[str, ...]) -> list[LoraLayer]:
    """Those of a transformer that a LoRA of these targets changes, by peft's rule for names."""
    return [
        LoraLayer(
            inputs=module.in_features,
            outputs=module.out_features,
            sees_tokens=".attn1." in name or ".ff." in name,
        )
        for name, module in targeted_layers(transformer, targets)
    ]


def trained_values(bundle: ModelBundle, config: AdapterConfig) -> int:
    """Of LoRA and patch embedder."""
    layers = lora_layers(bundle.transformer, config.lora.targets)
    lora = config.lora.rank * sum(layer.inputs + layer.outputs for layer in layers)
    proj = bundle.transformer.patch_embed.proj
    own, bias = bundle.transformer.config.in_channels, proj.bias
    channels = layout_named(config.layout).in_channels
    return lora + proj.weight.numel() // own * channels + (0 if bias is None else bias.numel())


def _base_bytes(bundle: ModelBundle, config: AdapterConfig, processes: int) -> int:
    """In 8 bits are the layers of attention and feed-forward, as `fp8.hold_in_fp8` leaves them."""
    whole = weight_bytes(bundle.transformer) - weight_bytes(bundle.transformer.patch_embed.proj)
    if config.shard_base and processes > 1:
        blocks = [weight_bytes(block) for block in bundle.transformer.transformer_blocks]
        gathered = whole - sum(blocks) + GATHERED_BLOCKS * max(blocks)
        return min(whole, whole // processes + gathered)
    if not config.base_fp8:
        return whole
    held = [m for n, m in plain_layers(bundle.transformer) if ".attn1." in n or ".ff." in n]
    return whole - sum(weight_bytes(m) - sum(p.numel() for p in m.parameters()) for m in held)


def activation_bytes(bundle: ModelBundle, config: AdapterConfig, processes: int) -> int:
    """Of the transformer's forward and backward pass over one process's part of a batch."""
    shape, chosen = bundle.transformer.config, config.optimization
    size = train_sizes(bundle, config.recipe)[0]
    tokens = bundle.geometry.tokens(*size, bundle.max_text_tokens)
    count = max(1, chosen.batch // (chosen.accumulate * processes))
    element = min(bundle.dtype.itemsize, FLOAT)
    one = tokens * shape.num_attention_heads * shape.attention_head_dim * count * element
    if config.gradient_checkpointing:
        blocks = INPUT_MAPS * shape.num_layers + SAVED_MAPS
    else:
        blocks = SAVED_MAPS * shape.num_layers
    return round(one * (blocks + REST_MAPS + GRADIENT_MAPS))


def _encode(bundle: ModelBundle, config: AdapterConfig) -> int:
    """One clip at a time."""
    frames, height, width = train_sizes(bundle, config.recipe)[0]
    return encode_bytes(
        bundle.vae.config,
        frames=frames,
        height=height,
        width=width,
        element=min(bundle.vae.dtype.itemsize, FLOAT),
    )


def decoded_bytes(bundle: ModelBundle, config: AdapterConfig) -> int:
    """Of the decoder with all it keeps for a gradient, where LPIPS is trained on.

    What the transformer kept is still there. LPIPS itself is not counted: AlexNet keeps less than
    a tenth of what the decoder of CogVideoX keeps of the same frames.
    """
    if not config.recipe.lpips_weight:
        return 0
    frames, height, width = train_sizes(bundle, config.recipe)[0]
    latents = min(config.recipe.decoded_frames, bundle.geometry.latent_frames(frames))
    return decode_gradient_bytes(
        bundle.vae.config,
        latents=latents,
        height=height,
        width=width,
        element=min(bundle.vae.dtype.itemsize, FLOAT),
    )
