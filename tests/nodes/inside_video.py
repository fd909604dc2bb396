"""Checks of VIDEO sockets with ComfyUI's own classes: run by test_inside.py in its Python.

Arguments: the repository and a base directory. Prints the name of each check that holds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

EDIT = {
    "task": "modify", "caption": "a red circle", "negative": "", "seed": 1, "steps": 1,
    "guidance": 1.0, "focus": "auto", "fill": "off", "sampler": "ddim", "grow": -1, "feather": 2,
}  # fmt: skip
FRAMES, SIZE, RATE, SOUND_RATE = 17, 64, Fraction(30000, 1001), 16_000
UNEVEN = [Fraction(n * 33 + 200 * (n > 4), 1000) for n in range(FRAMES + 1)]


def media() -> Any:
    return sys.modules["vivid_pack.vivid_core.media"]


def reader() -> Any:
    return sys.modules["vivid_pack.nodes.video"]


def sweep(seconds: float) -> torch.Tensor:
    """A tone that rises, so that every place in it can be told."""
    at = torch.arange(round(seconds * SOUND_RATE)) / SOUND_RATE
    return 0.5 * torch.sin(2 * torch.pi * (200 + 900 * at) * at)[None]


def make_file(name: str, times: list[Fraction] | None = None, *, depth: int = 8) -> str:
    """A file with sound, lossless; at RATE where no times are given."""
    from vivid_pack.vivid_core import media as files

    folder = Path(sys.argv[-1])
    path, sound = folder / f"{name}.mkv", folder / f"{name}_sound.mkv"
    rows = torch.arange(SIZE)[None, :, None] * 2 + torch.arange(FRAMES)[:, None, None] * 3
    frames = (rows % 256 / 255)[..., None].expand(-1, -1, SIZE, 3) * (1 if depth == 8 else 0.999)
    files.write_sound(sound, files.Sound(samples=sweep(1.0), rate=SOUND_RATE))
    files.write_clip(path, frames, fps=RATE, pts=times, audio_from=sound, bit_depth=depth)
    return str(path)


def lag_seconds(sound: dict[str, Any], start: float) -> float:
    """How far a sound lies behind the sweep from `start` on."""
    heard = sound["waveform"][0, 0].cpu().numpy()
    expected = sweep(1.0)[0].numpy()[round(start * SOUND_RATE) :][: len(heard)]
    heard = heard[: len(expected)]
    both = np.correlate(heard, expected, "full")
    return (int(both.argmax()) - len(expected) + 1) / SOUND_RATE


def saved(video: Any, format: str = "mp4") -> Path:
    """As ComfyUI's Save Video writes it."""
    from comfy_api.latest import Types

    file = Path(sys.argv[-1]) / f"saved.{format}"
    video.save_to(str(file), format=Types.VideoContainer(format), codec=Types.VideoCodec("auto"))
    return file


def edited(nodes: Any, video: Any) -> tuple[torch.Tensor, torch.Tensor, Any]:
    """Images, effective mask and VIDEO of an edit of the middle."""
    mask = torch.zeros(1, SIZE, SIZE)
    mask[:, 24:40, 24:40] = 1
    with torch.inference_mode():
        model = nodes.LoadModel.execute(model="vivid-tiny (bundled)", offload="auto").args[0]
        edit, effective, _, made = nodes.EditVideo.execute(model, video, mask, **EDIT).args
    return edit, effective, made


def an_edit_has_the_rate_and_the_sound_of_its_video(nodes: Any) -> None:
    from comfy_api.latest import InputImpl

    source = InputImpl.VideoFromFile(make_file("even"))
    edit, effective, made = edited(nodes, source)
    parts = made.get_components()
    before = reader().read_frames(source).frames
    assert torch.equal(parts.images, edit)
    assert torch.equal(edit[effective == 0].cpu(), before[effective.cpu() == 0])
    assert not torch.equal(edit.cpu(), before)
    assert parts.frame_rate == RATE and abs(lag_seconds(parts.audio, 0)) < 0.003
    file = saved(made)
    assert media().read_info(file).frame_count == FRAMES
    assert abs(media().read_info(file).fps - RATE) < 0.001
    written = media().read_sound(file)
    assert abs(lag_seconds({"waveform": written.samples[None]}, 0)) < 0.07  # AAC's run-up


