"""The sockets of this pack that ComfyUI does not know."""

from __future__ import annotations

from comfy_api.latest import io

VividModel = io.Custom("VIVID_MODEL")  # memory.HostedModel
VividAdapter = io.Custom("VIVID_ADAPTER")  # vivid_core.cogvideox.adapter.Adapter
VividDataset = io.Custom("VIVID_DATASET")  # vivid_core.data.samples.Dataset
VividKeyframe = io.Custom("VIVID_KEYFRAME")  # tuple of vivid_core.video.Keyframe
VividFrame = io.Custom("VIVID_FRAME")  # vivid_core.keyframe.handout.Handout
VividMaskTrack = io.Custom("VIVID_MASK_TRACK")  # vivid_core.track.store.StoredTrack
VividTracker = io.Custom("VIVID_TRACKER")  # vivid_core.track.engine.Engine
VividFlow = io.Custom("VIVID_FLOW")  # vivid_core.flow.engine.FlowEngine
VividEngine = io.Custom("VIVID_ENGINE")  # vivid_core.perceive.load.SeeingEngine
VividEntities = io.Custom("VIVID_ENTITIES")  # tuple of vivid_core.perceive.protocols.Entity
CoreBoxes = io.Custom("BOUNDING_BOX")  # ComfyUI's: dicts of x, y, width, height, in lists or not
CoreICLoRA = io.Custom("IC_LORA_PARAMETERS")  # ComfyUI's: its reference_downscale_factor, a dict
CoreFlow = io.Custom("OPTICAL_FLOW")  # ComfyUI's: a ModelPatcher around torchvision's RAFT

FRAMES = [io.Image, io.Video]
MASKS = [io.Mask, VividMaskTrack]
FLOWS = [VividFlow, CoreFlow]
ENTITIES = [VividEntities, CoreBoxes]
SEGMENTERS = [VividEngine, VividTracker]
