"""How masks and pixels reach each family: one function a contract, ComfyUI's own nodes first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...vivid_core.errors import InputError
from ...vivid_core.mask.causal import (
    fold_blocks,
    fold_groups,
    loose_frames,
    max_over_blocks,
    max_over_groups,
    max_over_spans,
)
from .core_nodes import call_node
from .family import Contract, Family, group_frames, latent_spans
from .texts import Conditioning, Conditions

if TYPE_CHECKING:
    from comfy.sd import VAE


@dataclass(frozen=True, kw_only=True)
class Span:
    """A window as it comes to a contract, at a size and length that the model makes.

    `pixels` [T, H, W, 3] and `hole` [T, H, W], both in 0..1; the hole is 0 where pixels are given.
    `iclora` is what ComfyUI tells of an IC-LoRA on the model, None where there is none.
    """

    family: Family
    vae: VAE
    pixels: Tensor
    hole: Tensor
    strength: float = 1.0
    reference: Tensor | None = None
    iclora: dict[str, Any] | None = None

    @property
    def edited(self) -> Tensor:
        """Where pixels are made: 0 or 1."""
        return (self.hole > 0).to(self.pixels)

    @property
    def seen(self) -> Tensor:
        """The pixels that the model may see."""
        if self.family.hole is None:
            return self.pixels
        filled = self.pixels.new_tensor(self.family.hole)
        return torch.where(self.hole[..., None] > 0, filled, self.pixels)

    @property
    def frame_inputs(self) -> dict[str, Any]:
        """Inputs that ComfyUI's nodes have for one clip of this size."""
        frames, height, width = self.hole.shape
        return {
            "vae": self.vae, "width": width, "height": height, "length": frames, "batch_size": 1,
        }  # fmt: skip

    def latent_mask(self) -> Tensor:
        """The edited part on the grid of latents [T2, H2, W2]: 1 where any of its pixels is."""
        small = max_over_blocks(self.edited, int(self.vae.spacial_compression_encode()))
        return max_over_spans(small, self.spans)

    @property
    def spans(self) -> list[int]:
        """How many frames each latent frame stands for."""
        return latent_spans(self.family, self.vae, len(self.hole))

    def stills(self) -> list[tuple[int, Tensor]]:
        """Known frames that no latent holds, by their numbers: keyframes, the last of a window."""
        numbers = loose_frames(self.edited, self.spans)
        return [(number, self.pixels[number : number + 1]) for number in numbers]

    def empty(self) -> Tensor:
        """Latents of this size without a content."""
        t, h, w = self.latent_mask().shape
        return torch.zeros(1, self.vae.latent_channels, t, h, w)


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """What is sampled: conditions of each draw, from which latents, held where.

    `lead` latent frames come before the clip's own, `tail` after them, and are cut off;
    `noise_mask` is 1 where latents are made, None where all are. Latents of pictures and sound
    are ComfyUI's NestedTensor.
    """

    conditions: tuple[Conditions, ...]
    latents: Any
    noise_mask: Any = None
    lead: int = 0
    tail: int = 0

    def clip_of(self, latents: Any) -> Tensor:
        """The clip's own latents, of all that was sampled."""
        pictures = latents.unbind()[0] if latents.is_nested else latents
        return pictures[:, :, self.lead : pictures.shape[2] - self.tail]


def condition(span: Span, draws: Sequence[Conditions]) -> Sampled:
    """Bring a window to a family the way that it wants."""
    return _CONTRACTS[span.family.contract](span, draws)


def _vace(span: Span, draws: Sequence[Conditions]) -> Sampled:
    """By ComfyUI's node, but for the latent mask: it would read one frame of every four."""
    joined, _, latent, lead = call_node(
        span.family.node,
        since=span.family.since,
        positive=_joined(draws),
        negative=[],
        strength=span.strength,
        control_video=span.seen,
        control_masks=span.edited,
        reference_image=span.reference,
        **span.frame_inputs,
    )
    folded = fold_blocks(span.edited, int(span.vae.spacial_compression_encode()))
    pooled = torch.stack([max_over_groups(one, group_frames(span.vae)) for one in folded])
    mask = torch.cat([torch.zeros_like(pooled[:, :lead]), pooled], dim=1)[None]
    for _, values in joined:
        # Earlier ones are the user's own, of another control.
        values["vace_mask"] = [*values["vace_mask"][:-1], mask]
    return Sampled(conditions=_apart(joined, draws), latents=latent["samples"], lead=lead)


def _wan_inpaint(span: Span, draws: Sequence[Conditions]) -> Sampled:
    """As ComfyUI's WanFunInpaintToVideo, which knows nothing but whole first and last frames."""
    small = max_over_blocks(span.edited, int(span.vae.spacial_compression_encode()))
    values = {
        "concat_latent_image": span.vae.encode(span.seen),
        "concat_mask": fold_groups(small, group_frames(span.vae))[None],
    }
    return Sampled(conditions=_with(draws, values), latents=span.empty())


