"""The edit of one picture: a sweep of guidance, of which the best one is picked (InsViE, 3.1)."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

from ..build.stage import Rejection
from ..edit.job import Material
from ..errors import EngineError
from ..instruct.screen import Asked, screen_edits
from ..instruct.sweep import sweep_guidance
from ..runtime import Runtime
from ..settings import Settings
from ..video import Clip, MaskTrack
from .config import TripletConfig
from .engines import TripletEngines
from .wanted import Wanted

Picture = Float[Tensor, "h w 3"]


def edit_picture(
    key: str,
    picture: Picture,
    wanted: Wanted,
    config: TripletConfig,
    engines: TripletEngines,
    *,
    seed: int,
    runtime: Runtime,
) -> Picture | Rejection:
    """The best of the sweep, by the judge if there is one, else by figures."""
    clip = Clip(frames=picture[None])
    swept = sweep_guidance(
        engines.editor,
        Material(clip=clip, mask=MaskTrack.of_everything(clip)),
        Settings(
            task="instruct",
            caption=wanted.instruction,
            negative=config.editing.negative,
            steps=config.editing.steps,
            seed=seed,
        ),
        sweep=config.sweep,
        runtime=runtime,
    )
    edits = [candidate.pixels for candidate in swept.candidates]
    asked = Asked(
        source=picture,
        instruction=wanted.instruction,
        source_caption=wanted.source_caption,
        edit_caption=wanted.edited_caption,
    )
    try:
        found = screen_edits(edits, asked, judge=engines.judge, clip=engines.encoder)
    except EngineError as error:
        return Rejection(key=key, reason="no usable choice", detail=str(error))
    if math.isinf(found.points[found.best - 1]):
        return Rejection(key=key, reason="nothing changed", detail=wanted.instruction)
    return edits[found.best - 1]
