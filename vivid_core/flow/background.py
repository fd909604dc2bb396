"""Keep a mask where it is on the background while the camera moves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from ..errors import InputError, MaskError
from ..plan.cuts import find_shots
from ..runtime import Runtime
from ..video import FrameRange
from .camera import (
    CameraPath,
    FollowedClip,
    Pace,
    Pose,
    follow_camera,
    follow_region,
    mean_agreement,
)
from .consistency import find_consistent
from .engine import FlowEngine
from .warp import Bools, Floats, Matrix, homography_places, invert, local_scale, pull, target_places

Method = Literal["background", "dense"]
RING_SHARE = 0.5  # width of the ring round the mask, as a share of the mask's size
NARROWEST_RING = 8  # pixels
PARALLAX_AGREEMENT = 0.6  # mean share below which the mask's surroundings move by themselves
LOCAL_GAIN = 0.1  # by how much a fit of its own has to explain them better
CERTAIN = 0.5  # confidence below which a frame is worth a look
SHRINKING = 0.7  # pixels a pixel becomes: below, a mask is blurred first, against jagged edges


@dataclass(frozen=True, kw_only=True)
class BackgroundMask:
    """`values` float32 [T, H, W] in 0..1 (1 = edit); `confidence` [T] in 0..1.

    Confidence is the share of points round the mask, seen in that frame, that move as the mask
    does; 1 in the keyframe, 0 where the background was lost or the shot is another. `parallax`
    says that the mask's surroundings move by themselves and were followed instead. For the method
    "dense" it is the share of the mask's pixels whose flow is consistent.
    """

    values: Float[Tensor, "t h w"]
    confidence: Float[Tensor, " t"]
    shots: tuple[FrameRange, ...]
    parallax: bool
    warnings: tuple[str, ...]


def propagate_background_mask(
    frames: Float[Tensor, "t h w 3"],
    mask: Shaped[Tensor, "mask_h mask_w"],
    engine: FlowEngine,
    *,
    keyframe: int = 0,
    entities: Shaped[Tensor, "entity_t entity_h entity_w"] | None = None,
    method: Method = "background",
    runtime: Runtime | None = None,
) -> BackgroundMask:
    """The keyframe's mask (0..1, soft edges kept) on every frame of its shot.

    "background" composes one transform a frame and warps the mask once: homographies fitted to
    forward-backward-checked flow outside `entities` (above 0.5: what moves by itself) and outside
    regions of other motion; if the mask's surroundings show parallax, an affine fit to them.
    "dense" is the literal reading of VIVID's appendix, kept to compare with: the flow of each
    pair carries the mask on, and whatever crosses it carries it off.

    Other shots get an empty mask. Raises InputError or MaskError for values that do not fit.
    """
    _check(frames, mask, keyframe)
    check_entities(frames, entities)
    shots = find_shots(frames)
    shot = next(s for s in shots if s.start <= keyframe < s.stop)
    pace = Pace(runtime=runtime or Runtime(), total=len(shot))
    clip = FollowedClip(frames=frames, hidden=entities, engine=engine, pace=pace)
    key = mask.detach().cpu().float().clamp(0, 1).numpy()
    values = torch.zeros(frames.shape[:3])
    confidence = torch.zeros(len(frames))
    if method == "dense":
        carried, steady = _carry(clip, shot, keyframe, key)
        values[shot.slice] = torch.from_numpy(carried)
        confidence[shot.slice] = torch.tensor(steady)
        parallax = False
    else:
        path, parallax = follow_background(clip, shot, keyframe, _ring(key))
        values[shot.slice] = torch.from_numpy(_warp_mask(path, key))
        confidence[shot.slice] = torch.tensor([_confidence(pose) for pose in path.poses])
    return BackgroundMask(
        values=values,
        confidence=confidence,
        shots=shots,
        parallax=parallax,
        warnings=tuple(_warnings(shots, shot, confidence)),
    )


def background_motion(
    frames: Float[Tensor, "t h w 3"],
    engine: FlowEngine,
    *,
    entities: Shaped[Tensor, "entity_t entity_h entity_w"] | None = None,
    runtime: Runtime | None = None,
) -> Float[Tensor, "t 3 3"]:
    """Homographies that take pixels of each shot's middle frame to every frame of the shot.

    A `motion` for `mask.animate`: what is drawn then lies on the background. `entities` (above
    0.5) are what moves by itself. Where the background is lost, the motion goes on as before.
    """
    check_entities(frames, entities)
    pace = Pace(runtime=runtime or Runtime(), total=len(frames))
    clip = FollowedClip(frames=frames, hidden=entities, engine=engine, pace=pace)
    paths = [
        follow_camera(clip, shot, (shot.start + shot.stop - 1) // 2) for shot in find_shots(frames)
    ]
    matrices = [pose.matrix for path in paths for pose in path.poses]
    return torch.from_numpy(np.stack(matrices).astype(np.float32))


def check_entities(frames: Tensor, entities: Tensor | None) -> None:
    """Refuse entity masks that do not fit the clip."""
    if entities is not None and entities.shape != frames.shape[:3]:
        raise MaskError(
            "entities",
            f"are {tuple(entities.shape)} but the clip is {tuple(frames.shape[:3])} (frames, "
            "height, width): give one mask a frame, of the clip's size",
        )


def follow_background(
    clip: FollowedClip, shot: FrameRange, origin: int, region: Bools
) -> tuple[CameraPath, bool]:
    """The path of a region [h, w] of the background, and whether parallax made it its own."""
    camera = follow_camera(clip, shot, origin, region)
    agreement = mean_agreement(camera.poses)
    if not agreement < PARALLAX_AGREEMENT:
        return camera, False
    own = follow_region(clip, camera, region)
    better = mean_agreement(own.poses) > agreement + LOCAL_GAIN
    return (own, True) if better else (camera, False)


def warp_mask(mask: Floats, matrix: Matrix) -> Floats:
    """A soft mask [h, w] where a homography takes it, antialiased."""
    height, width = mask.shape
    y, x = np.nonzero(mask > 0)
    center = (float(x.mean()), float(y.mean())) if len(x) else (width / 2, height / 2)
    scale = local_scale(matrix, center)
    if scale < SHRINKING:
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.5 / max(scale, 0.05)), np.float32)
    places = homography_places(invert(matrix), height, width)
    return pull(mask, places).clip(0, 1)


def _warp_mask(path: CameraPath, key: Floats) -> Floats:
    """The keyframe's mask on each frame of the path's shot; exact on the keyframe."""
    moved = [warp_mask(key, pose.matrix) for pose in path.poses]
    moved[path.origin - path.shot.start] = key
    return np.stack(moved)


def _carry(
    clip: FollowedClip, shot: FrameRange, keyframe: int, key: Floats
) -> tuple[Floats, list[float]]:
    """The mask handed on from frame to frame along dense flow, and how consistent that was."""
    masks, steady = {keyframe: key}, {keyframe: 1.0}
    for order in (range(keyframe + 1, shot.stop), range(keyframe - 1, shot.start - 1, -1)):
        for t in order:
            clip.pace.advance()
            before = t - order.step
            there, here = clip.view(before).pixels, clip.view(t).pixels
            back = clip.engine.estimate(here, there)
            good = find_consistent(back, clip.engine.estimate(there, here)).numpy()
            masks[t] = pull(masks[before], target_places(back.numpy())).clip(0, 1)
            inside = masks[t] > 0.5
            share = float(good[inside].mean()) if inside.any() else 0.0
            steady[t] = min(steady[before], share)
    times = range(shot.start, shot.stop)
    return np.stack([masks[t] for t in times]), [steady[t] for t in times]


def _ring(key: Floats) -> Bools:
    """The mask and a ring round it."""
    selected = (key > 0.5).astype(np.uint8)
    radius = max(NARROWEST_RING, round(RING_SHARE * math.sqrt(cv2.countNonZero(selected))))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.dilate(selected, disc).astype(np.bool_)


def _confidence(pose: Pose) -> float:
    return pose.support if math.isnan(pose.agreement) else min(pose.agreement, 1.0)


def _warnings(shots: tuple[FrameRange, ...], shot: FrameRange, confidence: Tensor) -> list[str]:
    told: list[str] = []
    if len(shots) > 1:
        told.append(
            f"the clip has {len(shots)} shots: the mask covers frames {shot.start} to "
            f"{shot.stop - 1} and is empty on the others; give each shot a keyframe of its own"
        )
    lost = int((confidence[shot.slice] < CERTAIN).sum())
    if lost:
        told.append(
            f"the background was hard to follow on {lost} of {len(shot)} frames: look at the mask "
            "where the confidence is low, mask moving objects as entities, or choose a keyframe "
            "nearer to them"
        )
    return told


def _check(frames: Tensor, mask: Tensor, keyframe: int) -> None:
    if not 0 <= keyframe < len(frames):
        raise InputError("keyframe", f"must be 0 to {len(frames) - 1}, got {keyframe}")
    if mask.shape != frames.shape[1:3]:
        (mask_height, mask_width), (height, width) = mask.shape, frames.shape[1:3]
        raise MaskError(
            "mask",
            f"is {mask_width}x{mask_height} but the clip is {width}x{height}: resize the mask "
            "to the clip",
        )
    if not (mask > 0.5).any():
        raise MaskError("mask", "is empty: paint the area to edit white (white = edit)")
