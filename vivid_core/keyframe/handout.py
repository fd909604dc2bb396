"""Hand one frame to an image model as a picture of a size it likes, and put its work back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ..edit.composite import UNCHANGED, composite
from ..edit.focus import CONTEXT_SHARE, FocusPlan, plan_picture, resize
from ..edit.masks import Bounds, effective_mask
from ..errors import InputError, MaskError
from ..video import Clip, Keyframe, MaskTrack

MEGAPIXEL = 1024 * 1024
MOST_STRETCH = 0.03  # image models round sizes to their own steps; beyond that it is another part


@dataclass(frozen=True, kw_only=True)
class Wish:
    """The picture that an image model likes.

    `area` in pixels, sides multiples of `step`; `context` around the mask as a share of its own
    extent; `whole`: all of the frame. The mask is widened by `grow` pixels of the frame.
    """

    area: int = MEGAPIXEL
    step: int = 16
    context: float = CONTEXT_SHARE
    whole: bool = False
    grow: int = 0

    def __post_init__(self) -> None:
        if self.step < 1 or self.area < self.step**2:
            raise InputError(
                "megapixels",
                f"{self.area} pixels hold no {self.step}x{self.step}: give more, or a smaller "
                "multiple",
            )


@dataclass(frozen=True, kw_only=True)
class Handout:
    """A frame that is out for editing: its pixels, the mask that limits the edit, and the part.

    `source` is in 0..1; `mask` is 0 or 1.
    """

    frame: int
    source: Float[Tensor, "h w 3"]
    mask: Float[Tensor, "h w"]
    plan: FocusPlan

    @property
    def picture(self) -> Float[Tensor, "h2 w2 3"]:
        """The part as the image model gets it, in 0..1."""
        return _fitted(self.plan.crop(self.source, spatial=0), self.plan.model)

    @property
    def picture_mask(self) -> Float[Tensor, "h2 w2"]:
        """The mask on it, with soft edges in 0..1."""
        return _fitted(self.plan.crop(self.mask, spatial=0)[..., None], self.plan.model)[..., 0]

    def stitch(
        self, edited: Float[Tensor, "h3 w3 3"], alpha: Float[Tensor, "h3 w3"] | None = None
    ) -> Float[Tensor, "h w 3"]:
        """The whole frame with an edited picture in its place.

        Exactly the source outside the mask, and wherever the picture is as it was handed out or
        (below 1) transparent. The picture may come back at another size of the same proportions.
        Raises InputError for others.
        """
        height, width = int(edited.shape[0]), int(edited.shape[1])
        self._require_place((height, width))
        layers = [edited] if alpha is None else [edited, alpha[..., None]]
        layers = [_fitted(layer, (self.plan.height, self.plan.width)) for layer in layers]
        part, mask = (self.plan.crop(values, spatial=0) for values in (self.source, self.mask))
        painted = layers[0] if alpha is None else torch.lerp(part, layers[0], layers[1])
        painted = torch.where(self._touched(edited), painted, part)
        frame = self.source.clone()
        pasted = composite(part[None], painted[None], mask[None], feather=0)[0]
        self.plan.crop(frame, spatial=0).copy_(pasted)
        return frame

    def keyframe(
        self, edited: Float[Tensor, "h3 w3 3"], alpha: Float[Tensor, "h3 w3"] | None = None
    ) -> Keyframe:
        """The stitched frame, for propagation."""
        return Keyframe(frame=self.frame, pixels=self.stitch(edited, alpha), finished=False)

    def _touched(self, edited: Tensor) -> Tensor:
        """Where the edit changed the picture at all: bool [height, width, 1] of the part."""
        before = _fitted(self.picture, (int(edited.shape[0]), int(edited.shape[1])))
        changed = ((edited - before).abs().amax(dim=2) > UNCHANGED).float()
        size = (self.plan.height, self.plan.width)
        return F.adaptive_max_pool2d(changed[None], size)[0][..., None] > 0

    def _require_place(self, size: tuple[int, int]) -> None:
        """Raise InputError for a picture that cannot be the one that was handed out."""
        tall, wide = self.plan.model
        given, wanted = f"{size[1]}x{size[0]}", f"{wide}x{tall}"
        if size != self.plan.model and size == tuple(self.source.shape[:2]):
            raise InputError(
                "image",
                f"is {given}, the size of the whole frame, but the crop was handed out at "
                f"{wanted}: connect the edited crop, or disconnect crop",
            )
        if abs(size[1] * tall / (size[0] * wide) - 1) > MOST_STRETCH:
            raise InputError(
                "image",
                f"is {given}, the crop was handed out at {wanted}: give back that size, or another "
                "of the same proportions",
            )


def hand_out(clip: Clip, mask: MaskTrack, frame: int, wish: Wish) -> Handout:
    """Frame `frame` of a clip, its mask, and the part of it for an image model.

    Raises InputError for a frame outside the clip, MaskError where its mask is empty.
    """
    if not 0 <= frame < len(clip):
        raise InputError(
            "frame", f"is {frame}, the clip has frames 0 to {len(clip) - 1}: choose one"
        )
    effective = effective_mask(mask.values[frame][None], wish.grow)
    box = Bounds.around(effective)
    if box is None:
        raise MaskError("mask", f"is empty on frame {frame}: choose a frame on which it is not")
    box = Bounds.of_frame(clip.size) if wish.whole else box
    plan = plan_picture(box, clip.size, area=wish.area, step=wish.step, context=wish.context)
    return Handout(frame=frame, source=clip.frames[frame], mask=effective[0], plan=plan)


def _fitted(values: Float[Tensor, "h w c"], size: tuple[int, int]) -> Tensor:
    """Resampled to a size (height, width); as it is where it has that size."""
    if tuple(values.shape[:2]) == size:
        return values
    return resize(values.permute(2, 0, 1)[None], size)[0].permute(1, 2, 0).clamp(0, 1)
