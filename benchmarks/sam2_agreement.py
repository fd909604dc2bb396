"""Masks of the sam2 engine against facebookresearch/sam2 on equal, small, random weights.

    python benchmarks/sam2_agreement.py --reference DIR [--sizes] [--write-golden FILE]

DIR is a checkout of github.com/facebookresearch/sam2. Prints the largest difference of the mask
logits for each case, and whether every published size's weights fit.
"""

from __future__ import annotations

import argparse
import json
import sys
import types
from collections import OrderedDict
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from accelerate import init_empty_weights
from safetensors.torch import save_file
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import sam2_cases as cases

from vivid_core.track.sam2 import build_original, model_pixels
from vivid_core.track.sam2_keys import SIZES, HieraSize, original_config

TOLERANCE = 1e-4


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare with facebookresearch/sam2.")
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--write-golden", type=Path)
    parser.add_argument("--sizes", action="store_true", help="also map every published size")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    make_importable(arguments.reference)
    shapes = {version: shapes_of(small_reference(version)) for version in ("2.0", "2.1")}
    golden: dict[str, Tensor] = {}
    print(f"{'case':16} {'frames':>6} {'logits up to':>12} {'largest difference':>19}")
    for case in cases.CASES:
        reference, ours = run_reference(case), cases.run_ours(case, shapes[case.version])
        golden[case.name] = reference
        difference = float((reference - ours).abs().max())
        verdict = "" if difference <= TOLERANCE else f"  over {TOLERANCE:g}"
        size = float(reference.abs().max())
        print(f"{case.name:16} {len(ours):6} {size:12.2f} {difference:19.2e}{verdict}", flush=True)
    if arguments.write_golden:
        metadata = {f"shapes_{version}": json.dumps(found) for version, found in shapes.items()}
        save_file(golden, arguments.write_golden, metadata=metadata)
    if arguments.sizes:
        map_sizes()


def make_importable(folder: Path) -> None:
    """The package without its own start, which wants a configuration framework."""
    package = types.ModuleType("sam2")
    package.__path__ = [str(folder / "sam2")]
    sys.modules["sam2"] = package
    for name in ("iopath", "iopath.common", "iopath.common.file_io"):
        sys.modules.setdefault(name, types.ModuleType(name))
    sys.modules["iopath.common.file_io"].g_pathmgr = None  # pyright: ignore


def small_reference(version: cases.Version) -> Any:
    model = build_reference(
        cases.SIZE, width=cases.WIDTH, stages=cases.STAGES, hidden=cases.HIDDEN, side=cases.SIDE,
        version=version,
    )  # fmt: skip
    model.load_state_dict(cases.draw_weights(shapes_of(model)))
    return model.eval()


def shapes_of(model: Any) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in model.state_dict().items()}


