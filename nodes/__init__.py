"""The nodes of this pack, in the order of a workflow."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

from .adapter import MergeAdapter, SaveAdapter
from .animate import AnimateMask
from .background import FillBackground, LoadFlow, PropagateBackgroundMask
from .build import BuildDataset, FilterSample, PasteMask, WriteSamples
from .core_model.node import UseCoreModel
from .dataset import LoadDataset, SampleDataset
from .edit import EditVideo, EstimateCost
from .handout import FrameForEditing
from .instruct import EditByInstruction
from .instructions import WriteInstructions
from .keyframe import EditKeyframe, PropagateKeyframes
from .load import ApplyAdapter, LoadAdapter, LoadModel
from .longvideo import EditLongVideo
from .mask import AugmentMask, OverlayMask
from .measure import CompareEdit, MeasureEdit
from .motion import CameraMotionClip
from .pairs import WritePair
from .perceive import CaptionEntity, DetectEntities, LoadEngine, SegmentEntities, TagFrame
from .pick import PickKeyframe, UseKeyframe
from .propagate import PropagateEdit
from .sample import SampleClip
from .screen import FilterEdit, ScreenEdits
from .sweep import SweepGuidance
from .track import LoadTracker, TrackObject
from .train import PlotTraining, TrainAdapter
from .triplets import BuildInstructionDataset

NODES: list[type[io.ComfyNode]] = [
    LoadModel,
    UseCoreModel,
    ApplyAdapter,
    LoadAdapter,
    LoadTracker,
    LoadFlow,
    LoadEngine,
    SampleClip,
    TrackObject,
    AnimateMask,
    PropagateBackgroundMask,
    AugmentMask,
    OverlayMask,
    FillBackground,
    EstimateCost,
    EditVideo,
    EditByInstruction,
    EditKeyframe,
    PickKeyframe,
    FrameForEditing,
    UseKeyframe,
    PropagateKeyframes,
    SweepGuidance,
    ScreenEdits,
    PropagateEdit,
    EditLongVideo,
    CompareEdit,
    MeasureEdit,
    FilterEdit,
    TagFrame,
    DetectEntities,
    SegmentEntities,
    CaptionEntity,
    LoadDataset,
    SampleDataset,
    BuildDataset,
    PasteMask,
    FilterSample,
    WriteSamples,
    CameraMotionClip,
    WriteInstructions,
    WritePair,
    BuildInstructionDataset,
    TrainAdapter,
    PlotTraining,
    SaveAdapter,
    MergeAdapter,
]


class VividExtension(ComfyExtension):
    """What ComfyUI asks for the list of nodes."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        # Not in on_load: the oldest supported ComfyUI has it, but does not call it.
        from server import PromptServer

        from .routes import Routes

        Routes().add_to(PromptServer.instance.routes)
        return NODES
