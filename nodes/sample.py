"""A procedural clip, so that every workflow runs with nothing downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import torch
from comfy_api.latest import InputImpl, Types, io

from . import convert, previews
from .load import CATEGORY
from .schema import VividNode, require_choices, schema

WITH_TARGET = "moving shapes"
WITHOUT_TARGET = "moving shapes, target removed"
FOX = "meadow: a fox walks by"
WITHOUT_FOX = "meadow: the fox removed"
KOI = "pond: a koi swims by"
WITHOUT_KOI = "pond: the koi removed"

if TYPE_CHECKING:
    import numpy as np


class SampleClip(VividNode):
    """Vivid_SampleClip."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_SampleClip",
            display_name="Vivid Sample Clip",
            category=CATEGORY,
            description="Draws a clip: moving shapes over a moving background, a fox that walks "
            "through a meadow, or a koi over pebbles, with its exact mask and caption. For "
            "trying things out with nothing downloaded.",
            search_aliases=["example video", "test video", "demo clip"],
            has_intermediate_output=True,
            inputs=[
                io.Combo.Input(
                    "scene",
                    options=[WITH_TARGET, WITHOUT_TARGET, FOX, WITHOUT_FOX, KOI, WITHOUT_KOI],
                    default=WITH_TARGET,
                    tooltip="moving shapes: to change or remove the masked shape. target removed: "
                    "the same scene without it, to add it back; mask and caption stay. meadow, "
                    "pond: meant for 480x320 and 49 frames at 24 a second; the meadow's VIDEO has "
                    "sound.",
                ),
                io.Int.Input(
                    "seed",
                    default=1_000_000,
                    min=0,
                    max=2**32 - 1,
                    control_after_generate=True,
                    tooltip="Which scene: other shapes, colours and paths, another fox at another "
                    "hour. vivid-tiny never saw moving shapes from 1,000,000 up, nor the colour of "
                    "their target on that shape.",
                ),
                io.Int.Input(
                    "width", default=64, min=32, max=1024, step=2, tooltip="Width in pixels."
                ),
                io.Int.Input(
                    "height", default=64, min=32, max=1024, step=2, tooltip="Height in pixels."
                ),
                io.Int.Input(
                    "length", default=17, min=1, max=200, tooltip="Length of the clip in frames."
                ),
                io.Int.Input(
                    "fps",
                    default=8,
                    min=1,
                    max=60,
                    tooltip="Frames a second of the VIDEO output; the motion from frame to frame "
                    "stays the same.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "frames", display_name="frames", tooltip="The clip, one image a frame."
                ),
                io.Mask.Output(
                    "mask",
                    display_name="mask",
                    tooltip="The target shape, or the fox without its "
                    "shadow, white, in every frame.",
                ),
                io.Video.Output("video", display_name="video", tooltip="The clip as a VIDEO."),
                io.String.Output(
                    "caption",
                    display_name="caption",
                    tooltip="What the target is, for example 'a small red circle' or 'a red fox'.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls, scene: str, seed: int, width: int, height: int, length: int, fps: int
    ) -> io.NodeOutput:
        require_choices(cls, scene=scene)
        draw = _PAINTERS.get(scene, _shapes)
        drawn = draw(seed, (length, height, width), scene in (WITH_TARGET, FOX, KOI), fps)
        whole = (drawn.pixels * 255).round() / 255  # as a video file holds them: they stay exact
        frames = convert.to_socket(torch.from_numpy(whole))
        mask = convert.to_socket(torch.from_numpy(drawn.mask))
        parts = Types.VideoComponents(images=frames, audio=drawn.audio, frame_rate=Fraction(fps))
        return io.NodeOutput(
            frames,
            mask,
            InputImpl.VideoFromComponents(parts),
            drawn.caption,
            ui=previews.animation(frames, fps),
        )


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    """A clip [T, H, W, 3] with the mask [T, H, W] and the caption of its target."""

    pixels: np.ndarray
    mask: np.ndarray
    caption: str
    audio: dict[str, Any] | None = None


def _shapes(seed: int, size: tuple[int, int, int], with_target: bool, fps: int) -> _Drawn:
    from ..vivid_core.tiny.scenes.shapes import draw_scene

    frames, height, width = size
    scene = draw_scene(seed, frames=frames, height=height, width=width)
    return _Drawn(
        pixels=scene.render() if with_target else scene.background(),
        mask=scene.mask(),
        caption=f"a {scene.target_thing.words}",
    )


def _meadow(seed: int, size: tuple[int, int, int], with_fox: bool, fps: int) -> _Drawn:
    from ..vivid_core.scenery.meadow import draw_meadow
    from ..vivid_core.scenery.sound import SAMPLE_RATE

    frames, height, width = size
    meadow = draw_meadow(seed, frames=frames, height=height, width=width)
    sound = torch.from_numpy(meadow.sound(fps))
    return _Drawn(
        pixels=meadow.render() if with_fox else meadow.background(),
        mask=meadow.mask(),
        caption=meadow.caption,
        audio={"waveform": sound[None], "sample_rate": SAMPLE_RATE},
    )


def _pond(seed: int, size: tuple[int, int, int], with_koi: bool, fps: int) -> _Drawn:
    from ..vivid_core.scenery.pond import Pond

    frames, height, width = size
    pond = Pond(seed=seed, frames=frames, height=height, width=width)
    return _Drawn(
        pixels=pond.render() if with_koi else pond.background(),
        mask=pond.mask(),
        caption=f"a {pond.words}",
    )


_PAINTERS = {FOX: _meadow, WITHOUT_FOX: _meadow, KOI: _pond, WITHOUT_KOI: _pond}
