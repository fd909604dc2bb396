"""The clips of a triplet: read, made of a picture, or made to follow an edited frame."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ..build.footage import Stretch, to_floats
from ..build.stage import Rejection
from ..edit.clip import run_edit
from ..edit.job import Material
from ..errors import InputError
from ..instruct.propagate import plan_animation, plan_following
from ..metrics.sheet import shrink_frames
from ..plan.cuts import find_shots
from ..runtime import Runtime
from ..settings import Settings
from ..video import Clip, FrameRange, Keyframe, MaskTrack
from .config import Sampling, TripletConfig
from .engines import TripletEngines
from .wanted import Wanted

Frames = Float[Tensor, "t h w 3"]
LEVELS = 255  # of 8-bit pixels, as they are stored


def read_stretch(stretch: Stretch, config: TripletConfig) -> Clip:
    """Its first frames, scaled down to the size of triplets."""
    frames = stretch.read(FrameRange(start=0, stop=min(len(stretch), config.form.frames)))
    return Clip(frames=fit_frames(frames, config.form.longest), fps=stretch.fps)


def fit_frames(frames: Iterable[UInt8[np.ndarray, "h w 3"]], longest: int) -> Frames:
    """Frames in 0..1 of which no side is longer."""
    return torch.stack(
        [round_levels(shrink_frames(to_floats(frame)[None], longest)[0]) for frame in frames]
    )


def round_levels(pixels: Float[Tensor, "*t h w 3"]) -> Float[Tensor, "*t h w 3"]:
    """As 8 bits hold them."""
    return (pixels.clamp(0, 1) * LEVELS).round() / LEVELS


def follow_frame(
    key: str,
    source: Clip,
    edited: Float[Tensor, "h w 3"],
    wanted: Wanted,
    config: TripletConfig,
    engines: TripletEngines,
    *,
    seed: int,
    runtime: Runtime,
) -> Clip | Rejection:
    """The clip as its edited first frame has it."""
    shots = find_shots(source.frames)
    if len(shots) > 1:
        detail = f"at frame {shots[1].start}"
        return Rejection(key=key, reason="cut inside", detail=detail)
    reads_instruction = "instruct" in engines.propagator.limits.tasks
    words = wanted.instruction if reads_instruction else wanted.edited_caption
    material = Material(
        clip=source,
        mask=MaskTrack.of_everything(source),
        keyframes=(Keyframe(frame=0, pixels=edited, finished=False),),
    )
    settings = _settings(config.following, words, seed)
    job = plan_following(engines.propagator, material, settings).job
    made = run_edit(engines.propagator, job, runtime)
    return Clip(frames=round_levels(made.frames), fps=source.fps)


def animate_picture(
    picture: Float[Tensor, "h w 3"],
    caption: str,
    config: TripletConfig,
    engines: TripletEngines,
    *,
    seed: int,
    runtime: Runtime,
) -> Clip:
    """A clip that begins with the picture. Raises InputError where no model makes one."""
    if engines.animator is None:
        raise InputError("animator", "is missing: pairs of pictures need a model that makes clips")
    job = plan_animation(
        engines.animator,
        picture,
        _settings(config.animating, caption, seed),
        frames=config.form.frames,
        fps=config.form.rate,
    )
    made = run_edit(engines.animator, job, runtime)
    return Clip(frames=round_levels(made.frames), fps=job.footage.fps)


def _settings(sampling: Sampling, caption: str, seed: int) -> Settings:
    return Settings(
        task="propagate",
        caption=caption,
        negative=sampling.negative,
        steps=sampling.steps,
        guidance=sampling.guidance,
        seed=seed,
    )
