"""Mask-guided local video editing: what a Python program needs, with no ComfyUI.

    from vivid_core import Clip, MaskTrack, Material, Settings, edit_clip, load_model

Names are loaded when they are first used, so that importing this package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .chain.footage import plan_video as plan_video
    from .chain.request import LongEditReport as LongEditReport
    from .chain.request import VideoFiles as VideoFiles
    from .chain.run import edit_video as edit_video
    from .chain.sources import open_masks as open_masks
    from .cogvideox.adapter import apply_adapter as apply_adapter
    from .cogvideox.adapter import load_adapter as load_adapter
    from .cogvideox.adapters import AdapterFile as AdapterFile
    from .cogvideox.merge import export_lora as export_lora
    from .cogvideox.merge import merge_adapter as merge_adapter
    from .cogvideox.save import save_checkpoint as save_checkpoint
    from .data.formats.catalog import read_dataset as read_dataset
    from .data.formats.catalog import write_dataset as write_dataset
    from .data.formats.columns import ColumnMap as ColumnMap
    from .data.formats.columns import map_from_settings as map_from_settings
    from .data.formats.columns import unknown_columns as unknown_columns
    from .data.formats.masks import read_reference as read_reference
    from .data.formats.masks import write_labels as write_labels
    from .data.formats.masks import write_masklets as write_masklets
    from .data.formats.record import MaskReference as MaskReference
    from .data.formats.record import Record as Record
    from .edit.clip import edit_clip as edit_clip
    from .edit.clip import run_edit as run_edit
    from .edit.cost import CostEstimate as CostEstimate
    from .edit.cost import estimate_cost as estimate_cost
    from .edit.job import Job as Job
    from .edit.job import Material as Material
    from .edit.job import plan_edit as plan_edit
    from .edit.report import EditReport as EditReport
    from .edit.report import EditResult as EditResult
    from .edit.report import report_text as report_text
    from .errors import InputError as InputError
    from .errors import MediaError as MediaError
    from .errors import ModelError as ModelError
    from .errors import VividError as VividError
    from .flow.dis import DisFlow as DisFlow
    from .flow.fill import fill_background as fill_background
    from .inpainter import Inpainter as Inpainter
    from .keyframe.edit import edit_keyframe as edit_keyframe
    from .keyframe.propagate import Again as Again
    from .keyframe.propagate import propagate_keyframes as propagate_keyframes
    from .mask.augment import augment_mask as augment_mask
    from .mask.grow import grow_mask as grow_mask
    from .measure.edited import Edited as Edited
    from .measure.encoder import load_clip_model as load_clip_model
    from .measure.figures import Instruments as Instruments
    from .measure.figures import measure_edit as measure_edit
    from .media import load_image as load_image
    from .media import read_clip as read_clip
    from .media import read_mask as read_mask
    from .media import save_image as save_image
    from .media import save_masks as save_masks
    from .media import write_clip as write_clip
    from .perceive.load import load_engine as load_engine
    from .runtime import Progress as Progress
    from .runtime import Runtime as Runtime
    from .scenery.meadow import Meadow as Meadow
    from .scenery.meadow import draw_meadow as draw_meadow
    from .settings import Settings as Settings
    from .tiny import load_model as load_model
    from .track.flow import FlowTracker as FlowTracker
    from .track.frames import ClipFrames as ClipFrames
    from .track.frames import VideoFrames as VideoFrames
    from .track.prompts import Prompts as Prompts
    from .track.track import track_objects as track_objects
    from .train.adapter.config import AdapterConfig as AdapterConfig
    from .train.adapter.config import load_adapter_config as load_adapter_config
    from .train.adapter.run import train_adapter as train_adapter
    from .video import Clip as Clip
    from .video import FrameRange as FrameRange
    from .video import Keyframe as Keyframe
    from .video import MaskTrack as MaskTrack

_HOMES = {
    "chain.footage": "plan_video",
    "chain.request": "LongEditReport VideoFiles",
    "chain.run": "edit_video",
    "chain.sources": "open_masks",
    "cogvideox.adapter": "apply_adapter load_adapter",
    "cogvideox.adapters": "AdapterFile",
    "cogvideox.merge": "export_lora merge_adapter",
    "cogvideox.save": "save_checkpoint",
    "data.formats.catalog": "read_dataset write_dataset",
    "data.formats.columns": "ColumnMap map_from_settings unknown_columns",
    "data.formats.masks": "read_reference write_labels write_masklets",
    "data.formats.record": "MaskReference Record",
    "edit.clip": "edit_clip run_edit",
    "edit.cost": "CostEstimate estimate_cost",
    "edit.job": "Job Material plan_edit",
    "edit.report": "EditReport EditResult report_text",
    "errors": "InputError MediaError ModelError VividError",
    "flow.dis": "DisFlow",
    "flow.fill": "fill_background",
    "inpainter": "Inpainter",
    "keyframe.edit": "edit_keyframe",
    "keyframe.propagate": "Again propagate_keyframes",
    "mask.augment": "augment_mask",
    "mask.grow": "grow_mask",
    "measure.edited": "Edited",
    "measure.encoder": "load_clip_model",
    "measure.figures": "Instruments measure_edit",
    "media": "load_image read_clip read_mask save_image save_masks write_clip",
    "perceive.load": "load_engine",
    "runtime": "Progress Runtime",
    "scenery.meadow": "Meadow draw_meadow",
    "settings": "Settings",
    "tiny": "load_model",
    "track.flow": "FlowTracker",
    "track.frames": "ClipFrames VideoFrames",
    "track.prompts": "Prompts",
    "track.track": "track_objects",
    "train.adapter.config": "AdapterConfig load_adapter_config",
    "train.adapter.run": "train_adapter",
    "video": "Clip FrameRange Keyframe MaskTrack",
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(_HOME)