def uneven_frames_keep_their_times(nodes: Any) -> None:
    from comfy_api.latest import InputImpl

    edit, _, made = edited(nodes, InputImpl.VideoFromFile(make_file("uneven", UNEVEN)))
    assert torch.equal(made.get_components().images, edit)
    file = saved(made)
    assert list(media().frame_times(file)) == UNEVEN
    assert media().read_info(file).has_audio
    again = reader().read_recording(made)
    assert list(again.times) == UNEVEN and torch.equal(again.clip.frames, edit.cpu())
    with reader().on_disk(made) as path:
        assert list(media().frame_times(path)) == UNEVEN
        assert torch.equal(media().read_clip(path).frames, edit.cpu())


def images_are_silent_at_a_stated_rate(nodes: Any) -> None:
    _, _, made = edited(nodes, torch.rand(5, SIZE, SIZE, 3))
    parts = made.get_components()
    assert parts.frame_rate == 8 and parts.audio is None


def how_a_video_looks_is_kept(nodes: Any) -> None:
    from comfy_api.latest import InputImpl, Types

    looks = media().Looks(
        pixel_aspect=Fraction(32, 27), primaries=9, transfer=18, matrix=9, fields="top"
    )
    path = Path(make_file("looks"))
    frames = media().read_clip(path).frames
    media().write_clip(path, frames, fps=RATE, looks=looks, bit_depth=16)
    source = InputImpl.VideoFromFile(str(path))
    words = reader().read_recording(source).words()
    assert words == [
        "kept in the video output: pixel aspect 32:27; primaries BT.2020; transfer HLG; "
        "interlaced, top field first"
    ]
    _, _, made = edited(nodes, source)
    for format in ("mp4", "mkv") if hasattr(Types.VideoContainer, "MKV") else ("mp4",):
        found = media().read_info(saved(made, format))
        assert found.looks.pixel_aspect == Fraction(32, 27) and found.looks.fields == "top"
        assert (found.looks.transfer, found.looks.primaries) == (18, 9)
        assert found.bit_depth == 10
    with reader().on_disk(made) as file:
        assert media().read_info(file).looks.pixel_aspect == Fraction(32, 27)


def alpha_goes_along(nodes: Any) -> None:
    from comfy_api.latest import InputImpl, Types

    path = Path(make_file("layers"))
    layers = torch.zeros(FRAMES, SIZE, SIZE, 1)
    layers[:, 8:40, 8:40] = 0.6
    frames = torch.cat([media().read_clip(path).frames, layers], dim=-1)
    media().write_clip(path, frames, fps=RATE)
    _, _, made = edited(nodes, InputImpl.VideoFromFile(str(path)))
    with reader().on_disk(made) as file:
        assert torch.allclose(media().read_alpha(file), layers[..., 0], atol=1e-3)
    assert media().read_alpha(saved(made, "mp4")) is None
    if hasattr(Types.VideoContainer, "MKV"):
        assert torch.allclose(media().read_alpha(saved(made, "mkv")), layers[..., 0], atol=1e-3)


def filling_gives_a_video_too(nodes: Any) -> None:
    from comfy_api.latest import InputImpl

    mask = torch.zeros(1, SIZE, SIZE)
    mask[:, 24:40, 24:40] = 1
    source = InputImpl.VideoFromFile(make_file("filled"))
    with torch.inference_mode():
        filled, *_, made = nodes.FillBackground.execute(source, mask, 0).args
    parts = made.get_components()
    assert torch.equal(parts.images, filled)
    assert parts.frame_rate == RATE and parts.audio is not None


def trimmed_videos_are_cut_with_their_sound(nodes: Any) -> None:
    from comfy_api.latest import InputImpl

    for name, times, depth in (("cut", None, 8), ("uneven_cut", UNEVEN, 8), ("deep", UNEVEN, 16)):
        path = make_file(name, times, depth=depth)
        whole = media().read_clip(path).frames
        video = InputImpl.VideoFromFile(path)
        if not hasattr(video, "get_active_trim_window"):
            return  # this ComfyUI cannot trim
        part = video.as_trimmed(0.1, 0.3, strict_duration=False)
        shown = part.get_components().images
        first = next(i for i in range(FRAMES) if torch.allclose(whole[i], shown[0], atol=0.01))
        assert first > 2
        last = first + len(shown)
        found = reader().read_recording(part)
        assert torch.equal(found.clip.frames, whole[first:last])
        every = media().frame_times(path)
        assert abs(lag_seconds(found.sound, float(every[first]))) < 0.003
        length = found.sound["waveform"].shape[-1] / found.sound["sample_rate"]
        assert abs(length - float(every[last] - every[first])) < 0.001
        with reader().on_disk(part) as file:
            assert torch.equal(media().read_clip(file).frames, found.clip.frames)
            assert media().read_info(file).has_audio
            assert media().read_info(file).bit_depth == depth
            if times:
                shifted = [time - times[first] for time in times[first : last + 1]]
                assert list(found.times) == list(media().frame_times(file)) == shifted


