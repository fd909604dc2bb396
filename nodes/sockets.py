"""The sockets of this pack that ComfyUI does not know."""

from __future__ import annotations

from comfy_api.latest import io

VividModel = io.Custom("VIVID_MODEL")  # memory.HostedModel
VividAdapter = io.Custom("VIVID_ADAPTER")  # vivid_core.model.adapter.Adapter
VividKeyframe = io.Custom("VIVID_KEYFRAME")  # tuple of vivid_core.edit.request.Keyframe
VividMaskTrack = io.Custom("VIVID_MASK_TRACK")  # vivid_core.video.MaskTrack

FRAMES = [io.Image, io.Video]
MASKS = [io.Mask, VividMaskTrack]
