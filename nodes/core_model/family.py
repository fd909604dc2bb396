"""The families of ComfyUI's video models: what each wants beside the noise, one record each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import cycle
from typing import TYPE_CHECKING, Any, Literal, get_args

from ...vivid_core.errors import InputError, ModelError
from ...vivid_core.inpainter import Grid
from ...vivid_core.mask.causal import causal_spans
from ...vivid_core.settings import Task

if TYPE_CHECKING:
    from comfy.model_patcher import ModelPatcher
    from comfy.sd import VAE

Contract = Literal[
    "vace", "wan_inpaint", "cogvideox_inpaint", "void", "ltx", "minimax_h3", "noise_mask"
]
Color = tuple[float, float, float]
GREY, BLACK = 0.5, 0.0  # pixels in 0..1
GREEN: Color = (0x66 / 255, 1.0, 0.0)  # what Lightricks' in- and outpainting was trained on


@dataclass(frozen=True, kw_only=True)
class Family:
    """What a kind of model wants.

    `contract` is how masks and pixels reach it, `node` ComfyUI's own node that does this, where
    there is one that can. `hole` is the pixel value or colour that replaces what is edited, None
    where the model shall see it. `chunk` counts the frames of each of a few latents, over and over,
    where that is not one and then always the same. `least` is the shortest clip that the model
    makes; a single frame is edited as one. `sampler` and `scheduler` are what it is usually sampled
    with. `affected`: it tells what is removed from what that affects. `caution` is said with every
    edit.
    """

    name: str
    contract: Contract
    grid: Grid
    longest: int
    train_size: tuple[int, int]  # height, width
    least: int = 1
    node: str = ""
    since: str = ""  # a ComfyUI that has the node
    hole: float | Color | None = None
    chunk: tuple[int, ...] = ()
    known_ends: Literal["first", "both"] = "both"
    tasks: tuple[Task, ...] = get_args(Task)
    sampler: str = "uni_pc"
    scheduler: str = "simple"
    affected: bool = False
    caution: str = ""


_WAN_GRID = Grid(size_step=16, frame_step=4, shortest_video=5)
_WAN_SIZE, _WAN_FRAMES = (480, 832), 81
WAN_VACE = Family(
    name="Wan VACE",
    contract="vace",
    grid=_WAN_GRID,
    longest=_WAN_FRAMES,
    train_size=_WAN_SIZE,
    node="WanVaceToVideo",
    since="0.3.64",
    hole=GREY,  # else the reactive half shows the model what it shall replace
)
WAN_INPAINT = Family(
    name="Wan Fun-InP or image to video",
    contract="wan_inpaint",
    grid=_WAN_GRID,
    longest=_WAN_FRAMES,
    train_size=_WAN_SIZE,
    hole=GREY,
)
# The VAE decodes an even number of latent frames to four times as many: an odd one is needed.
COGVIDEOX_INPAINT = Family(
    name="CogVideoX Fun-InP",
    contract="cogvideox_inpaint",
    grid=Grid(size_step=16, frame_step=8, shortest_video=9),
    longest=49,
    train_size=(480, 720),
    hole=BLACK,
    sampler="VOIDSampler",
)
# Pairs of latent frames become one token: an even number is needed.
_PAIRED = Grid(size_step=16, frame_step=8, shortest_video=5)
COGVIDEOX_INPAINT_1_5 = replace(
    COGVIDEOX_INPAINT, name="CogVideoX 1.5 Fun-InP", grid=_PAIRED, longest=85, least=5
)
VOID = Family(
    name="VOID",
    contract="void",
    grid=_PAIRED,
    longest=85,
    train_size=(384, 672),
    least=5,
    node="VOIDInpaintConditioning",
    since="0.21",
    known_ends="first",
    tasks=("delete",),
    sampler="VOIDSampler",
    affected=True,
)
LTX = Family(
    name="LTX",
    contract="ltx",
    grid=Grid(size_step=32, frame_step=8, shortest_video=9),
    longest=97,
    train_size=(512, 768),
    node="LTXVAddGuide",
    since="0.3.64",
    sampler="euler",
    scheduler="linear_quadratic",  # as in ComfyUI's own templates
    caution=(
        "LTX knows what is given in blocks of 32x32 pixels and 8 frames: what shares a block with "
        "the mask is made anew, and the source pasted over it. An IC-LoRA for in- and outpainting, "
        "told by iclora_parameters, joins its surroundings better"
    ),
)
LTX_2 = replace(
    LTX,
    name="LTX-2",
    longest=121,
    train_size=(704, 1280),
    since="0.33",
    caution=f"{LTX.caution}. LTX-2 makes no sound here",
)
MINIMAX_H3 = Family(
    name="MiniMax H3",
    contract="minimax_h3",
    grid=Grid(size_step=32, frame_step=17, shortest_video=5),
    longest=124,
    train_size=(768, 1344),
    least=5,
    node="MiniMaxH3AddGuide",
    since="0.33",
    chunk=(1, 4, 4, 4, 4),
    sampler="res_multistep",
    caution=(
        "MiniMax H3 knows what is given in blocks of 32x32 pixels and 4 frames: what shares a "
        "block with the mask is made anew, and the source pasted over it. Its sound is thrown away"
    ),
)
UNKNOWN_FRAMES = 49
_VIDEO_CHANNELS = {"MiniMaxH3": 24}  # of its pictures; its latent format counts the sound's
_REFUSED = {
    "WAN21_CausalAR": "makes one part of a clip after the other and knows nothing that comes later",
}


def family_of(model: ModelPatcher, vae: VAE) -> Family:
    """What kind of model that is, by its class and the channels that it reads.

    Raises InputError for a model that cannot edit a video, or whose VAE is another one's.
    """
    network = model.model
    kinds = [kind.__name__ for kind in type(network).__mro__]
    for kind, why in _REFUSED.items():
        if kind in kinds:
            raise InputError("model", f"{kinds[0]} {why}: that is not supported. {OTHERS}")
    _require_video(network.latent_format, vae, kinds[0])
    for kind, channels, family in _known():
        if kind == kinds[0] and channels(network):
            return family
    return _any_other(vae, kinds)


OTHERS = (
    "Load Wan VACE, Wan Fun-InP, LTX or a plain video model; from ComfyUI 0.21 on CogVideoX "
    "Fun-InP or VOID, from 0.33 on LTX-2 or MiniMax H3"
)


def _known() -> tuple[tuple[str, Callable[[Any], bool], Family], ...]:
    """Class, what of it, and the family that this is."""
    return (
        ("WAN21_Vace", lambda _: True, WAN_VACE),
        ("WAN21", lambda network: _wan_channels(network) == 36, WAN_INPAINT),
        ("CogVideoX", lambda network: _cogvideox(network) == (48, True), VOID),
        ("CogVideoX", lambda network: _cogvideox(network) == (33, True), COGVIDEOX_INPAINT_1_5),
        ("CogVideoX", lambda network: _cogvideox(network) == (33, False), COGVIDEOX_INPAINT),
        ("LTXV", lambda _: True, LTX),
        ("LTXAV", lambda _: True, LTX_2),
        ("MiniMaxH3", lambda _: True, MINIMAX_H3),
    )


def _wan_channels(network: Any) -> int:
    return int(network.diffusion_model.patch_embedding.weight.shape[1])


def _cogvideox(network: Any) -> tuple[int, bool]:
    """Channels, and whether pairs of latent frames become one token."""
    transformer = network.diffusion_model
    return int(transformer.in_channels), transformer.patch_size_t is not None


def _require_video(latent_format: Any, vae: VAE, kind: str) -> None:
    """Raise InputError for models of pictures and for a VAE of other latents."""
    if latent_format.latent_dimensions != 3:
        raise InputError(
            "model",
            f"{kind} makes no video: edit one frame with it and give it to Vivid Use Keyframe",
        )
    wanted = _VIDEO_CHANNELS.get(kind, latent_format.latent_channels)
    given = vae.latent_channels
    if (vae.latent_dim, given) != (3, wanted):
        raise InputError(
            "vae",
            f"makes latents of {given} channels, {kind} takes a video's of {wanted}: load the VAE "
            "that belongs to the model",
        )


def _any_other(vae: VAE, kinds: list[str]) -> Family:
    """A video model that knows no masks: what is not edited is held in its latents."""
    frames, space = group_frames(vae), int(vae.spacial_compression_encode())
    # Most transformers take 2x2 latents as a token.
    grid = Grid(size_step=space * 2, frame_step=frames, shortest_video=frames + 1)
    return Family(
        name=kinds[0],
        contract="noise_mask",
        grid=grid,
        longest=grid.longest_within(_WAN_FRAMES if "WAN21" in kinds else UNKNOWN_FRAMES),
        train_size=_WAN_SIZE,
        # The last frame shares its latent with frames that are not known.
        known_ends="first",
        sampler="euler",
        caution=(
            f"{kinds[0]} knows no masks: outside the mask it is held to the source's latents step "
            f"by step, in blocks of {space}x{space} pixels and {frames} frames. A model made for "
            "inpainting (Wan VACE, Wan Fun-InP, VOID) joins its surroundings better"
        ),
    )


def with_iclora(family: Family, parameters: dict[str, Any] | None) -> Family:
    """The same family with an IC-LoRA for in- and outpainting, which is shown a painted clip.

    Raises InputError for a family that has none.
    """
    if parameters is None:
        return family
    if family.contract != "ltx":
        raise InputError("iclora_parameters", f"{family.name} takes no IC-LoRA: disconnect them")
    step = family.grid.size_step * int(parameters["reference_downscale_factor"])
    return replace(
        family,
        name=f"{family.name} with an IC-LoRA",
        grid=replace(family.grid, size_step=step),
        hole=GREEN,
        caution="the IC-LoRA is shown the clip with #66FF00 where it is edited, which is what one "
        "for in- and outpainting wants; others (depth, poses) will not edit what is masked",
    )


def latent_spans(family: Family, vae: VAE, frames: int) -> list[int]:
    """How many frames each latent frame of a clip stands for."""
    if not family.chunk:
        return causal_spans(frames, group_frames(vae))
    spans: list[int] = []
    for size in cycle(family.chunk):
        if sum(spans) >= frames:
            break
        spans.append(size)
    return spans


def group_frames(vae: VAE) -> int:
    """How many frames a latent frame stands for; the first stands for one.

    Raises ModelError for a VAE that counts in another way.
    """
    ratio = vae.downscale_ratio
    frames = vae.temporal_compression_decode()
    if isinstance(ratio, tuple) and frames and ratio[0](frames + 1) == 2 and ratio[0](1) == 1:
        return int(frames)
    raise ModelError(
        "this VAE does not make one latent of a clip's first frame and one of every few that "
        f"follow, which is what is known here. {OTHERS}"
    )
