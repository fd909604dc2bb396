"""Colours stay what they are: matrices, ranges, depths, alpha, by formulas written out here."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from vivid_core.errors import InputError, MediaError
from vivid_core.media import VideoReader, read_clip, read_info, write_clip

# ITU-R BT.601 and BT.709: the weights of red and blue in luma, and the H.273 tags.
WEIGHTS = {"601": (0.299, 0.114), "709": (0.2126, 0.0722), "2020": (0.2627, 0.0593)}
TAGS = {"601": 6, "709": 1, "2020": 9, "none": 2}
RANGES = {"limited": 1, "full": 2, "none": 0}
PALETTE = np.array(
    [(200, 30, 60), (30, 200, 60), (60, 30, 200), (128, 128, 128), (250, 250, 250), (8, 8, 8)],
    np.float64,
)


def yuv_of(rgb: np.ndarray, matrix: str, *, full: bool, bits: int = 8) -> np.ndarray:
    """Y, U, V code values of colours 0..255."""
    kr, kb = WEIGHTS[matrix]
    r, g, b = np.moveaxis(rgb / 255, -1, 0)
    y = kr * r + (1 - kr - kb) * g + kb * b
    u, v = (b - y) / 2 / (1 - kb), (r - y) / 2 / (1 - kr)
    scale = 2 ** (bits - 8)
    if full:
        top = 2**bits - 1
        return np.stack([y * top, u * top + 128 * scale, v * top + 128 * scale]).round()
    return np.stack([16 + 219 * y, 128 + 224 * u, 128 + 224 * v]) * scale


def colour_bars(height: int = 32) -> np.ndarray:
    return np.repeat(PALETTE[None], height, 0).repeat(16, 1)


def write_bars(write, track, *, matrix, full, tag, range_tag, height=32, bits=8):
    yuv = yuv_of(colour_bars(height), matrix, full=full, bits=bits)
    planes = tuple(yuv.round().astype(np.uint8 if bits == 8 else np.uint16))
    layout = "yuv444p" if bits == 8 else f"yuv444p{bits}le"
    tags = {"colorspace": TAGS[tag], "color_range": RANGES[range_tag]}
    return write("bars.mkv", track(frames=[planes], layout=layout, codec="ffv1", tags=tags))


def read_bars(path) -> np.ndarray:
    with VideoReader(path) as reader:
        return next(iter(reader)).pixels


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", ["601", "709", "2020"])
def test_tagged_matrix_and_range_are_undone(write, track, matrix, full):
    range_tag = "full" if full else "limited"
    path = write_bars(write, track, matrix=matrix, full=full, tag=matrix, range_tag=range_tag)
    assert np.abs(read_bars(path) - colour_bars()).max() <= 2


@pytest.mark.parametrize(("height", "matrix"), [(480, "601"), (576, "601"), (720, "709")])
def test_untagged_video_is_read_as_players_do(write, track, height, matrix):
    path = write_bars(
        write, track, matrix=matrix, full=False, tag="none", range_tag="none", height=height
    )
    assert np.abs(read_bars(path) - colour_bars(height)).max() <= 2


def test_full_range_by_layout_name(write, track):
    """Phones and screen recorders write yuvj420p."""
    planes = yuv_of(colour_bars(), "601", full=True).astype(np.uint8)
    flat = np.concatenate([planes[0].ravel(), *(p[::2, ::2].ravel() for p in planes[1:])])
    frame = flat.reshape(48, 96)
    options = {"qp": "0"}
    path = write(
        "a.mp4",
        track(frames=[frame], array_layout="yuvj420p", layout="yuvj420p", options=options),
    )
    centres = read_bars(path)[16, 8::16].astype(int)
    assert np.abs(centres - PALETTE).max() <= 2


def test_ten_bits_are_kept(write, track):
    path = write_bars(
        write, track, matrix="709", full=False, tag="709", range_tag="limited", bits=10
    )
    pixels = read_bars(path)
    assert pixels.dtype == np.uint16 and read_info(path).bit_depth == 10
    assert np.abs(pixels / 257 - colour_bars()).max() <= 0.3
    clip = read_clip(path).frames[0].numpy()
    assert np.abs(clip * 255 - colour_bars()).max() <= 0.3


def test_ten_bits_have_more_than_256_levels(write, track):
    ramp = np.broadcast_to(np.arange(64, 940, dtype=np.uint16), (8, 876))
    planes = (ramp, np.full_like(ramp, 512), np.full_like(ramp, 512))
    path = write("ramp.mkv", track(frames=[planes], layout="yuv444p10le", codec="ffv1"))
    assert len(np.unique(read_bars(path)[..., 1])) == 876


def test_unknown_matrix_is_refused(write, track):
    path = write("a.mp4", track(frames=[np.zeros((32, 32, 3), np.uint8)], tags={"colorspace": 8}))
    with pytest.raises(MediaError, match=r"colour matrix 8.*convert the file to BT\.709"):
        read_bars(path)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.webm", {"codec": "libvpx-vp9", "layout": "yuva420p", "options": {"lossless": "1"}}),
        ("a.mov", {"codec": "prores_ks", "layout": "yuva444p10le"}),
        ("a.mkv", {"codec": "ffv1", "layout": "bgra"}),
    ],
)
def test_alpha_is_read(write, track, picture, name, options):
    alpha = np.tile(np.linspace(0, 255, 64).round().astype(np.uint8), (48, 1))
    frames = [np.dstack([pixels, alpha]) for pixels in picture]
    if "options" not in options and options["codec"] == "prores_ks":
        options = options | {"options": {"profile": "4444"}}
    path = write(name, track(frames=frames, array_layout="rgba", **options))
    assert read_info(path).has_alpha
    with VideoReader(path) as reader:
        pixels = [frame.pixels for frame in reader]
    assert len(pixels) == 9 and pixels[0].shape == (48, 64, 4)
    scale = 257 if pixels[0].dtype == np.uint16 else 1
    assert np.abs(pixels[4][..., 3] / scale - alpha).max() <= 2
    assert read_clip(path).frames.shape == (9, 48, 64, 3)


@pytest.mark.parametrize(("height", "tag"), [(96, 6), (720, 1)])
def test_h264_is_converted_and_tagged(tmp_path, height, tag):
    """Read by the plain decoder and undone by the formula of the tag that is in the file."""
    path = tmp_path / "a.mp4"
    bars = colour_bars(height) / 255
    write_clip(path, [bars] * 2, fps=Fraction(8), crf=1)
    with av.open(str(path)) as file:
        context = file.streams.video[0].codec_context
        tags = (context.colorspace, context.color_range)
        assert tags == (tag, 1) and context.color_primaries == context.color_trc == 1
        planes = next(file.decode(video=0)).to_ndarray()
    expected = yuv_of(PALETTE, "601" if tag == 6 else "709", full=False)
    luma = planes[height // 2, 8:96:16]
    assert np.abs(luma - expected[0]).max() <= 1.5
    chroma = planes[height:].reshape(2, height // 2, 48)[:, height // 4, 4::8]
    assert np.abs(chroma - expected[1:]).max() <= 1.5


@pytest.mark.parametrize(("name", "depth"), [("a.mkv", 16), ("a.mov", 10), ("a.mp4", 10)])
def test_more_than_eight_bits_are_written(tmp_path, name, depth):
    path = tmp_path / name
    ramp = np.tile(np.linspace(0.1, 0.9, 512, dtype=np.float32)[:, None], (8, 1, 3))
    write_clip(path, [ramp], fps=Fraction(8), bit_depth=depth, crf=0)
    pixels = read_bars(path)
    decoded_depth = 12 if name == "a.mov" else depth  # ProRes 4444 is always decoded to 12 bits
    assert read_info(path).bit_depth == decoded_depth
    assert len(np.unique(pixels[0, :, 1])) > 400
    assert np.abs(pixels / 65535 - ramp).max() < (1e-5 if depth == 16 else 0.01)


def test_sixteen_bits_are_exact_in_ffv1(tmp_path):
    rng = np.random.default_rng(3)
    for channels in (3, 4):
        frames = rng.integers(0, 65535, (3, 17, 23, channels), np.uint16, endpoint=True)
        path = tmp_path / f"{channels}.mkv"
        write_clip(path, frames, fps=Fraction(8), bit_depth=16)
        with VideoReader(path) as reader:
            np.testing.assert_array_equal(np.stack([f.pixels for f in reader]), frames)


def test_prores_keeps_alpha(tmp_path):
    alpha = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (48, 1))
    frame = np.dstack([np.full((48, 64, 3), 0.5, np.float32), alpha])
    write_clip(tmp_path / "a.mov", [frame] * 2, fps=Fraction(8))
    pixels = read_bars(tmp_path / "a.mov") / 65535
    assert np.abs(pixels[..., 3] - alpha).max() < 2e-3
    assert np.abs(pixels[..., :3] - 0.5).max() < 5e-3


def test_alpha_that_a_format_cannot_keep_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"have alpha, which h264 cannot keep: write \.mkv"):
        write_clip(tmp_path / "a.mp4", [np.zeros((8, 8, 4))], fps=Fraction(8))
    assert not list(tmp_path.iterdir())
