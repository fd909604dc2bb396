"""Conditioning contracts: what each kind of CogVideoX model wants beside the noise.

One record a layout; everything that encodes conditions reads these records, so that a wrong rule
is one line to fix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from ..errors import ModelError
from ..files.weights import describe
from .keys import strip_prefix
from .latents import LATENT_CHANNELS, PATCH_TIME

LayoutName = Literal["t2v", "i2v", "fun_inp", "void", "vivid", "insvie"]
Version = Literal["1.0", "1.1", "1.5"]
Channel = Literal["noise", "mask", "video", "first_frame"]
WIDTH_2B = 1920  # CogVideoX-2B: 30 heads of 64
PATCH_WEIGHT = "patch_embed.proj.weight"
OWN_KEY = "_vivid"  # our own facts in model_index.json and in the metadata of single files


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The contract of one layout. Pixel values in -1..1, masks in 0..1.

    `channels` is the order along the channel axis. `mask_encoding`: "resized" shrinks the mask to
    the latent grid (one channel), "vae" encodes it like a video (16 channels). `mask_polarity`
    says what 1 means in the values that are encoded. `hole_fill` is the pixel value that replaces
    masked pixels before the VAE, None where the video is read whole. `knows_last_frame`: trained
    with the last frame known as well as with the first. `video_guidance` is set
    where guidance runs over three passes. `text_describes` is what the caption is about.
    """

    name: LayoutName
    channels: tuple[Channel, ...]
    in_channels: int
    version: Version = "1.0"
    noise_channels: int = LATENT_CHANNELS
    patch_time: int | None = None
    mask_encoding: Literal["resized", "vae"] | None = None
    mask_polarity: Literal["keep", "edit"] | None = None
    mask_threshold: float | None = None  # binarised here before anything else
    hole_fill: float | None = None
    knows_last_frame: bool = False
    text_describes: Literal["scene", "edited area", "scene after removal", "instruction"] = "scene"
    train_frames: int = 49
    train_size: tuple[int, int] = (480, 720)  # height, width
    video_guidance: float | None = None

    @property
    def needs_mask(self) -> bool:
        return "mask" in self.channels

    @property
    def follows_instructions(self) -> bool:
        """Whether it reads the whole source beside what shall be done to it."""
        return "video" in self.channels and not self.needs_mask

    @property
    def animates(self) -> bool:
        """Whether it makes a clip of its first frame."""
        return "first_frame" in self.channels


_INPAINT = Layout(
    name="fun_inp",
    channels=("noise", "mask", "video"),
    in_channels=33,
    mask_encoding="resized",
    mask_polarity="keep",
    mask_threshold=0.5,
    hole_fill=-1.0,
    knows_last_frame=True,  # CogVideoX-Fun: images for start and end
    text_describes="scene",
)
_LAYOUTS: dict[LayoutName, Layout] = {
    "t2v": Layout(name="t2v", channels=("noise",), in_channels=16),
    "i2v": Layout(name="i2v", channels=("noise", "first_frame"), in_channels=32),
    "fun_inp": _INPAINT,
    # VIVID, sec. 4: the caption is of the edited area, keyframes are first frames.
    "vivid": replace(_INPAINT, name="vivid", text_describes="edited area", knows_last_frame=False),
    "void": Layout(
        name="void",
        channels=("noise", "mask", "video"),
        in_channels=48,
        mask_encoding="vae",
        mask_polarity="keep",
        text_describes="scene after removal",
        train_frames=85,
        train_size=(384, 672),
    ),
    "insvie": Layout(
        name="insvie",
        channels=("noise", "video"),
        in_channels=32,
        text_describes="instruction",
        train_frames=25,  # InsViE, 5.1 and its data
        video_guidance=1.2,
    ),
}
_FRAMES_1_5 = 85  # Fun-InP and VOID; the plain 1.5 models' 81 would need an odd latent count
_SIZE_1_5 = (768, 1360)  # CogVideoX 1.5, plain and image-to-video


