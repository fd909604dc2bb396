"""Checks that no node takes a value its schema does not allow: run by test_inside.py.

Arguments: the repository and a base directory. Prints the name of each check that holds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

BASE = sys.argv[1:]  # the repository and a folder; ComfyUI takes them away
NUMBERS_NO_ONE_MEANS = (None, "x", [], float("nan"), float("inf"), {})
NO_TEXTS = (None, 3, ["a"], {"a": 1}, True, "\ud800")
NOT_ON_SOCKETS = (None, "x", 3, 0.5, ["1", 0], {"a": 1})


def errors() -> Any:
    return sys.modules["vivid_pack.vivid_core.errors"]


def refused(run: Callable[[], Any]) -> Any:
    """The InputError that a call ends with."""
    try:
        run()
    except errors().InputError as error:
        return error
    raise AssertionError("nothing was refused")


def attacks(one: Any) -> tuple[Any, ...]:
    """Values that an input must not get."""
    from comfy_api.latest import io

    if isinstance(one, io.Combo.Input | io.String.Input):
        return NO_TEXTS
    if isinstance(one, io.Int.Input | io.Float.Input):
        beyond = tuple(
            edge + step for edge, step in ((one.min, -1), (one.max, 1)) if edge is not None
        )
        halves = (0.5 + one.min,) if isinstance(one, io.Int.Input) else ()
        return (*NUMBERS_NO_ONE_MEANS, *beyond, *halves)
    if isinstance(one, io.Boolean.Input):
        return ()
    if "BOUNDING_BOX" in one.get_io_type():  # boxes are lists and objects: see inside_perceive
        return tuple(value for value in NOT_ON_SOCKETS if not isinstance(value, list | dict))
    return NOT_ON_SOCKETS[1:] if one.optional else NOT_ON_SOCKETS


def given(node: Any) -> dict[str, Any]:
    """Something for every input: the default, or a thing that no check knows."""
    return {
        one.id: one.default if hasattr(one, "default") and one.default is not None else object()
        for one in node.define_schema().inputs
    }


def cases(nodes: Any) -> Iterator[tuple[Any, str, Any]]:
    for node in nodes.NODES:
        for one in node.define_schema().inputs:
            yield from ((node, one.id, value) for value in attacks(one))


def no_node_takes_what_its_schema_does_not_allow(nodes: Any) -> None:
    count = 0
    for node, name, value in cases(nodes):
        error = refused(lambda n=node, i=name, v=value: n.execute(**given(n) | {i: v}))
        assert error.argument == name, (node, name, value, str(error))
        assert len(str(error)) < 300 and "\n" not in str(error)
        count += 1
    assert count > 1000


def sockets_say_what_to_connect(nodes: Any) -> None:
    error = refused(lambda: nodes.OverlayMask.execute(**given(nodes.OverlayMask) | {"mask": None}))
    assert str(error) == "mask: connect a MASK or VIVID_MASK_TRACK here, got null"


def names_that_no_file_has(nodes: Any) -> None:
    for name in ("a\0b", "a\nb", "x" * 200, "a/" + "\u00e9" * 90 + "/b"):
        for node, argument in (
            (nodes.EditLongVideo, "filename_prefix"),
            (nodes.TrainAdapter, "name"),
        ):
            error = refused(lambda n=node, a=argument, v=name: n.execute(**given(n) | {a: v}))
            assert error.argument == argument


def no_prefix_leads_out_of_its_root(nodes: Any) -> None:
    host = sys.modules["vivid_pack.nodes.host"]
    root = Path(BASE[1]) / "saved"
    root.mkdir()
    (root / "file").touch()
    for prefix in ("../x", "/etc/x", "a/../../x", "file/x"):
        error = refused(lambda p=prefix: host.new_place(p, str(root)))
        assert error.argument == "filename_prefix"
    place = host.new_place("a/b", str(root))
    assert (place.folder, place.name, place.number) == (root / "a", "b", 1)


def one_look_at_masks(nodes: Any) -> None:
    convert = sys.modules["vivid_pack.nodes.convert"]
    broken = torch.full((2, 4, 4), float("nan"))
    for mask in (torch.ones(0, 4, 4), torch.ones(1, 2, 4, 4), torch.ones(4), broken):
        error = refused(lambda m=mask: convert.mask_values(m, "entities"))
        assert error.argument == "entities"
    assert convert.mask_values(torch.ones(4, 4)).shape == (1, 4, 4)


def frames_name_the_input(nodes: Any) -> None:
    convert = sys.modules["vivid_pack.nodes.convert"]
    for frames in (
        torch.ones(0, 4, 4, 3),
        torch.ones(4, 4, 3),
        torch.full((1, 4, 4, 3), torch.nan),
    ):
        assert refused(lambda f=frames: convert.to_clip(f, "previous")).argument == "previous"


def a_broken_video_is_explained(nodes: Any) -> None:
    from comfy_api.latest import InputImpl

    path = Path(BASE[1]) / "broken.mp4"
    path.write_bytes(b"no video")
    convert = sys.modules["vivid_pack.nodes.convert"]
    video = InputImpl.VideoFromFile(str(path))
    assert "is damaged or not a video" in str(refused(lambda: convert.to_clip(video)))
    long = nodes.EditLongVideo
    settings = given(long) | {"video": video, "task": "delete", "caption": ""}
    error = refused(lambda: long.execute(**settings))
    assert error.argument == "video" and "is damaged or not a video" in str(error)


def errors_have_short_names(nodes: Any) -> None:
    for kind in vars(errors()).values():
        if isinstance(kind, type) and issubclass(kind, BaseException):
            assert kind.__module__ == "vivid", kind


def errors_begin_with_an_input(nodes: Any) -> None:
    """Whatever the core calls a thing, and whether it names a file, a place or nothing."""
    from comfy_api.latest import io

    kinds, schema = errors(), sys.modules["vivid_pack.nodes.schema"]
    first = kinds.InputError("frames", "need three")

    class Broken(schema.VividNode):
        error: Any = first

        @classmethod
        def define_schema(cls) -> Any:
            names = ("model", "video", "rank")
            return io.Schema(node_id="Broken", inputs=[io.String.Input(name) for name in names])

        @classmethod
        def execute(cls, model: str, video: str, rank: str) -> Any:
            raise cls.error

    for error, told in (
        (first, "video: need three"),
        (kinds.InputError("rank", "is 0"), "rank: is 0"),
        (kinds.InputError("config", "Train: lora: rank: is 0"), "rank: is 0"),
        (kinds.ModelError("a.sft: is cut off"), "model: a.sft: is cut off"),
        (kinds.AdapterError("has no rank"), "model: has no rank"),
        (kinds.EngineError("gave nothing"), "gave nothing"),
    ):
        Broken.error = error
        try:
            Broken.execute(model="unet/a.sft", video="v", rank="8")
        except kinds.VividError as found:
            assert (type(found), str(found)) == (type(error), told)


def links_in_circles_are_walked_once(nodes: Any) -> None:
    host = sys.modules["vivid_pack.nodes.host"]
    root = Path(BASE[1]) / "circles"
    (root / "a").mkdir(parents=True)
    (root / "a" / "x.safetensors").touch()
    for name in ("b", "c", "a/d", "a/e"):
        (root / name).symlink_to(root)
    found = list(host._walk(root, folders=True, suffixes=(".safetensors",), index="none"))
    assert found == [root / "a" / "x.safetensors"]


CHECKS: dict[str, Callable[[Any], None]] = {
    check.__name__: check
    for check in (
        no_node_takes_what_its_schema_does_not_allow,
        sockets_say_what_to_connect,
        names_that_no_file_has,
        no_prefix_leads_out_of_its_root,
        one_look_at_masks,
        frames_name_the_input,
        a_broken_video_is_explained,
        errors_have_short_names,
        errors_begin_with_an_input,
        links_in_circles_are_walked_once,
    )
}


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    import importlib

    import inside_comfyui

    inside_comfyui.start_comfyui(BASE[1])
    vivid_nodes = inside_comfyui.load_pack(Path(BASE[0]))
    importlib.import_module("vivid_pack.vivid_core.errors")
    importlib.import_module("vivid_pack.nodes.convert")
    inside_comfyui.run_checks(CHECKS, vivid_nodes)
