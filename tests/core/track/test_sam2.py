"""The sam2 engine on small random weights: masks of the original, streaming, files."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers
from safetensors import safe_open
from safetensors.torch import save_file

from vivid_core.errors import ModelError
from vivid_core.track.prompts import FramePrompt, ObjectPrompts, Point, Prompts
from vivid_core.track.sam2 import load_sam2, mask_logits, model_mask, model_pixels
from vivid_core.track.track import track_objects

from ...tiny_sam2 import GOLDEN, cases, save_tiny_sam2, shapes

TOLERANCE = 1e-4


pytestmark = pytest.mark.skipif(
    int(transformers.__version__.split(".")[0]) < 5, reason="SAM 2 needs transformers 5"
)


@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.name)
def test_masks_equal_the_original(case):
    with safe_open(GOLDEN, framework="pt") as file:
        expected = file.get_tensor(case.name)
    ours = cases.run_ours(case, shapes(case.version))
    assert expected.abs().max() > 1 and (expected > 0).any() and (expected < 0).any()
    torch.testing.assert_close(ours, expected, atol=TOLERANCE, rtol=0)


def test_what_is_remembered_stops_growing():
    engine, frames = cases.engine(shapes()), cases.clip(cases.CASES[0])
    follower = engine.follower(40)
    follower.prompt(engine.view(frames[0]), cases.CASES[0].prompts[0])
    sizes = []
    for index in range(1, 22):
        follower.follow(engine.view(frames[index % len(frames)]))
        sizes.append(sum(array.nbytes for array in follower.state().values()))
    assert sizes[-1] == sizes[-4]
    names = {key.split("/")[2] for key in follower.state() if "/" in key}
    assert names == {"object_pointer", "maskmem_features", "maskmem_pos_enc"}


def test_a_state_goes_on_exactly():
    case = cases.CASES[0]
    engine, frames = cases.engine(shapes()), cases.clip(case)
    follower = engine.follower(len(frames))
    follower.prompt(engine.view(frames[0]), case.prompts[0])
    for frame in frames[1:4]:
        follower.follow(engine.view(frame))
    again = engine.restore(follower.state(), engine.view(frames[3]))
    for frame in frames[4:6]:
        follower.follow(engine.view(frame))
        again.follow(engine.view(frame))
        assert torch.equal(follower.logits, again.logits)


def test_two_objects_are_tracked_and_stored(two_things, tmp_path):
    points = (Point(x=20, y=30),)
    prompts = Prompts(
        objects=(
            ObjectPrompts(id=1, frames=(FramePrompt(frame=1, points=points),)),
            ObjectPrompts(id=2, frames=two_things.prompts((1, 0)).objects[0].frames),
        )
    )
    source = type(two_things)(frames=two_things.frames[:3], masks=()).source
    track = track_objects(source, prompts, cases.engine(shapes()), tmp_path / "t")
    assert track.header.complete
    truth = two_things.masks[1][0]
    mask = track.object_mask(0, 2)  # a mask as a prompt is taken as it is, at the model's size
    assert np.count_nonzero(mask & truth) > 0.9 * np.count_nonzero(mask | truth)


def test_pictures_and_masks_of_the_model():
    pixels = np.random.default_rng(0).integers(0, 255, (20, 36, 3), np.uint8)
    assert model_pixels(pixels, 32).shape == (1, 3, 32, 32)
    white = model_pixels(np.full((8, 8, 3), 255, np.uint8), 8)[0, :, 0, 0]
    torch.testing.assert_close(white, torch.tensor([2.2489, 2.4286, 2.64]), atol=1e-3, rtol=0)
    mask = np.zeros((8, 8), bool)
    mask[2:6, 2:6] = True
    assert model_mask(mask, 16)[0, 0].sum() == 64
    assert mask_logits(torch.ones(1, 1, 4, 4), (6, 10)).shape == (6, 10)


def test_a_hugging_face_folder(tmp_path):
    engine = cases.engine(shapes())
    loaded = load_sam2(save_tiny_sam2(tmp_path))
    assert loaded.digest != engine.digest
    case = cases.CASES[3]
    frame = cases.clip(case)[0]
    ours, theirs = engine.follower(5), loaded.follower(5)
    for made, follower in ((engine, ours), (loaded, theirs)):
        follower.prompt(made.view(frame), cases.CASES[0].prompts[0])
    torch.testing.assert_close(ours.logits, theirs.logits, atol=1e-5, rtol=0)


def test_files_that_are_no_sam2(tmp_path):
    with pytest.raises(ModelError, match="no such file or folder"):
        load_sam2(tmp_path / "gone.pt")
    save_file({"decoder.conv_in.weight": torch.zeros(1)}, tmp_path / "vae.safetensors")
    with pytest.raises(ModelError, match="expected an original SAM 2 checkpoint .* found a VAE"):
        load_sam2(tmp_path / "vae.safetensors")
    small = cases.draw_weights({k: v for k, v in shapes().items() if "trunk" in k})
    torch.save({"model": small}, tmp_path / "small.pt")
    with pytest.raises(
        ModelError, match=r"16 wide with 1\+2\+2\+1 blocks is none of the published"
    ):
        load_sam2(tmp_path / "small.pt")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "config.json").write_text('{"model_type": "sam2"}')
    with pytest.raises(ModelError, match="expected a SAM 2 video model .* found sam2"):
        load_sam2(tmp_path / "folder")
