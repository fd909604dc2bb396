"""What a copy keeps of a source beside its pixels, and what it says that it loses."""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vivid_core.errors import InputError, MediaError
from vivid_core.media import (
    Looks,
    VideoWriter,
    compare_properties,
    expected_losses,
    read_clip,
    read_info,
    require_sound_fits,
    write_clip,
    written_depth,
)
from vivid_core.media._looks import FieldOrder

EIGHT = Fraction(8)
CONTAINERS = ["o.mp4", "o.mkv", "o.mov"]


def copy(source: Path, target: Path, **options) -> Path:
    """As an edit writes its result."""
    info = read_info(source)
    depth = written_depth(target, info.bit_depth)
    size, looks = (info.height, info.width), info.looks
    with VideoWriter(
        target, fps=info.fps, size=size, audio_from=source, bit_depth=depth, looks=looks, **options
    ) as writer:
        for frame in read_clip(source).frames:
            writer.write(frame)
    return target


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("aspect", [Fraction(32, 27), Fraction(10, 11)])
def test_the_shape_of_pixels(tmp_path, write, track, picture, name, aspect):
    tags = {"sample_aspect_ratio": aspect}
    source = write("s.mp4", track(frames=picture, tags=tags))
    assert read_info(source).looks.pixel_aspect == aspect
    made = copy(source, tmp_path / name)
    assert read_info(made).looks.pixel_aspect == aspect
    assert len(read_clip(made)) == len(picture)
    assert any("pixel aspect" in item for item in compare_properties(source, made).kept)


def test_the_shape_of_pixels_is_turned_with_the_picture(write, track, turn, picture):
    tags = {"sample_aspect_ratio": Fraction(32, 27)}
    source = turn(write("s.mp4", track(frames=picture, tags=tags)), (0, 1, -1, 0))
    assert read_info(source).looks.pixel_aspect == Fraction(27, 32)


@given(
    st.integers(1, 4096),
    st.integers(1, 4096),
    st.fractions(min_value=Fraction(1, 4), max_value=4, max_denominator=255),
)
def test_a_display_size_is_exact_and_no_smaller(height, width, aspect):
    across, down = Looks(pixel_aspect=aspect).display_size((height, width))
    assert Fraction(across, down) == Fraction(width, height) * aspect
    assert down >= height


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_tags_and_depth(tmp_path, write, track, picture, name, transfer):
    tags = {"color_primaries": 9, "color_trc": transfer, "colorspace": 9}
    options = {"layout": "yuv420p10le", "tags": tags}
    source = write("s.mp4", track(frames=picture, **options))
    made = copy(source, tmp_path / name)
    looks = read_info(made).looks
    assert (looks.transfer, looks.primaries) == (transfer, 9)
    assert looks.matrix == (0 if name == "o.mkv" else 9)  # FFV1 holds RGB
    assert read_info(made).bit_depth > 8
    assert compare_properties(source, made).lost == ()


HDR10 = (
    "log-level=none:hdr10=1:repeat-headers=1:max-cll=1000,400:master-display="
    "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
)


def test_what_hdr10_tells_screens_is_named_as_lost(tmp_path, write, track, picture):
    tags = {"color_primaries": 9, "color_trc": 16, "colorspace": 9}
    options = {"layout": "yuv420p10le", "codec": "libx265", "options": {"x265-params": HDR10}}
    source = write("s.mp4", track(frames=picture, tags=tags, **options))
    wanted = ("HDR10 mastering data", "HDR10 light level")
    assert read_info(source).looks.hdr_extras == wanted
    said = expected_losses(read_info(source), tmp_path / "o.mov")
    assert said == tuple(f"its {name}, which no file here keeps" for name in wanted)
    found = compare_properties(source, copy(source, tmp_path / "o.mov"))
    assert found.lost == wanted and "transfer PQ" in found.kept


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize(("parameter", "fields"), [("tff=1", "top"), ("bff=1", "bottom")])
def test_interlaced_flags(tmp_path, write, track, picture, name, parameter, fields: FieldOrder):
    options = {"x264-params": parameter}
    source = write("s.mkv", track(frames=picture, options=options))
    assert read_info(source).looks.fields == fields
    made = copy(source, tmp_path / name)
    assert read_info(made).looks.fields == fields
    assert f"interlaced, {fields} field first" in compare_properties(source, made).kept


@pytest.fixture
def talkative(tmp_path, write, track, picture) -> Path:
    """Two languages, a commentary, subtitles, chapters and a title."""
    plain = write("plain.mp4", track(frames=picture), audio_seconds=1.0)
    words = tmp_path / "words.srt"
    words.write_text("1\n00:00:00,100 --> 00:00:00,600\nHello\n\n")
    path = tmp_path / "talkative.mkv"
    with av.open(str(plain)) as a, av.open(str(words)) as b, av.open(str(path), "w") as out:
        out.metadata["title"] = "Shoot 12"
        title = {"title": "One"}
        chapter = {"id": 1, "start": 0, "end": 500, "time_base": Fraction(1, 1000)}
        out.set_chapters([chapter | {"metadata": title}])
        video = out.add_stream_from_template(a.streams.video[0])
        sounds = [out.add_stream_from_template(a.streams.audio[0]) for _ in range(2)]
        text = out.add_stream_from_template(b.streams.subtitles[0])
        sounds[0].metadata["language"] = "ger"
        sounds[1].metadata.update({"language": "eng", "title": "Commentary"})
        text.metadata["language"] = "fre"
        for packet in [p for p in a.demux() if p.dts is not None]:
            if packet.stream.type == "audio":
                again = av.Packet(bytes(packet))
                again.pts, again.dts, again.time_base = packet.pts, packet.dts, packet.time_base
                again.stream = sounds[1]
                out.mux_one(again)
            packet.stream = video if packet.stream.type == "video" else sounds[0]
            out.mux_one(packet)
        for packet in [p for p in b.demux() if p.dts is not None]:
            packet.stream = text
            out.mux_one(packet)
    return path


