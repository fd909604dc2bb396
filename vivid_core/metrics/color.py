"""How far the mean colour of an object is from what it should be."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from .psnr import Frames, Masks, selected_pixels

SRGB_TO_XYZ = (  # IEC 61966-2-1
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
WHITE_D65 = (0.95047, 1.0, 1.08883)
CIE_EDGE = 6 / 29  # CIE 15: where the cube root turns into a line


@dataclass(frozen=True, kw_only=True)
class ColorError:
    """Distance of two mean colours: `rgb` in 0..255 steps, `lab` as CIE 1976 delta E."""

    rgb: float
    lab: float


def color_error(result: Frames, truth: Frames, mask: Masks) -> ColorError:
    """Compare the mean colours of two clips inside the mask."""
    inside = selected_pixels(mask)
    ours, true = result[inside].mean(dim=0), truth[inside].mean(dim=0)
    return ColorError(
        rgb=255 * float((ours - true).norm()),
        lab=float((rgb_to_lab(ours) - rgb_to_lab(true)).norm()),
    )


def rgb_to_lab(rgb: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n 3"]:
    """sRGB in 0..1 to CIE L*a*b* under D65."""
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = linear @ rgb.new_tensor(SRGB_TO_XYZ).T / rgb.new_tensor(WHITE_D65)
    line = xyz / (3 * CIE_EDGE**2) + 4 / 29
    x, y, z = torch.where(xyz > CIE_EDGE**3, xyz.clamp(min=1e-12) ** (1 / 3), line).unbind(-1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=-1)
