"""Follow an object with SAM 2 (Ravi et al. 2024), through transformers' Sam2VideoModel.

Frames are given one at a time. What the model never reads again is dropped after each: pictures,
features, and memories beyond the last six frames; of those only object pointers stay, for the
last fifteen. Prompted frames stay whole.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from ..errors import ModelError
from ..files.digest import digest_of
from ..files.modules import fill_module
from ..files.weights import describe, read_json, read_weights
from .engine import States
from .prompts import FramePrompt, PaintedMask
from .sam2_keys import is_original, original_config, respell_original
from .store import ObjectMask

METHOD = 1  # part of the digest: a change of method makes new masks
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet, as the model was trained
OBJECT = 1  # a session follows one object
LARGEST_LOGIT = 32.0  # of a mask that is corrected, as in the original predictor
BOX_LABELS = (2, 3)  # top left and bottom right corner, as point labels
CONDITIONING, FOLLOWED = "cond_frame_outputs", "non_cond_frame_outputs"
POINTER, MEMORY, MEMORY_PLACE = "object_pointer", "maskmem_features", "maskmem_pos_enc"
SCORE, MASK = "object_score_logits", "pred_masks"


class Sam2View:
    """A frame: its size, and the model's features, computed when first needed."""

    def __init__(self, model: Any, pixels: UInt8[np.ndarray, "h w 3"]) -> None:
        self._model, self._pixels = model, pixels

    @property
    def size(self) -> tuple[int, int]:
        """Height, width of the frame."""
        return self._pixels.shape[0], self._pixels.shape[1]

    @cached_property
    def features(self) -> dict[str, Any]:
        values = model_pixels(self._pixels, self._model.config.image_size)
        with torch.no_grad():
            found = self._model.get_image_features(values.to(_like(self._model)), return_dict=True)
        return {
            "vision_feats": found.fpn_hidden_states,
            "vision_pos_embeds": found.fpn_position_encoding,
        }


class Sam2Engine:
    """The `sam2` engine. `model` is a Sam2VideoModel; `weights` a digest of its weights."""

    name = "sam2"

    def __init__(self, model: Any, *, weights: str) -> None:
        self._model, self._weights = model, weights

    @property
    def digest(self) -> str:
        return digest_of(self.name, METHOD, self._weights)

    def view(self, pixels: UInt8[np.ndarray, "h w 3"]) -> Sam2View:
        return Sam2View(self._model, pixels)

    def follower(self, frames: int) -> Sam2Follower:
        return Sam2Follower(self._model, frames=frames)

    def restore(self, state: States, view: Sam2View) -> Sam2Follower:
        position, frames = (int(value) for value in state["numbers"])
        follower = Sam2Follower(self._model, frames=frames)
        follower.load(state, position=position)
        return follower


