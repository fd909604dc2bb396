"""Layouts are recognised from tensor shapes, in both spellings."""

from __future__ import annotations

from typing import get_args

import pytest

from vivid_core.cogvideox.layout import LayoutName, detect_layout, layout_named
from vivid_core.errors import ModelError

CHANNELS = {"noise": 16, "mask": {"resized": 1, "vae": 16}, "video": 16, "first_frame": 16}


def shapes_1_0(channels: int, width: int = 3072) -> dict[str, tuple[int, ...]]:
    return {"patch_embed.proj.weight": (width, channels, 2, 2), "proj_out.weight": (64, width)}


def shapes_1_5(channels: int) -> dict[str, tuple[int, ...]]:
    return {"patch_embed.proj.weight": (3072, channels * 8), "proj_out.weight": (128, 3072)}


@pytest.mark.parametrize("name", get_args(LayoutName))
def test_channel_orders_add_up(name: LayoutName):
    layout = layout_named(name)
    widths = [CHANNELS[channel] for channel in layout.channels]
    total = sum(w if isinstance(w, int) else w[layout.mask_encoding] for w in widths)
    assert total == layout.in_channels
    assert layout.channels[0] == "noise"
    assert layout.needs_mask == (layout.mask_encoding is not None)


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        (shapes_1_0(16), ("t2v", "1.0", None)),
        (shapes_1_5(16), ("t2v", "1.5", 2)),
        (shapes_1_0(32), ("i2v", "1.0", None)),
        (shapes_1_5(32), ("i2v", "1.5", 2)),
        (shapes_1_0(32, width=1920), ("insvie", "1.0", None)),
        (shapes_1_0(33), ("fun_inp", "1.0", None)),
        (shapes_1_0(33, width=1920), ("fun_inp", "1.0", None)),
        (shapes_1_5(33), ("fun_inp", "1.5", 2)),
        (shapes_1_5(48), ("void", "1.5", 2)),
    ],
)
def test_published_models_are_recognised(shapes, expected):
    layout = detect_layout(shapes)
    assert (layout.name, layout.version, layout.patch_time) == expected
    prefixed = {f"model.diffusion_model.{key}": shape for key, shape in shapes.items()}
    assert detect_layout(prefixed) == layout


def test_metadata_settles_what_shapes_leave_open():
    assert detect_layout(shapes_1_0(33), {"_vivid": {"layout": "vivid"}}).name == "vivid"
    assert detect_layout(shapes_1_0(33), {"add_noise_in_inpaint_model": True}).version == "1.1"


def test_vivid_keeps_the_inpainting_contract():
    vivid, inpaint = layout_named("vivid"), layout_named("fun_inp")
    for field in ("channels", "mask_encoding", "mask_polarity", "hole_fill"):
        assert getattr(vivid, field) == getattr(inpaint, field)


@pytest.mark.parametrize(
    ("shapes", "config", "words"),
    [
        (shapes_1_0(20), {}, r"reads 20 input channels.*expected 16 \(t2v\)"),
        (shapes_1_0(33), {"_vivid": {"layout": "void"}}, "'void'.*fun_inp or vivid"),
        ({"head.modulation": (1, 2)}, {}, "looks like a Wan model"),
        ({}, {}, "no tensors"),
        (
            {"patch_embed.proj.weight": (32, 131), "proj_out.weight": (128, 32)},
            {},
            r"\[32, 131\].*channels \* 8",
        ),
        (
            {"patch_embed.proj.weight": (32, 16, 1, 2, 2), "proj_out.weight": (64, 32)},
            {},
            "expected .width, channels, patch, patch",
        ),
    ],
)
def test_unknown_models_are_refused_with_what_was_found(shapes, config, words: str):
    with pytest.raises(ModelError, match=words):
        detect_layout(shapes, config)
