"""What a CogVideoX model makes of a mask: pixels that share a latent are edited together."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from ..errors import InputError
from ..inpainter import Limits
from ..mask.causal import spread_blocks, spread_groups
from .conditioning import edit_mask, mask_to_latent
from .latents import Geometry
from .layout import Layout, layout_named
from .tasks import TASKS


@dataclass(frozen=True, kw_only=True)
class MaskReading:
    """How models of a layout read masks. `train_size` is (frames, height, width)."""

    layout: Layout
    geometry: Geometry
    train_size: tuple[int, int, int]

    @property
    def limits(self) -> Limits:
        frames, height, width = self.train_size
        grid = self.geometry.grid
        return Limits(
            grid=grid,
            longest=grid.longest_within(frames) if frames > 1 else 1,
            train_size=(height, width),
            tasks=TASKS[self.layout.name],
        )

    @property
    def mask_rule(self) -> str:
        """In words."""
        if self.layout.mask_encoding == "resized":
            space, time = self.geometry.space, self.geometry.time
            return (
                f"layout {self.layout.name}, one value for {space}x{space} pixels and {time} frames"
            )
        return f"layout {self.layout.name}, the mask goes through the VAE like a video"

    def seen_mask(self, hole: Float[Tensor, "t h w"]) -> Float[Tensor, "t h w"]:
        """A hole of a legal size and length as it is read: 0..1, 1 = made.

        Where the mask goes through the VAE, its levels before that. Raises InputError for layouts
        without a mask.
        """
        if not self.layout.needs_mask:
            raise InputError("model", f"is a {self.layout.name} model and reads no mask")
        levels = edit_mask(self.layout, hole[None, None])
        if self.layout.mask_encoding != "resized":
            return levels[0, 0]
        space, time = self.geometry.space, self.geometry.time
        frames, height, width = hole.shape
        size = (self.geometry.latent_frames(frames), height // space, width // space)
        latents = mask_to_latent(levels, size)[0, 0]
        return spread_groups(spread_blocks(latents, space), time)[:frames]


def default_reading() -> MaskReading:
    """That of VIVID's own layout on CogVideoX, where no model is at hand."""
    layout = layout_named("vivid")
    size = (layout.train_frames, *layout.train_size)
    return MaskReading(layout=layout, geometry=Geometry(), train_size=size)
