"""What is checked before a training, and of the adapter that comes out of it."""

from __future__ import annotations

import torch

from ...cogvideox.adapter import Adapter
from ...cogvideox.bundle import ModelBundle
from ...cogvideox.text import require_readable, unknown_words
from ...data.samples import Dataset
from ...errors import CaptionError, InputError, ModelError
from ..board import require_tensorboard
from ..loop import require_optimizer
from ..processes import Processes, can_shard
from .buckets import Size, shortest_video
from .config import AdapterConfig
from .decoded import require_perceptual


def check_samples(
    bundle: ModelBundle,
    dataset: Dataset,
    config: AdapterConfig,
    sizes: tuple[Size, ...],
) -> tuple[str, ...]:
    """What an artist should know. Raises InputError for captions too long and clips too short."""
    _require_kind(dataset, config)
    unknown: set[str] = set()
    for sample in dataset.samples:
        for caption in sample.captions:
            try:
                require_readable(bundle, caption, argument="caption")
            except CaptionError as error:
                raise InputError("data", f"{sample.name}: the caption {error.problem}") from error
            unknown |= {*unknown_words(bundle, caption)}
    notes = []
    if unknown:
        notes.append(f"{bundle.name} does not know, and cannot learn: {', '.join(sorted(unknown))}")
    longest, shortest = max(s.frames for s in dataset.samples), shortest_video(sizes)
    if longest < shortest:
        problem = f"the longest clip has {longest} frames, batches of video take {shortest}"
        if config.recipe.images_per_video == 0:
            raise InputError("data", f"{problem}: give longer clips, or a smaller size")
        notes.append(f"{problem}: only single frames are trained on")
    return tuple(notes)


def _require_kind(dataset: Dataset, config: AdapterConfig) -> None:
    """Raise InputError where a layout is to learn from samples of the other."""
    wants = config.layout == "insvie"
    wrong = next((s for s in dataset.samples if (s.task == "instruct") != wants), None)
    if wrong is None:
        return
    needed = "an edit and an instruction" if wants else "a mask"
    raise InputError(
        "data",
        f"{wrong.name} has not {needed}, which a training of the layout {config.layout} learns "
        f"from: choose other data, or the layout {'vivid' if wants else 'insvie'}",
    )


def require_extras(config: AdapterConfig) -> None:
    """Raise InputError where an option needs a package, or weights, that are not installed."""
    require_perceptual(config.recipe.lpips_weight)
    require_optimizer(config.optimization.optimizer)
    if config.tensorboard:
        require_tensorboard()


def require_equal_shares(config: AdapterConfig, processes: Processes) -> None:
    """Raise InputError where a batch cannot be shared out among processes and parts."""
    chosen = config.optimization
    shares = processes.count * chosen.accumulate
    if chosen.batch % shares:
        raise InputError(
            "batch",
            f"{chosen.batch} samples cannot be shared out equally among {processes.count} "
            f"processes, in {chosen.accumulate} parts each: take a multiple of {shares}",
        )


def require_sharing(config: AdapterConfig, processes: Processes) -> None:
    """Raise InputError where the base is to be shared out and cannot be."""
    if not config.shard_base:
        return
    if processes.count == 1:
        raise InputError(
            "shard_base",
            "there is one process, and none to share the base with: start several (accelerate "
            "launch -m vivid_core.train CONFIG.yaml), or turn it off",
        )
    if not can_shard():
        raise InputError(
            "shard_base",
            f"PyTorch {torch.__version__} has no fully_shard with ignored_params: install a newer "
            "one, or turn it off",
        )


def require_sound(adapter: Adapter) -> None:
    """Raise ModelError for NaN, infinity or a tensor of zeros in an adapter."""
    for name, tensor in {**adapter.lora, **adapter.patch_embedder}.items():
        if not torch.isfinite(tensor).all():
            raise ModelError(f"{adapter.name}: {name} holds NaN or infinity: lower the rate")
        if not tensor.any():
            raise ModelError(
                f"{adapter.name}: {name} is zero everywhere: nothing was learnt; train more steps, "
                "at a rate above 0"
            )


def require_equal(written: Adapter, read: Adapter, dtype: torch.dtype) -> None:
    """Raise ModelError unless `read` is what was written at this precision."""
    for part in ("lora", "patch_embedder"):
        before, after = getattr(written, part), getattr(read, part)
        same = before.keys() == after.keys() and all(
            torch.equal(before[name].to(dtype).cpu(), after[name]) for name in before
        )
        if not same:
            raise ModelError(f"{read.name}: what was read again is not what was written")
