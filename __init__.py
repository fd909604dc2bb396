"""Mask-guided local video editing for ComfyUI.

Nothing is imported here beyond the standard library: ComfyUI asks for the nodes when it wants
them, and test runners and linters may import this file without ComfyUI.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .nodes import VividExtension

WEB_DIRECTORY = "./web"

__all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]


async def comfy_entrypoint() -> VividExtension:
    """The nodes of this pack, for ComfyUI."""
    try:
        from .nodes import VividExtension

        return VividExtension()
    except Exception:
        # ComfyUI reports a failure here in one line, without saying where it happened.
        logging.getLogger(__name__).exception("the VIVID nodes could not be loaded")
        raise