class Sam2Follower:
    """Follows one object; see `engine.Follower`. Frames count from 0 in the order they come."""

    def __init__(self, model: Any, *, frames: int) -> None:
        self._model = model
        self._frames = frames
        self._session = _session(model, frames)
        self._position = -1
        self.logits = torch.zeros(0, 0)  # of the last mask, at its frame's size

    def prompt(self, view: Sam2View, prompt: FramePrompt) -> ObjectMask:
        """The object of a prompt. Points on a later frame correct the mask that is found there;
        a box or a mask on a later frame replaces it."""
        self._next(view)
        corrects = self._position > 0 and prompt.box is None and prompt.mask is None
        if corrects:
            self._run()
            self._correct(self._points(view, prompt))
        else:
            self._give(view, prompt)
            self._run()
            if prompt.mask is not None:
                self._remember_as_given(view, prompt.mask)
        return self._finish(view, found="prompted")

    def follow(self, view: Sam2View) -> ObjectMask:
        self._next(view)
        self._run()
        return self._finish(view, found="tracked")

    def state(self) -> dict[str, np.ndarray]:
        """Every tensor that is kept, as float32 (half precision fits into it exactly)."""
        arrays = {"numbers": np.array([self._position, self._frames], np.int64)}
        for kind, frames in self._outputs.items():
            for frame, tensors in frames.items():
                for name, tensor in tensors.items():
                    arrays[f"{kind}/{frame}/{name}"] = tensor.float().cpu().numpy()
        return arrays

    def load(self, state: States, *, position: int) -> None:
        """Take over what `state` gave after `position`."""
        self._session.obj_id_to_idx(OBJECT)
        self._position = position
        like = _like(self._model)
        for key in (key for key in state if "/" in key):
            kind, frame, name = key.split("/")
            tensor = torch.from_numpy(state[key]).to(like)
            tensor = tensor.to(torch.bfloat16) if name == MEMORY else tensor
            self._outputs[kind].setdefault(int(frame), {})[name] = tensor

    @property
    def _outputs(self) -> dict[str, dict[int, dict[str, Tensor]]]:
        return self._session.output_dict_per_obj[0]

    def _next(self, view: Sam2View) -> None:
        self._position += 1
        self._session.obj_id_to_idx(OBJECT)
        self._session.cache.cache_vision_features(self._position, view.features)

    def _run(self) -> None:
        with torch.no_grad():
            self._model(self._session, frame_idx=self._position)

    def _give(self, view: Sam2View, prompt: FramePrompt) -> None:
        """Hand a prompt to the session; the next run takes it as a frame that is known."""
        if prompt.mask is not None:
            mask = model_mask(prompt.mask.pixels, self._model.config.image_size)
            self._session.add_mask_inputs(0, self._position, mask)
        else:
            self._session.add_point_inputs(0, self._position, self._points(view, prompt))
        self._session.obj_with_new_inputs = [OBJECT]

    def _points(self, view: Sam2View, prompt: FramePrompt) -> dict[str, Tensor]:
        """Points in pixels of the model's picture [1, 1, n, 2], and labels; a box is two points."""
        places = [(point.x, point.y) for point in prompt.points]
        labels = [int(point.positive) for point in prompt.points]
        if prompt.box is not None:
            left, top, right, bottom = prompt.box.corners
            places = [(left, top), (right, bottom), *places]
            labels = [*BOX_LABELS, *labels]
        height, width = view.size
        scale = torch.tensor([width, height], dtype=torch.float32)
        coordinates = torch.tensor(places, dtype=torch.float32) / scale
        coordinates = coordinates * self._model.config.image_size
        return {
            "point_coords": coordinates[None, None].to(_like(self._model)),
            "point_labels": torch.tensor(labels, dtype=torch.int32)[None, None].to(
                _like(self._model).device
            ),
        }

    def _correct(self, points: dict[str, Tensor]) -> None:
        """Decode the frame again with points and the mask found so far, and keep it as known.

        The original predictor does this with add_all_frames_to_correct_as_cond, as in its demo.
        """
        before = self._outputs[FOLLOWED].pop(self._position)[MASK]
        with torch.no_grad():
            found = self._model._run_single_frame_inference(
                inference_session=self._session,
                frame_idx=self._position,
                obj_idx=0,
                batch_size=1,
                is_init_cond_frame=False,
                point_inputs=points,
                mask_inputs=None,
                reverse=False,
                prev_sam_mask_logits=before.clamp(-LARGEST_LOGIT, LARGEST_LOGIT),
            )
            self._session.store_output(
                0, self._position, output_value=found, is_conditioning_frame=True
            )
            self._encode(found["high_res_masks"], found[SCORE])

    def _remember_as_given(self, view: Sam2View, prompt: PaintedMask) -> None:
        """Make memory and pointer of a given mask as the original does.

        transformers encodes the mask before it is made smaller, and points with the best of three
        masks instead of the single one.
        """
        model = self._model
        side = model.config.image_size
        output = self._outputs[CONDITIONING][self._position]
        shown = F.interpolate(output[MASK], size=(side, side), mode="bilinear", align_corners=False)
        mask = model_mask(prompt.pixels, side).to(_like(model))
        maps = [
            features.permute(1, 2, 0).view(1, -1, *size)
            for features, size in zip(
                view.features["vision_feats"], model.backbone_feature_sizes, strict=True
            )
        ]
        with torch.no_grad():
            self._encode(shown, output[SCORE])
            if mask.any():
                output[POINTER] = model._single_frame_forward(
                    input_masks=model.mask_downsample(mask),
                    image_embeddings=maps,
                    multimask_output=False,
                ).object_pointer

    def _encode(self, mask: Tensor, score: Tensor) -> None:
        """Make the memory of this frame from mask logits [1, 1, side, side] that a user set."""
        self._model._batch_encode_memories(
            inference_session=self._session,
            frame_idx=self._position,
            objects_needing_memory_encoding=[0],
            high_res_masks_for_memory=[mask],
            object_score_logits_for_memory=[score],
            is_mask_from_pts_per_obj=[True],
        )

    def _finish(self, view: Sam2View, *, found: Any) -> ObjectMask:
        """The mask at the frame's size; then drop what is never read again."""
        outputs = self._outputs
        kind = CONDITIONING if self._position in outputs[CONDITIONING] else FOLLOWED
        output = outputs[kind][self._position]
        self.logits = mask_logits(output[MASK], view.size)
        pixels = (self.logits > 0).cpu().numpy()
        confidence = float(torch.sigmoid(output[SCORE].float()).max()) if pixels.any() else 0.0
        self._prune()
        return ObjectMask(
            pixels=pixels, state=found if pixels.any() else "lost", confidence=confidence
        )

    def _prune(self) -> None:
        session, config = self._session, self._model.config
        session.cache.clear_all()
        session.point_inputs_per_obj[0].clear()
        session.mask_inputs_per_obj[0].clear()
        session.frames_tracked_per_obj[0].clear()
        outputs = self._outputs
        for output in outputs[CONDITIONING].values():
            _keep(output, POINTER, MEMORY, MEMORY_PLACE)
        for frame, output in list(outputs[FOLLOWED].items()):
            age = self._position - frame
            if age >= config.max_object_pointers_in_encoder - 1:
                del outputs[FOLLOWED][frame]
            elif age >= config.num_maskmem - 1:
                _keep(output, POINTER)
            else:
                _keep(output, POINTER, MEMORY, MEMORY_PLACE)


