"""ComfyUI's folders, progress bar and stop button, for the rest of the pack."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import comfy.model_management
import comfy.utils
import folder_paths

if TYPE_CHECKING:
    from torch import Tensor

    from ..vivid_core.runtime import Progress, Runtime

Kind = Literal["model", "base", "adapter", "text_encoder", "vae", "tracker", "flow"]

BUNDLED_MODEL = "vivid-tiny (bundled)"
FROM_MODEL = "from the model"
NO_ADAPTER = "none"
NO_WEIGHTS = "none"
BUNDLED_BASE = "vivid-tiny base (bundled)"
BUNDLED_ADAPTER = "vivid-tiny adapter (bundled)"
BUNDLED_MODELS = (BUNDLED_MODEL, BUNDLED_BASE)
BUILTIN_ADAPTERS = (NO_ADAPTER, BUNDLED_ADAPTER)
WEIGHTS = (".safetensors", ".sft")
DIFFUSERS_INDEX = "model_index.json"
# Beside ComfyUI's own folders, those of kijai's CogVideoX wrapper: nobody downloads twice.
COGVIDEO = "CogVideo"
LORAS = "loras"
DIFFUSERS = "diffusers"

_FILE_KEYS: dict[Kind, str] = {
    "model": "diffusion_models",
    "adapter": "loras",
    "text_encoder": "text_encoders",
    "vae": "vae",
    "tracker": "sam2",
    "flow": "optical_flow",
}
# Meta and torchvision publish theirs as pickles; those are read with weights_only.
_PICKLES: dict[Kind, tuple[str, ...]] = {"tracker": (".pt", ".pth"), "flow": (".pt", ".pth")}
_INDEX: dict[Kind, str] = {"tracker": "config.json"}
PREVIEW_SIDE = 512  # pixels
STAGE_SHARES = {"survey": 0.0, "encode": 0.1, "denoise": 0.8, "decode": 0.1, "write": 0.0}
PROGRESS_TICKS = 1000


def choices(kind: Kind) -> list[str]:
    """What a drop-down offers: files and diffusers folders as "folder/name", sorted."""
    return sorted(_found(kind))


def find(kind: Kind, choice: str) -> Path:
    """The file or folder behind a choice. Raises InputError for one that is not offered."""
    from ..vivid_core.errors import InputError

    path = _found(kind).get(choice)
    if path is None:
        raise InputError(kind, missing(kind, choice))
    return path


def missing(kind: Kind, choice: str) -> str:
    """What to tell someone whose choice is not there."""
    return f"'{choice}' was not found: {_remedy(kind, 'it')}"


def check_choice(kind: Kind, choice: str | None, *builtin: str) -> str | None:
    """Why a drop-down's value cannot be used, or None; a linked value is not known yet (None)."""
    if choice is None or choice in builtin or choice in _found(kind):
        return None
    return f"{kind}: {missing(kind, choice)}"


def check_weights(
    kind: Kind, engine: str | None, weights: str | None, *, needed_by: str, such_as: str
) -> str | None:
    """Why a loader's engine cannot have these weights, or None; linked values are None.

    Only the engine `needed_by` takes any, `such_as` these.
    """
    if weights is None:
        return None
    if weights not in (NO_WEIGHTS, *_found(kind)):
        return f"weights: {missing(kind, weights)}"
    if engine == needed_by and weights == NO_WEIGHTS:
        return f"weights: {engine} needs some: {_remedy(kind, such_as)}"
    if engine not in (None, needed_by) and weights != NO_WEIGHTS:
        return f"weights: {engine} takes none: choose none, or the engine {needed_by}"
    return None


def fingerprint(kind: Kind, choice: str | None) -> str:
    """Changes when the files behind a choice change: sizes and times, without reading them."""
    path = _found(kind).get(choice or "")
    if path is None:
        return str(choice)
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    stats = [(file.name, file.stat()) for file in files]
    return ";".join(f"{name}:{stat.st_size}:{stat.st_mtime_ns}" for name, stat in stats)


def runtime() -> Runtime:
    """Device, progress bar with previews, and stop button of the node that is running."""
    from ..vivid_core.runtime import Runtime

    bar = comfy.utils.ProgressBar(PROGRESS_TICKS)

    def report(progress: Progress) -> None:
        preview = None if progress.preview is None else _preview_image(progress.preview)
        bar.update_absolute(_ticks(progress), PROGRESS_TICKS, preview)

    return Runtime(
        device=comfy.model_management.get_torch_device(),
        report=report,
        check_cancelled=comfy.model_management.throw_exception_if_processing_interrupted,
    )


