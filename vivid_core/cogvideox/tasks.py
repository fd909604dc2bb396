"""Which tasks the models of each layout serve, and where a model of another one belongs."""

from __future__ import annotations

from typing import get_args

from ..errors import InputError
from ..settings import Aim, Task
from .layout import LayoutName

INSIDE_MASK: tuple[Aim, ...] = get_args(Task)
TASKS: dict[LayoutName, tuple[Aim, ...]] = {
    "t2v": INSIDE_MASK,  # none before an adapter is applied to it
    "i2v": ("propagate", "animate"),
    "fun_inp": INSIDE_MASK,
    "void": ("delete",),
    "vivid": INSIDE_MASK,
    "insvie": ("instruct",),
}
_MASK_NODES = (
    "Vivid Edit Video, Edit Keyframe, Propagate Keyframes and Edit Long Video (vivid edit) take it"
)
_WHAT: dict[LayoutName, str] = {
    "t2v": "is a t2v model and takes neither mask nor instruction: it is the base of adapters",
    "i2v": "is an i2v model, which takes no mask but animates a first frame: Vivid Propagate Edit "
    "takes it",
    "fun_inp": f"is a fun_inp model, which edits inside a mask by caption: {_MASK_NODES}",
    "void": f"is a void model, which only deletes, inside a mask: {_MASK_NODES}",
    "vivid": f"is a vivid model, which edits inside a mask by caption: {_MASK_NODES}",
    "insvie": "is an insvie model, which takes no caption but an instruction: Vivid Edit By "
    "Instruction and Vivid Sweep Guidance (vivid instruct) take it",
}
_REMEDY = {
    "instruct": "To edit by instruction load an InsViE model, or apply an instruction adapter",
    "propagate": "To propagate by inversion load a CogVideoX image-to-video model",
    "animate": "To animate a picture load a CogVideoX image-to-video model",
    "delete": "To delete load a VIVID, Fun-InP or VOID model, or apply a VIVID adapter",
    "add": "To add or modify load a VIVID or Fun-InP model, or apply a VIVID adapter",
}


def require_task(name: str, layout: LayoutName, task: Aim) -> None:
    """Raise InputError, which says where this model goes and which one is needed instead."""
    if task in TASKS[layout] and layout != "t2v":
        return
    if layout == "void" and task in INSIDE_MASK:
        raise InputError("task", f"{name} only deletes: load a VIVID or Fun-InP model to {task}")
    raise InputError("model", f"{name} {_WHAT[layout]}. {_REMEDY.get(task, _REMEDY['add'])}")
