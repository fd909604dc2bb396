"""What a training is asked: the paper's values wherever one machine can follow them."""

from __future__ import annotations

from comfy_api.latest import io

from .schema import advanced, fixed_seed

OPTIMIZERS = ("adamw", "adamw8bit")


def basic_inputs() -> list[io.Input]:
    """How long, how fast, how large."""
    return [
        io.Int.Input(
            "steps",
            default=2000,
            min=1,
            max=1_000_000,
            tooltip="Steps in all. More of them go on from where it ended. The paper's "
            "training took 102000.",
        ),
        io.Int.Input(
            "batch",
            default=4,
            min=1,
            max=1024,
            tooltip="Samples a step. More are steadier and slower. The paper's is 56.",
        ),
        io.Float.Input(
            "learning_rate",
            default=1e-3,
            min=0.0,
            max=1.0,
            step=1e-5,
            round=False,
            tooltip="The paper's is 0.001. Lower it where the loss rises.",
        ),
        io.Int.Input(
            "rank",
            default=32,
            min=1,
            max=512,
            tooltip="Of the LoRA; the paper's is 32. More can learn more and takes more memory.",
        ),
        io.Int.Input(
            "seed",
            default=0,
            min=0,
            max=2**64 - 1,
            tooltip="Of all random choices. The same seed trains the same adapter.",
            **fixed_seed(),
        ),
    ]


def memory_inputs() -> list[io.Input]:
    """What a training takes, and how it takes less."""
    return [
        io.Boolean.Input(
            "estimate_only",
            default=False,
            tooltip="Says what memory and time the training would take, and does not train.",
        ),
        io.Boolean.Input(
            "gradient_checkpointing",
            default=False,
            tooltip="Takes much less memory and about a third more time.",
        ),
        io.Boolean.Input(
            "base_fp8",
            default=False,
            tooltip="Keeps the model's own layers in 8 bits, half of bf16's memory; what is "
            "trained stays exact.",
            **advanced(),
        ),
        io.Combo.Input(
            "optimizer",
            options=list(OPTIMIZERS),
            default=OPTIMIZERS[0],
            tooltip="adamw8bit keeps its averages in 8 bits; it needs the package bitsandbytes.",
            **advanced(),
        ),
        io.Boolean.Input(
            "latent_cache",
            default=False,
            tooltip="Keeps encoded clips and captions on disk beside the training: faster from "
            "the second time on that a stretch of a clip comes up.",
            **advanced(),
        ),
        io.Boolean.Input(
            "tensorboard",
            default=False,
            tooltip="Writes the curves for TensorBoard too; it needs the package tensorboard.",
            **advanced(),
        ),
    ]


def recipe_inputs() -> list[io.Input]:
    """What most trainings leave as the paper has it."""
    return [
        io.Int.Input(
            "width", default=0, min=0, max=4096, tooltip="In pixels; 0: the model's.", **advanced()
        ),
        io.Int.Input(
            "height", default=0, min=0, max=4096, tooltip="In pixels; 0: the model's.", **advanced()
        ),
        io.Int.Input(
            "length",
            default=0,
            min=0,
            max=1000,
            tooltip="Frames of a sample of video; 0: the model's. Shorter clips give images only.",
            **advanced(),
        ),
        _share(
            "images_per_video",
            10.0,
            1000.0,
            "Batches of single frames to each of video; the paper's is 10.",
        ),
        _share(
            "edits_per_deletion",
            3.0,
            1000.0,
            "Samples with a caption to each of deletion; the paper's is 3.",
        ),
        _share(
            "keyframe_share",
            0.5,
            1.0,
            "Share of video whose first frame is known, for keyframes; the paper's is 0.5.",
        ),
        _share(
            "caption_dropout", 0.0, 1.0, "Share of samples without their caption; helps guidance."
        ),
        _share("weight_inside", 1.0, 100.0, "Weight of the loss inside the mask."),
        _share("weight_outside", 1.0, 100.0, "Weight of the loss outside the mask."),
        io.Int.Input(
            "accumulate",
            default=1,
            min=1,
            max=1024,
            tooltip="Parts that a batch is computed in: takes less memory. Has to divide batch.",
            **advanced(),
        ),
        io.Int.Input(
            "warmup",
            default=0,
            min=0,
            max=100_000,
            tooltip="Steps in which the learning rate rises to its value.",
            **advanced(),
        ),
        _share("clip", 0.0, 1000.0, "Largest norm of the gradients; 0: not limited."),
        io.Float.Input(
            "ema_decay",
            default=0.9999,
            min=0.0,
            max=0.99999,
            step=0.0001,
            round=False,
            tooltip="How slowly the averaged weights follow, which the adapter holds; the "
            "paper's is 0.9999. It follows faster at the beginning.",
            **advanced(),
        ),
        io.Int.Input(
            "save_every",
            default=250,
            min=1,
            max=100_000,
            tooltip="Steps between checkpoints. The last three stay.",
            **advanced(),
        ),
    ]


def _share(name: str, default: float, most: float, tooltip: str) -> io.Input:
    return io.Float.Input(
        name, default=default, min=0.0, max=most, step=0.05, tooltip=tooltip, **advanced()
    )