@contextmanager
def newer_file_class() -> Iterator[type]:
    """ComfyUI's VIDEO of a file as it is since 0.35: crops and sizes wait until frames are read."""
    from comfy_api.latest import InputImpl, Types

    older = InputImpl.VideoFromFile

    class NewerFile(older):
        def __init__(self, file: Any, operations: tuple[Any, ...] = ()) -> None:
            super().__init__(file)
            self.operations = operations

        def as_cropped(self, x: int, y: int, width: int, height: int) -> Any:
            rows, columns = slice(y, y + height), slice(x, x + width)
            crop = lambda images: images[:, rows, columns]  # noqa: E731
            return type(self)(self.get_stream_source(), (*self.operations, crop))

        def as_resized(self, width: int, height: int) -> Any:
            def resize(images: torch.Tensor) -> torch.Tensor:
                small = torch.nn.functional.interpolate(images.movedim(-1, 1), (height, width))
                return small.movedim(1, -1)

            return type(self)(self.get_stream_source(), (*self.operations, resize))

        def has_pending_frame_edits(self) -> bool:
            return bool(self.operations)

        def get_components(self) -> Any:
            parts = super().get_components()
            images = parts.images
            for operation in self.operations:
                images = operation(images)
            return Types.VideoComponents(
                images=images, audio=parts.audio, frame_rate=parts.frame_rate
            )

    InputImpl.VideoFromFile = NewerFile
    try:
        yield NewerFile
    finally:
        InputImpl.VideoFromFile = older


def cropped_and_resized_videos_are_read_as_they_look(nodes: Any) -> None:
    with newer_file_class() as file_class:
        video = file_class(make_file("newer", UNEVEN))
        assert reader().stream_of(video) is not None
        for edit in (video.as_cropped(8, 16, 32, 24), video.as_resized(32, 24)):
            found = reader().read_recording(edit)
            assert torch.equal(found.clip.frames, edit.get_components().images)
            assert found.clip.size == (24, 32) and list(found.times) == UNEVEN
            assert found.sound is not None
            assert sys.modules["vivid_pack.nodes.convert"].to_source(edit).size == (24, 32)
            with reader().on_disk(edit) as path:
                assert media().read_info(path).width == 32
                assert list(media().frame_times(path)) == UNEVEN


def resampled_videos_are_not_trimmed_twice(nodes: Any) -> None:
    from comfy_api.latest import InputImpl, Types

    class Resampled(InputImpl.VideoFromComponents):
        """Tells the trim of what it was made of, and streams frames that are trimmed already."""

        def get_active_trim_window(self) -> tuple[float, float]:
            return 0.2, 1.0

    parts = Types.VideoComponents(
        images=torch.rand(12, 32, 32, 3), audio=None, frame_rate=Fraction(12)
    )
    video = Resampled(parts)
    assert len(reader().read_frames(video)) == 12
    assert reader().whole_file(video) is None
    with reader().on_disk(video) as path:
        assert media().read_info(path).frame_count == 12

    class Foreign(InputImpl.VideoFromFile):
        """A pack's own kind of VIDEO: what it streams is not what it shows."""

        def get_components(self) -> Any:
            return parts

    foreign = Foreign(make_file("foreign"))
    assert torch.equal(reader().read_frames(foreign).frames, parts.images)


CHECKS: dict[str, Callable[[Any], None]] = {
    check.__name__: check
    for check in (
        an_edit_has_the_rate_and_the_sound_of_its_video,
        uneven_frames_keep_their_times,
        images_are_silent_at_a_stated_rate,
        how_a_video_looks_is_kept,
        alpha_goes_along,
        filling_gives_a_video_too,
        trimmed_videos_are_cut_with_their_sound,
        cropped_and_resized_videos_are_read_as_they_look,
        resampled_videos_are_not_trimmed_twice,
    )
}

if __name__ == "__main__":
    repository, base = sys.argv[1:]
    sys.path.insert(0, str(Path(__file__).parent))
    from inside_comfyui import load_pack, run_checks, start_comfyui

    start_comfyui(base)
    nodes = load_pack(Path(repository))
    import vivid_pack.vivid_core.media  # noqa: F401  the checks look it up

    sys.argv = [sys.argv[0], base]
    run_checks(CHECKS, nodes)