def temp_folder(name: str) -> tuple[Path, str]:
    """A folder for pictures that the page shows, and its name below ComfyUI's temp folder."""
    subfolder = f"vivid_{name}"
    folder = Path(folder_paths.get_temp_directory()) / subfolder
    folder.mkdir(parents=True, exist_ok=True)
    return folder, subfolder


def work_folder(kind: str, name: str) -> Path:
    """Where long work is kept, below ComfyUI's output folder; nothing there is ever deleted."""
    safe = "".join(c if c.isalnum() else "_" for c in name)
    return Path(folder_paths.get_output_directory()) / "vivid" / kind / safe


def show_result(runtime: Runtime, frames: Tensor) -> None:
    """Replace the last live preview, which ComfyUI leaves on the node, by the result."""
    from ..vivid_core.runtime import Progress

    runtime.report(Progress(stage="write", done=1, total=1, preview=frames))


def _ticks(progress: Progress) -> int:
    """Place on the bar: stages by how long they take, windows of a chained clip one by one."""
    if progress.stage not in STAGE_SHARES:  # a run of its own, over the part of this window
        share = progress.done / max(progress.total, 1)
        return round(PROGRESS_TICKS * (progress.window + share) / max(progress.windows, 1))
    before = 0.0
    for stage, share in STAGE_SHARES.items():
        if stage == progress.stage:
            before += share * progress.done / max(progress.total, 1)
            break
        before += share
    return round(PROGRESS_TICKS * (progress.window + before) / max(progress.windows, 1))


def _preview_image(frames: Tensor) -> tuple[str, Any, int]:
    """First, middle and last frame side by side, as ComfyUI's progress bar wants it."""
    import torch
    from PIL import Image

    picked = sorted({0, len(frames) // 2, len(frames) - 1})
    strip = torch.cat([frames[i] for i in picked], dim=1)
    pixels = (strip.clamp(0, 1) * 255).round().byte().cpu().numpy()
    return "JPEG", Image.fromarray(pixels), PREVIEW_SIDE


def _found(kind: Kind) -> dict[str, Path]:
    """Choice -> path. Only what lies below a model folder can be chosen."""
    found: dict[str, Path] = {}
    for name, root in _roots(kind):
        files = kind != "base" and name != DIFFUSERS
        for path in _walk(
            root,
            folders=kind in ("model", "base", "tracker"),
            suffixes=(*WEIGHTS, *_PICKLES.get(kind, ())) if files else (),
            index=_INDEX.get(kind, DIFFUSERS_INDEX),
        ):
            found.setdefault(f"{name}/{path.relative_to(root).as_posix()}", path)
    return found


def _remedy(kind: Kind, what: str) -> str:
    places = " or ".join(f"models/{name}" for name in _root_names(kind))
    return f"put {what} into {places}, then press R in ComfyUI"


def _root_names(kind: Kind) -> list[str]:
    return list(dict.fromkeys(name for name, _ in _roots(kind)))


def _roots(kind: Kind) -> Iterator[tuple[str, Path]]:
    keys = [_FILE_KEYS[kind]] if kind in _FILE_KEYS else []
    if kind in ("model", "base"):
        keys.append(DIFFUSERS)
    for key in keys:
        for folder in _registered(key):
            yield key, Path(folder)
    extra = Path(folder_paths.models_dir) / COGVIDEO
    if kind in ("model", "base", "vae"):
        yield COGVIDEO, extra
    if kind == "adapter":
        yield f"{COGVIDEO}/{LORAS}", extra / LORAS


def _registered(key: str) -> list[str]:
    """ComfyUI's folders of this name; models/name where this ComfyUI does not know the name."""
    if key in folder_paths.folder_names_and_paths:
        return folder_paths.get_folder_paths(key)
    return [str(Path(folder_paths.models_dir) / key)]


def _walk(root: Path, *, folders: bool, suffixes: tuple[str, ...], index: str) -> Iterable[Path]:
    """Model folders (told by a file called `index`) and weight files below a root.

    What lies inside a model folder is not listed.
    """
    for place, subfolders, names in os.walk(root, followlinks=True):
        if LORAS in subfolders:
            subfolders.remove(LORAS)
        if index in names:
            subfolders.clear()
            if folders:
                yield Path(place)
        else:
            yield from (Path(place) / n for n in names if Path(n).suffix.lower() in suffixes)