def load_sam2(
    path: Path, *, device: torch.device | None = None, dtype: torch.dtype = torch.float32
) -> Sam2Engine:
    """The engine from a Hugging Face folder, or an original sam2 or sam2.1 checkpoint.

    Raises ModelError when the files are something else, or this transformers has no SAM 2 video.
    """
    if not path.exists():
        raise ModelError(f"{path}: no such file or folder")
    model = _load_folder(path, dtype) if path.is_dir() else _load_original(path, dtype)
    return Sam2Engine(model.to(device or torch.device("cpu")), weights=_files_digest(path))


def build_original(
    tensors: dict[str, Tensor], config: dict[str, Any], dtype: torch.dtype = torch.float32
) -> Any:
    """A Sam2VideoModel with the tensors of an original checkpoint."""
    config_class, model_class = _classes()
    return fill_module(
        lambda: model_class(config_class(**config)),
        respell_original(tensors),
        what="SAM 2 model",
        dtype=dtype,
    )


def model_pixels(pixels: UInt8[np.ndarray, "h w 3"], side: int) -> Float[Tensor, "1 3 s s"]:
    """A frame as the model takes it: resized to a square (bicubic, to whole levels), normalised."""
    values = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].float()
    if tuple(values.shape[2:]) != (side, side):
        values = F.interpolate(
            values, size=(side, side), mode="bicubic", align_corners=False, antialias=True
        )
        values = values.round().clamp(0, 255)
    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, DEVIATION))
    return (values / 255 - mean) / deviation


def model_mask(pixels: np.ndarray, side: int) -> Float[Tensor, "1 1 s s"]:
    """A mask as the model takes it, 0 or 1."""
    values = torch.from_numpy(np.ascontiguousarray(pixels))[None, None].float()
    if tuple(values.shape[2:]) == (side, side):
        return values
    values = F.interpolate(
        values, size=(side, side), mode="bilinear", align_corners=False, antialias=True
    )
    return (values >= 0.5).float()


def mask_logits(low: Float[Tensor, "1 1 y x"], size: tuple[int, int]) -> Float[Tensor, "h w"]:
    """Mask logits at the frame's size; the object is where they are positive."""
    return F.interpolate(low.float(), size=size, mode="bilinear", align_corners=False)[0, 0]


def _load_folder(folder: Path, dtype: torch.dtype) -> Any:
    kind = read_json(folder / "config.json").get("model_type")
    if kind != "sam2_video":
        raise ModelError(
            f"{folder}: expected a SAM 2 video model (model_type sam2_video), found {kind}"
        )
    _, model_class = _classes()
    try:
        model, found = model_class.from_pretrained(
            str(folder), local_files_only=True, dtype=dtype, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError(f"{folder}: cannot be loaded ({error}): download it again") from error
    if found["missing_keys"]:
        listed = ", ".join(sorted(found["missing_keys"])[:3])
        raise ModelError(f"{folder}: the weights lack {listed}: download them again")
    return model.eval().requires_grad_(False)


def _load_original(path: Path, dtype: torch.dtype) -> Any:
    tensors = read_weights(path).tensors
    if not is_original(tensors):
        raise ModelError(
            f"{path.name}: expected an original SAM 2 checkpoint (sam2_hiera_* or sam2.1_hiera_*), "
            f"found {describe(tensors)}; for Hugging Face weights give their folder"
        )
    shapes = {key: tuple(value.shape) for key, value in tensors.items()}
    return build_original(tensors, original_config(shapes), dtype)


TOO_OLD = (
    "this version of transformers has no SAM 2 video model that can be streamed: install "
    "transformers 5 or newer, or use the flow engine"
)


def _classes() -> tuple[Any, Any]:
    try:
        from transformers import Sam2VideoConfig, Sam2VideoModel
    except ImportError as error:
        raise ModelError(TOO_OLD) from error
    if not hasattr(Sam2VideoModel, "_batch_encode_memories"):
        raise ModelError(TOO_OLD)
    return Sam2VideoConfig, Sam2VideoModel


def _session(model: Any, frames: int) -> Any:
    """A session that is told how long the clip is instead of holding its frames."""
    from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

    class Session(Sam2VideoInferenceSession):
        @property
        def num_frames(self) -> int:
            return frames

    like = _like(model)
    return Session(
        inference_device=like.device,
        inference_state_device=like.device,
        video_storage_device=like.device,
        dtype=like.dtype,
    )


def _keep(output: dict[str, Tensor], *names: str) -> None:
    for name in set(output) - set(names):
        del output[name]


def _like(model: Any) -> Tensor:
    """A tensor of the model's device and precision."""
    return model.no_memory_embedding


def _files_digest(path: Path) -> str:
    hasher = hashlib.sha256()
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        if file.is_file():
            with file.open("rb") as opened:
                hasher.update(hashlib.file_digest(opened, "sha256").digest())
    return hasher.hexdigest()[:32]
