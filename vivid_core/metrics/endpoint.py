"""How far one motion is from another."""

from __future__ import annotations

from .flicker import Flow
from .psnr import Masks, selected_pixels


def endpoint_error(flow: Flow, reference: Flow, mask: Masks) -> float:
    """Mean length of the difference of two flows, in pixels (Baker et al. 2011, section 4.1).

    Over the pixels that are in the mask of the frame they start from; the mask has a frame more
    than the flows. Raises MaskError if there are none.
    """
    inside = selected_pixels(mask[:-1])
    return float((flow - reference).norm(dim=-1)[inside].mean())
