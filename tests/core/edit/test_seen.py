"""What a model reads of a mask is shown: its blocks, its groups of frames, its windows."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from vivid_core.cogvideox.conditioning import mask_to_latent
from vivid_core.cogvideox.latents import Geometry
from vivid_core.cogvideox.layout import LayoutName, layout_named
from vivid_core.cogvideox.masks import MaskReading, default_reading
from vivid_core.edit.seen import seen_mask
from vivid_core.inpainter import MaskReader
from vivid_core.video import Clip, MaskTrack

from ..painter import Painter


def material(frames: int, size: int = 32) -> tuple[Clip, MaskTrack]:
    mask = torch.zeros(frames, size, size)
    mask[:, 9:23, 9:23] = 1
    noise = torch.rand(1, size, size, 3, generator=torch.Generator().manual_seed(0))
    return Clip(frames=noise.expand(frames, -1, -1, -1)), MaskTrack(values=mask)


def test_pixels_and_frames_that_share_a_latent_are_seen_together():
    clip, mask = material(9)
    mask.values[5:] = 0
    seen = seen_mask(default_reading(), clip, mask)
    assert seen.shape == (9, 32, 32)
    blocks = seen.reshape(9, 4, 8, 4, 8)
    assert torch.equal(blocks, blocks[:, :, :1, :, :1].expand_as(blocks))
    for group in (slice(1, 5), slice(5, 9)):
        assert torch.equal(seen[group], seen[group][:1].expand(4, -1, -1))
    latents = mask_to_latent(mask.values[None, None], (3, 4, 4))[0, 0]
    assert torch.equal(seen[[0, 1, 5]][:, ::8, ::8], latents)


def test_what_lies_between_samples_of_the_grid_is_not_seen():
    """A line of one pixel at the edge of a block: the real rule loses it, and this shows that."""
    clip, mask = material(1)
    mask.values[:] = 0
    mask.values[0, :, 8] = 1
    assert not seen_mask(default_reading(), clip, mask).any()


def test_a_mask_that_goes_through_the_vae_is_shown_at_its_levels():
    layout = layout_named("void", version="1.5")
    reading = MaskReading(layout=layout, geometry=Geometry(patch_time=2), train_size=(13, 64, 64))
    clip, mask = material(5)
    assert torch.equal(seen_mask(reading, clip, mask), mask.values)
    assert "through the VAE" in reading.mask_rule


@dataclass(frozen=True, kw_only=True)
class Reader(Painter):
    """Sees a hole as it is."""

    mask_rule: str = "as it is"

    def seen_mask(self, hole: torch.Tensor) -> torch.Tensor:
        self.holes.append(hole)
        return hole

    @property
    def holes(self) -> list[torch.Tensor]:
        return self.seen  # type: ignore[return-value]


def test_windows_of_a_chain_are_laid_together():
    """A frame that a window takes over is seen as the window before read it."""
    reader = Reader()
    clip, mask = material(25, size=24)  # the size it was trained at: nothing is scaled
    assert isinstance(reader, MaskReader) and not isinstance(Painter(), MaskReader)
    assert torch.equal(seen_mask(reader, clip, mask) > 0.5, mask.values > 0.5)
    later = reader.holes[1]
    assert not later[0].any() and later[1].any()


def test_every_layout_with_a_mask_has_words_for_it():
    names: tuple[LayoutName, ...] = ("vivid", "fun_inp", "void")
    for name in names:
        reading = MaskReading(
            layout=layout_named(name), geometry=Geometry(), train_size=(49, 480, 720)
        )
        assert f"layout {name}" in reading.mask_rule