def build_reference(
    size: HieraSize,
    *,
    width: int,
    stages: tuple[int, ...],
    hidden: int,
    side: int,
    version: str,
    background: tuple[int, int] = (7, 7),
) -> Any:
    """What the original configuration files build, at any size."""
    encoder = import_module("sam2.modeling.backbones.image_encoder")
    position = import_module("sam2.modeling.position_encoding").PositionEmbeddingSine
    video: Any = import_module("sam2.sam2_video_predictor")
    video.tqdm = lambda frames, **_: frames  # no progress bars between the lines of the table
    trunk = import_module("sam2.modeling.backbones.hieradet").Hiera(
        embed_dim=width,
        num_heads=size.heads,
        stages=stages,
        global_att_blocks=size.global_blocks,
        window_spec=size.windows,
        window_pos_embed_bkg_spatial_size=background,
    )
    neck = encoder.FpnNeck(
        position_encoding=position(num_pos_feats=hidden, normalize=True, scale=None),
        d_model=hidden,
        backbone_channel_list=[width * 2**i for i in (3, 2, 1, 0)],
        fpn_top_down_levels=[2, 3],
        fpn_interp_model="nearest",
    )
    newer = version == "2.1"
    return video.SAM2VideoPredictor(
        image_encoder=encoder.ImageEncoder(scalp=1, trunk=trunk, neck=neck),
        memory_attention=_memory_attention(hidden, side // 16),
        memory_encoder=_memory_encoder(hidden, position),
        add_all_frames_to_correct_as_cond=True,
        num_maskmem=7,
        image_size=side,
        sigmoid_scale_for_mem_enc=20.0,
        sigmoid_bias_for_mem_enc=-10.0,
        use_mask_input_as_output_without_sam=True,
        directly_add_no_mem_embed=True,
        no_obj_embed_spatial=newer,
        use_high_res_features_in_sam=True,
        multimask_output_in_sam=True,
        iou_prediction_use_sigmoid=True,
        use_obj_ptrs_in_encoder=True,
        add_tpos_enc_to_obj_ptrs=newer,
        proj_tpos_enc_in_obj_ptrs=newer,
        use_signed_tpos_enc_to_obj_ptrs=newer,
        only_obj_ptrs_in_the_past_for_eval=True,
        pred_obj_scores=True,
        pred_obj_scores_mlp=True,
        fixed_no_obj_ptr=True,
        multimask_output_for_tracking=True,
        use_multimask_token_for_obj_ptr=True,
        multimask_min_pt_num=0,
        multimask_max_pt_num=1,
        use_mlp_for_obj_ptr_proj=True,
        # The original builder's postprocessing, less the hole filling that needs its own kernels.
        binarize_mask_from_pts_for_mem_enc=True,
        sam_mask_decoder_extra_args={
            "dynamic_multimask_via_stability": True,
            "dynamic_multimask_stability_delta": 0.05,
            "dynamic_multimask_stability_thresh": 0.98,
        },
    )


def _memory_attention(hidden: int, features: int) -> Any:
    module = import_module("sam2.modeling.memory_attention")
    attention = import_module("sam2.modeling.sam.transformer").RoPEAttention
    options = {
        "rope_theta": 10000.0,
        "feat_sizes": [features, features],
        "embedding_dim": hidden,
        "num_heads": 1,
        "downsample_rate": 1,
        "dropout": 0.1,
    }
    layer = module.MemoryAttentionLayer(
        activation="relu",
        dim_feedforward=2048,
        dropout=0.1,
        pos_enc_at_attn=False,
        self_attention=attention(**options),
        d_model=hidden,
        pos_enc_at_cross_attn_keys=True,
        pos_enc_at_cross_attn_queries=False,
        cross_attention=attention(**options, rope_k_repeat=True, kv_in_dim=64),
    )
    return module.MemoryAttention(d_model=hidden, pos_enc_at_input=True, layer=layer, num_layers=4)


def _memory_encoder(hidden: int, position: Any) -> Any:
    module = import_module("sam2.modeling.memory_encoder")
    block = module.CXBlock(
        dim=hidden, kernel_size=7, padding=3, layer_scale_init_value=1e-6, use_dwconv=True
    )
    return module.MemoryEncoder(
        out_dim=64,
        in_dim=hidden,
        position_encoding=position(num_pos_feats=64, normalize=True, scale=None),
        mask_downsampler=module.MaskDownSampler(
            embed_dim=hidden, kernel_size=3, stride=2, padding=1
        ),
        fuser=module.Fuser(block, num_layers=2),
    )


def run_reference(case: cases.Case) -> Tensor:
    """Mask logits [t, 32, 32] of the original predictor, in the order of the frames."""
    predictor = small_reference(case.version)
    images = [model_pixels(frame, cases.SIDE)[0] for frame in cases.clip(case)]
    state = _state(torch.stack(images))
    found: dict[int, Tensor] = {}
    frames = [prompt.frame for prompt in case.prompts]
    for prompt, following in zip(case.prompts, [*frames[1:], None], strict=True):
        _give(predictor, state, prompt)
        length = None if following is None else following - prompt.frame
        steps = predictor.propagate_in_video(
            state,
            start_frame_idx=prompt.frame,
            max_frame_num_to_track=length,
            reverse=case.backward,
        )
        found |= {frame: masks[0, 0].clone() for frame, _, masks in steps}
    return torch.stack([found[frame] for frame in case.order])


def _state(images: Tensor) -> dict[str, Any]:
    """What `init_state` makes of a video file."""
    state: dict[str, Any] = {
        "images": images,
        "num_frames": len(images),
        "offload_video_to_cpu": False,
        "offload_state_to_cpu": False,
        "video_height": cases.FRAME_SIDE,
        "video_width": cases.FRAME_SIDE,
        "device": torch.device("cpu"),
        "storage_device": torch.device("cpu"),
        "obj_id_to_idx": OrderedDict(),
        "obj_idx_to_id": OrderedDict(),
        "obj_ids": [],
    }
    names = (
        "point_inputs_per_obj", "mask_inputs_per_obj", "cached_features", "constants",
        "output_dict_per_obj", "temp_output_dict_per_obj", "frames_tracked_per_obj",
    )  # fmt: skip
    return state | {name: {} for name in names}


def _give(predictor: Any, state: dict[str, Any], prompt: Any) -> None:
    if prompt.mask is not None:
        predictor.add_new_mask(state, prompt.frame, 1, torch.from_numpy(prompt.mask.pixels.copy()))
        return
    predictor.add_new_points_or_box(
        state,
        prompt.frame,
        1,
        points=[[point.x, point.y] for point in prompt.points] or None,
        labels=[int(point.positive) for point in prompt.points] or None,
        box=None if prompt.box is None else list(prompt.box.corners),
    )


def map_sizes() -> None:
    """Every published size: the original's tensors fit our configuration, on the meta device."""
    for (width, stages), size in SIZES.items():
        background = (14, 14) if size.name == "base+" else (7, 7)
        for version in ("2.0", "2.1"):
            with init_empty_weights():
                model = build_reference(
                    size, width=width, stages=stages, hidden=256, side=1024, version=version,
                    background=background,
                )  # fmt: skip
            tensors = {key: value.to("meta") for key, value in model.state_dict().items()}
            config = original_config(shapes_of(model))
            print(f"{version} {size.name}: {len(tensors)} tensors", end=" ", flush=True)
            check_fit(tensors, config)
            print("fit", flush=True)


def check_fit(tensors: dict[str, Tensor], config: dict[str, Any]) -> None:
    from transformers import Sam2VideoConfig, Sam2VideoModel

    from vivid_core.files.modules import check_shapes
    from vivid_core.track.sam2_keys import respell_original

    with torch.device("meta"):
        model = Sam2VideoModel(Sam2VideoConfig(**config))
    found = {key: tuple(value.shape) for key, value in respell_original(tensors).items()}
    check_shapes(model, found, what=build_original.__name__)


if __name__ == "__main__":
    main()