def layout_named(
    name: LayoutName, *, version: Version = "1.0", patch_time: int | None = None
) -> Layout:
    """The record of a layout. `patch_time` follows from the version unless given."""
    layout = _LAYOUTS[name]
    if version != "1.5":
        return replace(layout, version=version, patch_time=patch_time)
    if name in ("t2v", "i2v"):
        layout = replace(layout, train_size=_SIZE_1_5)
    return replace(
        layout,
        version=version,
        patch_time=patch_time or PATCH_TIME,
        train_frames=_FRAMES_1_5,
    )


def detect_layout(
    shapes: Mapping[str, tuple[int, ...]], config: Mapping[str, Any] | None = None
) -> Layout:
    """Recognise a layout from the transformer's tensor shapes, in either key spelling.

    `config` is the transformer's configuration; its "_vivid" entry may name the layout, which
    only settles what shapes leave open (33 channels: fun_inp or vivid; 32: i2v or insvie).
    Raises ModelError when the shapes are no known layout or contradict the name.
    """
    shapes = {strip_prefix(key): tuple(shape) for key, shape in shapes.items()}
    config = config or {}
    in_channels, patch_time = _read_patch_embedder(shapes, config)
    candidates: list[LayoutName] = [
        name for name, layout in _LAYOUTS.items() if layout.in_channels == in_channels
    ]
    if not candidates:
        known = ", ".join(f"{item.in_channels} ({item.name})" for item in _LAYOUTS.values())
        raise ModelError(
            f"the transformer reads {in_channels} input channels, which is no known layout: "
            f"expected {known}"
        )
    name = _declared(config, candidates) or _guess(candidates, shapes)
    return layout_named(name, version=_version(patch_time, config), patch_time=patch_time)


def _read_patch_embedder(
    shapes: Mapping[str, tuple[int, ...]], config: Mapping[str, Any]
) -> tuple[int, int | None]:
    """Input channels and temporal patch size."""
    shape = shapes.get(PATCH_WEIGHT)
    if shape is None or "proj_out.weight" not in shapes:
        raise ModelError(
            f"not a CogVideoX transformer: expected {PATCH_WEIGHT} and proj_out.weight; it looks "
            f"like {describe(shapes)}"
        )
    out_columns = shapes["proj_out.weight"][0] // LATENT_CHANNELS  # patch * patch * patch_time
    if len(shape) == 4:
        return shape[1], None
    if len(shape) != 2 or out_columns < 1 or shape[1] % out_columns:
        raise ModelError(
            f"{PATCH_WEIGHT} has shape {list(shape)}: expected [width, channels, patch, patch] "
            f"(CogVideoX 1.0) or [width, channels * {out_columns}] (CogVideoX 1.5)"
        )
    patch = int(config.get("patch_size") or PATCH_TIME)
    return shape[1] // out_columns, max(1, out_columns // patch**2)


def _declared(config: Mapping[str, Any], candidates: list[LayoutName]) -> LayoutName | None:
    name = (config.get(OWN_KEY) or {}).get("layout")
    if name is None:
        return None
    if name not in candidates:
        raise ModelError(
            f"the model's own metadata names the layout {name!r}, but its shapes are those of "
            f"{' or '.join(candidates)} (known: {', '.join(get_args(LayoutName))})"
        )
    return name


def _guess(candidates: list[LayoutName], shapes: Mapping[str, tuple[int, ...]]) -> LayoutName:
    """Undeclared: InsViE is the only 32-channel model at the 2B width; 33 channels are Fun-InP."""
    if "insvie" in candidates:
        return "insvie" if shapes[PATCH_WEIGHT][0] == WIDTH_2B else "i2v"
    return candidates[0]


def _version(patch_time: int | None, config: Mapping[str, Any]) -> Version:
    """1.0 and 1.1 have the same shapes; 1.1's configuration says that it adds reference noise."""
    if patch_time is not None:
        return "1.5"
    return "1.1" if config.get("add_noise_in_inpaint_model") else "1.0"
