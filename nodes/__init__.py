"""The nodes of this pack, in the order of a workflow."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

from .animate import AnimateMask
from .background import FillBackground, LoadFlow, PropagateBackgroundMask
from .edit import EditVideo, EstimateCost
from .keyframe import EditKeyframe, PropagateKeyframes
from .load import ApplyAdapter, LoadModel
from .longvideo import EditLongVideo
from .mask import AugmentMask, OverlayMask
from .measure import CompareEdit
from .pick import PickKeyframe, UseKeyframe
from .sample import SampleClip
from .track import LoadTracker, TrackObject

NODES: list[type[io.ComfyNode]] = [
    LoadModel,
    ApplyAdapter,
    LoadTracker,
    LoadFlow,
    SampleClip,
    TrackObject,
    AnimateMask,
    PropagateBackgroundMask,
    AugmentMask,
    OverlayMask,
    FillBackground,
    EstimateCost,
    EditVideo,
    EditKeyframe,
    PickKeyframe,
    UseKeyframe,
    PropagateKeyframes,
    EditLongVideo,
    CompareEdit,
]


class VividExtension(ComfyExtension):
    """What ComfyUI asks for the list of nodes."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return NODES