def test_languages_titles_subtitles_and_chapters(tmp_path, talkative):
    made = copy(talkative, tmp_path / "o.mkv")
    assert compare_properties(talkative, made).lost == ()
    with av.open(str(made)) as file:
        assert [s.language for s in file.streams.audio] == ["ger", "eng"]
        assert file.streams.audio[1].metadata["title"] == "Commentary"
        assert file.streams.subtitles[0].language == "fre"
        assert [c["metadata"]["title"] for c in file.chapters()] == ["One"]
        assert file.metadata["title"] == "Shoot 12"


def test_what_a_container_does_not_take_is_told(tmp_path, talkative):
    told = compare_properties(talkative, copy(talkative, tmp_path / "o.mp4"))
    assert {item.split()[0] for item in told.lost} == {"subtitle"}
    kept = {"audio 1 language ger", "audio 2 title Commentary", "chapters 1", "title Shoot 12"}
    assert kept <= set(told.kept)


@pytest.fixture
def telephone(write, track, picture, tmp_path) -> Path:
    """Mu-law sound, which phones and cameras of old record, in a .mov."""
    path = tmp_path / "s.mov"
    with av.open(str(write("p.mp4", track(frames=picture)))) as a, av.open(str(path), "w") as out:
        video = out.add_stream_from_template(a.streams.video[0])
        sound = out.add_stream("pcm_mulaw", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            (np.sin(np.arange(8000) / 3) * 9000).astype(np.int16)[None], "s16", "mono"
        )
        frame.sample_rate, frame.pts = 8000, 0
        for packet in a.demux(video=0):
            if packet.dts is not None:
                packet.stream = video
                out.mux_one(packet)
        out.mux(sound.encode(frame))
    return path


def test_sound_that_does_not_fit_is_refused_with_ways_out(telephone, tmp_path):
    words = r"sound: .*s\.mov has pcm_mulaw audio, which \.mp4 cannot hold: choose aac .* \.mov"
    with pytest.raises(InputError, match=words):
        require_sound_fits(telephone, tmp_path / "o.mp4")
    require_sound_fits(telephone, tmp_path / "o.mov")
    for mode in ("aac", "off"):
        require_sound_fits(telephone, tmp_path / "o.mp4", mode)


def test_sound_is_encoded_anew_or_left_out(telephone, tmp_path):
    made = copy(telephone, tmp_path / "o.mp4", sound="aac")
    with av.open(str(made)) as file:
        stream = file.streams.audio[0]
        samples = sum(frame.samples for frame in file.decode(stream))
        assert stream.codec_context.name == "aac" and stream.codec_context.sample_rate == 8000
    assert abs(samples - 8000) <= 2048  # an encoder works in blocks of 1024
    assert not read_info(copy(telephone, tmp_path / "q.mp4", sound="off")).has_audio


def test_losses_are_known_before(write, track, picture):
    alpha = [np.dstack([p, p[..., :1]]) for p in picture]
    source = write("a.mkv", track(frames=alpha, array_layout="rgba", layout="bgra", codec="ffv1"))
    info = read_info(source)
    assert "alpha channel, which .mp4 cannot hold" in expected_losses(info, Path("o.mp4"))[0]
    assert expected_losses(info, Path("o.mkv")) == expected_losses(info, Path("o.mov")) == ()


def test_side_data_that_nobody_needs_is_not_touched(tmp_path):
    """EXIF inside MJPEG is a kind of side data that is newer than PyAV."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A camera"
    path = tmp_path / "a.mov"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mjpeg", rate=8)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for number in range(3):
            data = BytesIO()
            Image.new("RGB", (64, 48), (200, 40 * number, 10)).save(data, "jpeg", exif=exif)
            packet = av.Packet(data.getvalue())
            packet.pts = packet.dts = number
            packet.time_base, packet.stream = Fraction(1, 8), stream
            file.mux_one(packet)
    clip = read_clip(path)
    assert len(clip) == 3 and sorted(clip.size) == [48, 64]


def stated_duration(path: Path, seconds: float) -> None:
    """Write another duration into the header and the tags of a Matroska file."""
    data = bytearray(path.read_bytes())
    at = data.index(b"\x44\x89\x88") + 3  # Duration, eight bytes
    data[at : at + 8] = np.array([seconds * 1000], ">f8").tobytes()
    if (tag := data.find(b"00:00:0")) >= 0:
        data[tag : tag + 8] = b"00:00:09"
    path.write_bytes(data)


def test_a_wrong_duration_stops_nothing_and_a_cut_file_does(tmp_path, picture):
    write_clip(tmp_path / "a.mkv", picture, fps=EIGHT)
    stated_duration(tmp_path / "a.mkv", 9.0)
    assert read_info(tmp_path / "a.mkv").frame_count == 9
    data = (tmp_path / "a.mkv").read_bytes()
    (tmp_path / "b.mkv").write_bytes(data[: int(len(data) * 0.7)])
    with pytest.raises(MediaError, match="cut off"):
        read_info(tmp_path / "b.mkv")


def test_a_stream_of_bytes_is_checked_as_a_file_is(tmp_path, picture):
    write_clip(tmp_path / "a.mkv", picture, fps=EIGHT)
    stated_duration(tmp_path / "a.mkv", 9.0)
    assert read_info(BytesIO((tmp_path / "a.mkv").read_bytes())).frame_count == 9
