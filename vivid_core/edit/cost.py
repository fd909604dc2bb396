"""What a job will cost, before it runs: work, memory, and what would cut it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..inpainter import Inpainter, Memory, Work
from ..runtime import duration_text
from .job import Job
from .masks import Bounds, union
from .report import NOWHERE, Edges, flops_text

PETA = 1e15
GIB = 2**30
TERA = 1e12
FEWER_STEPS = 30  # VOID's default; below it quality falls
WORTH_SAYING = 0.8  # advice must bring the cost below this share


@dataclass(frozen=True, kw_only=True)
class CostEstimate:
    """Planned cost of one edit. Sizes are (height, width), the crop is (y, x, height, width).

    `tokens` is the length of the longest sequence the model sees, `windows` the number of spans of
    time, `keyframe_pflops` one candidate image over the same crop. `speed` is what this machine was
    measured at, in operations a second of a matrix product; None where nobody measured.
    """

    frames: int
    size: tuple[int, int]
    crop: Edges
    model_size: tuple[int, int]
    windows: int
    steps: int
    work: Work
    keyframe_pflops: float
    advice: tuple[str, ...] = ()
    speed: float | None = None

    @property
    def pflops(self) -> float:
        """The whole edit."""
        return self.work.pflops

    @property
    def memory(self) -> Memory:
        return self.work.memory

    @property
    def seconds(self) -> float | None:
        """How long it would take on this machine; None where its speed was not measured.

        An edit never reaches the speed of plain matrix products: `Work.effort_pflops` says how
        much of it each network is taken to reach. Waiting for weights that visit the device block
        by block comes on top, and so do reading and writing video.
        """
        return None if self.speed is None else self.work.effort_pflops * PETA / self.speed

    @property
    def text(self) -> str:
        """What an artist reads, most important first."""
        return "\n".join(_report_lines(self))


def estimate_cost(model: Inpainter, job: Job, *, speed: float | None = None) -> CostEstimate | None:
    """Count what a planned edit costs; nothing is run. None where the model cannot tell.

    `speed` of this machine, as `speed.matmul_speed` measures it, turns work into time.
    """
    work = job.work(model)
    if work is None:
        return None
    if not job.settings.needs_model:
        return _free_of_cost(job, work)
    seen = union(plan.box for plan in job.focus)
    largest = max((plan.model for plan in job.focus), key=lambda s: s[0] * s[1], default=(0, 0))
    still = _still_pflops(model, job, largest)
    return CostEstimate(
        frames=job.frames,
        size=job.size,
        crop=NOWHERE if seen is None else _edges(seen),
        model_size=largest,
        windows=len(job.windows),
        steps=job.settings.steps,
        work=work,
        keyframe_pflops=still,
        advice=_advice(model, job, work, still),
        speed=speed,
    )


def _free_of_cost(job: Job, work: Work) -> CostEstimate:
    """Of a job that no model is needed for."""
    return CostEstimate(
        frames=job.frames,
        size=job.size,
        crop=NOWHERE,
        model_size=(0, 0),
        windows=0,
        steps=0,
        work=work,
        keyframe_pflops=0.0,
    )


def activation_bytes(model: Inpainter, job: Job) -> int:
    """What an edit needs beside the weights; 0 where nobody knows."""
    work = job.work(model)
    return 0 if work is None else work.memory.activations


def _still_pflops(model: Inpainter, job: Job, size: tuple[int, int]) -> float:
    """One frame as an image, captions included."""
    work = model.work([(1, size)], job.settings) if job.windows else None
    return 0.0 if work is None else work.pflops


def _advice(model: Inpainter, job: Job, work: Work, still: float) -> tuple[str, ...]:
    """What would make this edit cheaper, each with its new cost."""
    focused, settings = job.refocused("native"), job.settings
    size = max((plan.model for plan in focused.focus), default=(0, 0))
    fewer = replace(settings, steps=min(settings.steps, FEWER_STEPS))
    plain = replace(settings, guidance=(1.0,) * len(settings.guidance_scales))
    options = {
        f"focus 'native', the model seeing {size[1]}x{size[0]}": focused.work(model),
        f"{FEWER_STEPS} steps": replace(job, settings=fewer).work(model),
        "guidance 1, which follows the caption less": replace(job, settings=plain).work(model),
    }
    costs = {words: option.pflops for words, option in options.items() if option is not None}
    costs["one keyframe candidate, to choose the look first"] = still
    whole = work.pflops
    return tuple(
        f"{words}: {flops_text(cost)} ({cost / whole:.2g}x)"
        for words, cost in costs.items()
        if cost < WORTH_SAYING * whole
    )


def _edges(box: Bounds) -> Edges:
    return box.y, box.x, box.height, box.width


def _report_lines(cost: CostEstimate) -> list[str]:
    work = cost.work
    if not cost.windows:
        return ["Cost: nothing is left for the model to do", *cost.memory.notes]
    parts = {
        "denoising": work.denoise_pflops,
        "VAE": work.codec_pflops,
        "text": work.text_pflops,
    }
    most = max(parts, key=lambda name: parts[name])
    return [
        f"Cost: {flops_text(cost.pflops)}{_time_words(cost)}",
        "Of it: " + ", ".join(f"{name} {flops_text(value)}" for name, value in parts.items()),
        f"{most} costs most ({parts[most] / cost.pflops:.0%}): {cost.windows} window(s) of time x "
        f"{cost.steps} steps x {work.passes} pass(es), {work.tokens:,} tokens",
        _crop_line(cost),
        f"One keyframe candidate: {flops_text(cost.keyframe_pflops)}",
        f"Memory: about {cost.memory.needed / GIB:.1f} GiB as the model is loaded now; "
        f"{cost.memory.most / GIB:.1f} with no offload or tiling, "
        f"{cost.memory.least / GIB:.1f} with both",
        *cost.memory.notes,
        *(f"Cheaper: {option}" for option in cost.advice),
    ]


def _crop_line(cost: CostEstimate) -> str:
    (height, width), (y, x, h, w) = cost.size, cost.crop
    return (
        f"{cost.frames} frames of {width}x{height}; the edit works on {w}x{h} at ({x}, {y}), "
        f"seen by the model at {cost.model_size[1]}x{cost.model_size[0]}"
    )


def _time_words(cost: CostEstimate) -> str:
    """How long that is here, and what was measured to say so."""
    if cost.speed is None or cost.seconds is None:
        return ""
    tera = cost.speed / TERA
    speed = f"{tera:.2g}" if tera < 10 else f"{tera:.0f}"
    return f", {duration_text(cost.seconds)} on this machine ({speed} TFLOPS measured)"