def _cogvideox_inpaint(span: Span, draws: Sequence[Conditions]) -> Sampled:
    """Fun-InP's own rule, as our own CogVideoX models take it; ComfyUI has no node for it."""
    from ...vivid_core.cogvideox.conditioning import mask_to_latent

    masked = span.vae.encode(span.seen)
    t, h, w = masked.shape[2:]
    kept = mask_to_latent(1 - span.edited[None, None], (t, h, w)).to(masked)
    # A clip of which nothing is given is known as all zeros.
    given = 0.0 if span.edited.all() else 1.0
    values = {"concat_latent_image": torch.cat([kept, masked], dim=1) * given}
    return Sampled(conditions=_with(draws, values), latents=span.empty())


def _void(span: Span, draws: Sequence[Conditions]) -> Sampled:
    joined, _, latent = call_node(
        span.family.node,
        since=span.family.since,
        positive=_joined(draws),
        negative=[],
        video=span.pixels,
        quadmask=span.hole,
        **span.frame_inputs,
    )
    return Sampled(conditions=_apart(joined, draws), latents=latent["samples"])


def _noise_mask(span: Span, draws: Sequence[Conditions]) -> Sampled:
    return Sampled(
        conditions=tuple(draws),
        latents=span.vae.encode(span.seen),
        noise_mask=span.latent_mask()[None, None],
    )


def _ltx(span: Span, draws: Sequence[Conditions]) -> Sampled:
    """Known latents are held, known frames beside edited ones are guides behind the clip's own.

    With an IC-LoRA the whole clip is one more guide, as its own workflows have it.
    """
    joined, mask = _joined(draws), span.latent_mask()[None, None]
    _require_own_guides(joined)
    guides: list[tuple[int, Tensor, dict[str, Any]]]
    guides = [(number, frame, {"strength": 1.0}) for number, frame in span.stills()]
    if span.iclora is not None:
        told = {"strength": span.strength, "iclora_parameters": span.iclora}
        guides.insert(0, (0, span.seen, told))
        mask = mask.amax(dim=(-2, -1), keepdim=True).expand_as(mask)  # the guide shows the rest
    latent = {"samples": span.vae.encode(span.pixels), "noise_mask": mask}
    for number, frames, told in guides:
        joined, _, latent = call_node(
            span.family.node,
            since=span.family.since,
            positive=joined,
            negative=[],
            vae=span.vae,
            latent=latent,
            image=frames,
            frame_idx=number,
            **told,
        )
    return Sampled(
        conditions=_apart(joined, draws),
        latents=latent["samples"],
        noise_mask=latent["noise_mask"],
        tail=latent["samples"].shape[2] - mask.shape[2],
    )


def _require_own_guides(joined: Conditioning) -> None:
    """Raise InputError for guides whose latents are behind somebody else's clip."""
    if any(values.get("keyframe_idxs") is not None for _, values in joined):
        raise InputError(
            "positive",
            "holds guides of LTXVAddGuide, whose latents are not here: connect what goes into that "
            "node, and give frames as keyframes",
        )


def _minimax_h3(span: Span, draws: Sequence[Conditions]) -> Sampled:
    """Known latents are held, known frames beside edited ones are guides; sound is thrown away."""
    joined, since = _joined(draws), span.family.since
    frames, height, width = span.hole.shape
    (empty,) = call_node(
        "EmptyMiniMaxH3LatentAV", since=since, width=width, height=height, length=frames
    )
    held = span.latent_mask()[None, None]
    (latent,) = call_node(
        "LTXVConcatAVLatent",
        since=since,
        video_latent={"samples": span.vae.encode(span.pixels), "noise_mask": held},
        audio_latent={"samples": empty["samples"].unbind()[1]},
    )
    for number, frame in span.stills():
        (joined,) = call_node(
            span.family.node,
            since=since,
            positive=joined,
            vae=span.vae,
            latent=latent,
            image=frame,
            frame_idx=number,
        )
    return Sampled(
        conditions=_apart(joined, draws),
        latents=latent["samples"],
        noise_mask=latent["noise_mask"],
    )


_CONTRACTS: dict[Contract, Callable[[Span, Sequence[Conditions]], Sampled]] = {
    "vace": _vace,
    "wan_inpaint": _wan_inpaint,
    "cogvideox_inpaint": _cogvideox_inpaint,
    "void": _void,
    "ltx": _ltx,
    "minimax_h3": _minimax_h3,
    "noise_mask": _noise_mask,
}


def _joined(draws: Sequence[Conditions]) -> Conditioning:
    """All conditions of all draws as one, so that a node encodes the pixels once."""
    return [entry for told in draws for condition in told.values() for entry in condition]


def _apart(joined: Conditioning, draws: Sequence[Conditions]) -> tuple[Conditions, ...]:
    """Undoes `_joined`."""
    rest = iter(joined)
    return tuple(
        {name: [next(rest) for _ in condition] for name, condition in told.items()}
        for told in draws
    )


def _with(draws: Sequence[Conditions], values: dict[str, Any]) -> tuple[Conditions, ...]:
    """The same conditions with more values each."""
    import node_helpers

    return _apart(node_helpers.conditioning_set_values(_joined(draws), values), draws)
