"""Frame and latent arithmetic: legal sizes and lengths, latent shapes, token counts."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import SizeError
from ..inpainter import Grid

FRAMES_PER_LATENT = 4  # CogVideoX VAE: temporal_compression_ratio
PIXELS_PER_LATENT = 8  # CogVideoX VAE with four blocks: three halvings of height and width
LATENT_CHANNELS = 16  # CogVideoX VAE: latent_channels
PATCH = 2  # CogVideoX transformer: patch_size
PATCH_TIME = 2  # CogVideoX 1.5 and VOID: patch_size_t


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """How pixels, latents and tokens of one model relate.

    `space` and `time` are the VAE's factors, `patch` and `patch_time` the transformer's;
    `patch_time` is None before CogVideoX 1.5. A single frame is always legal (image mode).

    The VAE decodes an odd number of latent frames to time*(latents-1)+1 frames, an even one to
    time*latents: so the legal lengths are 2*time*k+1 frames. Where pairs of latent frames become
    one token (`patch_time` 2) the count must be even, and the first latent frame still stands
    for one frame only: legal lengths are 2*time*k+time+1.
    """

    space: int = PIXELS_PER_LATENT
    time: int = FRAMES_PER_LATENT
    patch: int = PATCH
    patch_time: int | None = None

    def __post_init__(self) -> None:
        if min(self.space, self.time, self.patch, self.patch_time or 1) < 1:
            raise ValueError(f"factors must be 1 or more, got {self}")

    @property
    def size_step(self) -> int:
        """Height and width must be multiples of this many pixels."""
        return self.space * self.patch

    @property
    def frame_step(self) -> int:
        """Legal lengths of more than one frame are this many frames apart."""
        return self.time * (2 if self.patch_time is None else self.patch_time)

    @property
    def grid(self) -> Grid:
        """The sizes and lengths that follow. The shortest video is the shortest non-image."""
        short = self.frame_step + 1 - (0 if self.patch_time is None else self.time)
        return Grid(
            size_step=self.size_step, frame_step=self.frame_step, shortest_video=max(1, short)
        )

    def legal_frames(self, frames: int) -> int:
        """The smallest legal length that holds this many frames."""
        return self.grid.legal_frames(frames)

    def legal_size(self, height: int, width: int) -> tuple[int, int]:
        """The smallest legal height and width that hold a frame of this size."""
        return self.grid.legal_size(height, width)

    def latent_frames(self, frames: int) -> int:
        """Latent frames the VAE makes of a legal number of frames."""
        self._require_length(frames)
        return (frames - 1) // self.time + 1

    def padded_latent_frames(self, frames: int) -> int:
        """Latent frames the transformer reads: an image gets zero frames up to `patch_time`."""
        return max(self.latent_frames(frames), self.patch_time or 1)

    def latent_shape(self, frames: int, height: int, width: int) -> tuple[int, int, int]:
        """Frames, height and width of the latents the transformer reads (padding included)."""
        self._require_size(height, width)
        return self.padded_latent_frames(frames), height // self.space, width // self.space

    def tokens(self, frames: int, height: int, width: int, text_tokens: int = 0) -> int:
        """Length of the transformer's sequence, text included."""
        t, h, w = self.latent_shape(frames, height, width)
        return t // (self.patch_time or 1) * (h // self.patch) * (w // self.patch) + text_tokens

    def _require_length(self, frames: int) -> None:
        legal, step = self.legal_frames(frames), self.frame_step
        if legal != frames:
            raise SizeError(
                "frames",
                f"must be 1 or {step}k+{self.grid.shortest_video % step}, got {frames}: pad the "
                f"clip to {legal} frames",
            )

    def _require_size(self, height: int, width: int) -> None:
        legal = self.legal_size(height, width)
        if legal != (height, width):
            raise SizeError(
                "size",
                f"width and height must be multiples of {self.size_step}, got {width}x{height}: "
                f"pad the frames to {legal[1]}x{legal[0]}",
            )
