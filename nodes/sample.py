"""A procedural clip, so that every workflow runs with nothing downloaded."""

from __future__ import annotations

from fractions import Fraction

import torch
from comfy_api.latest import InputImpl, Types, io

from . import convert, previews
from .load import CATEGORY
from .schema import check_choices, schema

WITH_TARGET = "moving shapes"
WITHOUT_TARGET = "moving shapes, target removed"


class SampleClip(io.ComfyNode):
    """Vivid_SampleClip."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            node_id="Vivid_SampleClip",
            display_name="Vivid Sample Clip",
            category=CATEGORY,
            description="Draws a clip of moving shapes over a moving background, with the exact "
            "mask and caption of one of them. For trying things out with nothing downloaded.",
            search_aliases=["example video", "test video", "demo clip"],
            has_intermediate_output=True,
            inputs=[
                io.Combo.Input(
                    "scene",
                    options=[WITH_TARGET, WITHOUT_TARGET],
                    default=WITH_TARGET,
                    tooltip="moving shapes: to change or remove the masked shape. target removed: "
                    "the same scene without it, to add it back; mask and caption stay.",
                ),
                io.Int.Input(
                    "seed",
                    default=1_000_000,
                    min=0,
                    max=2**32 - 1,
                    control_after_generate=True,
                    tooltip="Which scene. vivid-tiny never saw scenes from 1,000,000 up, nor the "
                    "colour of their target on that shape.",
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
                    "mask", display_name="mask", tooltip="The target shape, white, in every frame."
                ),
                io.Video.Output("video", display_name="video", tooltip="The clip as a VIDEO."),
                io.String.Output(
                    "caption",
                    display_name="caption",
                    tooltip="What the target is, for example 'a small red circle'.",
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, scene: str | None = None) -> bool | str:
        return check_choices(cls, scene=scene) or True

    @classmethod
    def execute(
        cls, scene: str, seed: int, width: int, height: int, length: int, fps: int
    ) -> io.NodeOutput:
        from ..vivid_core.tiny.scenes.shapes import draw_scene

        drawn = draw_scene(seed, frames=length, height=height, width=width)
        pixels = drawn.background() if scene == WITHOUT_TARGET else drawn.render()
        whole = (pixels * 255).round() / 255  # as a video file holds them: saved, they stay exact
        frames = convert.to_socket(torch.from_numpy(whole))
        mask = convert.to_socket(torch.from_numpy(drawn.mask()))
        parts = Types.VideoComponents(images=frames, audio=None, frame_rate=Fraction(fps))
        return io.NodeOutput(
            frames,
            mask,
            InputImpl.VideoFromComponents(parts),
            f"a {drawn.target_thing.words}",
            ui=previews.animation(frames, fps),
        )
