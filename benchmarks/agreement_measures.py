"""Compare what measures edits with the public code: ViCLIP, and DOVER's own package.

    python benchmarks/agreement_measures.py --editverse DIR --dover DIR --words DIR

DIRs: checkouts of adobe-research/EditVerse and VQAssessment/DOVER, and a folder with
bpe_simple_vocab_16e6.txt.gz. Weights are random: the networks are small ones of their classes
(ViCLIP; at its full size names and shapes alone) and DOVER's own. Needs what those repositories
import: timm, ftfy, regex, pkg_resources; decord, scikit-video.
"""

from __future__ import annotations

import argparse
import importlib
import io
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from accelerate import init_empty_weights
from agreement import TOLERANCE
from PIL import Image
from torch import Tensor, nn

from vivid_core.files.modules import check_shapes
from vivid_core.measure.dover import SEED, VIEWS, Dover, load_dover
from vivid_core.measure.encoder import to_bytes
from vivid_core.measure.viclip import load_viclip
from vivid_core.measure.viclip_network import Viclip, shape_of
from vivid_core.measure.words import PACKED, read_words

CPU = torch.device("cpu")
CAPTIONS = (
    "a red fox",
    "It's the 3rd caf\u00e9 -- don't stop!  &amp; 42 dogs",
    "a sentence that goes on and on " * 8,
)
FRAMES, HEIGHT, WIDTH = 40, 256, 320
FULL_SIDE = 224  # of ViCLIP's frames


@dataclass(frozen=True)
class Row:
    what: str
    difference: float


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare with the public code of two figures.")
    for name in ("editverse", "dover", "words"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    sys.path[:0] = [str(arguments.editverse / "automatic_evaluation"), str(arguments.dover)]
    passed = True
    with torch.no_grad():
        for row in (*compare_viclip(arguments.words), *compare_dover()):
            passed &= row.difference <= TOLERANCE
            verdict = "pass" if row.difference <= TOLERANCE else "FAIL"
            print(f"{row.what:40} {row.difference:10.2e} {verdict}", flush=True)
    return 0 if passed else 1


def compare_viclip(words: Path) -> Iterator[Row]:
    """Names at full size; captions as numbers; both vectors by a small network."""
    public = importlib.import_module("viclip")
    towers = {name: importlib.import_module(f"viclip.viclip_{name}") for name in ("vision", "text")}
    tokenizer = public.SimpleTokenizer(bpe_path=str(words / PACKED))
    yield from _names(public, tokenizer)
    network = _small_network(towers, tokenizer)
    yield from _numbers(network.text_encoder, read_words(words))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / PACKED).write_bytes((words / PACKED).read_bytes())
        torch.save({"model": network.state_dict()}, folder / "ViClip.pth")
        ours = load_viclip(folder, device=CPU)
    for caption in CAPTIONS:
        tokens = network.text_encoder.tokenize(caption, context_length=32)
        yield Row(f"ViCLIP, text: {caption[:20]}", _apart(ours.text(caption), network.text(tokens)))
    clip = _clip()
    picked = [Image.fromarray(to_bytes(clip[int(i * len(clip) / 8)])) for i in range(8)]
    prepare = public.clip_image_transform(FULL_SIDE)
    pixels = torch.stack([prepare(picture) for picture in picked], dim=1)[None]
    yield Row("ViCLIP, clip", _apart(ours.video(clip), network.vision_encoder(pixels)))


def _names(public: Any, tokenizer: Any) -> Iterator[Row]:
    with init_empty_weights():
        theirs = public.ViCLIP(tokenizer=tokenizer, pretrain=None).state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in theirs.items() if name != "temp"}
    with init_empty_weights():
        ours = Viclip(shape_of(shapes))
    check_shapes(ours, shapes, what="ViCLIP")  # raises where one is another
    yield Row(f"ViCLIP-L/14: {len(shapes)} names and shapes", 0.0)


class _Small(nn.Module):
    def __init__(self, vision: nn.Module, text: nn.Module) -> None:
        super().__init__()
        self.vision_encoder, self.text_encoder = vision, text
        self.temp = nn.Parameter(torch.ones([]))

    def text(self, tokens: Tensor) -> Tensor:
        return self.text_encoder(tokens)


def _small_network(towers: dict[str, Any], tokenizer: Any) -> Any:
    torch.manual_seed(0)
    vision = towers["vision"].VisionTransformer(
        FULL_SIDE, patch_size=28, width=128, layers=2, heads=2, output_dim=24
    )
    text = towers["text"].CLIP_TEXT(
        embed_dim=24,
        context_length=32,
        vocab_size=49408,
        transformer_width=128,
        transformer_heads=2,
        transformer_layers=2,
        checkpoint_num=0,
        tokenizer=tokenizer,
    )
    network = _Small(vision, text).eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.1)
    return network


def _numbers(text: Any, words: Any) -> Iterator[Row]:
    wrong = 0
    for caption in CAPTIONS:
        theirs = [int(n) for n in text.tokenize(caption, context_length=400)[0] if n]
        wrong += theirs != words.numbers(caption)
    yield Row(f"ViCLIP, captions as numbers: wrong of {len(CAPTIONS)}", float(wrong))


def compare_dover() -> Iterator[Row]:
    """Its own script on frames in memory, with its own network and draws, and the adapter."""
    datasets = importlib.import_module("dover.datasets.dover_datasets")
    script = importlib.import_module("evaluate_a_set_of_videos")
    clip = _clip()
    with tempfile.TemporaryDirectory() as place:
        ours, network = _random_dover(Path(place))
    found = ours.quality(clip)
    frames = torch.from_numpy(to_bytes(clip))
    with patch.object(datasets, "VideoReader", lambda path: frames):
        theirs = _their_scores(datasets, script, network)
    for part in ("technical", "aesthetic", "overall"):
        yield Row(f"DOVER, {part} ({theirs[part]:.4f})", abs(getattr(found, part) - theirs[part]))


def _random_dover(folder: Path) -> tuple[Dover, Any]:
    """DOVER by the adapter and by the package alone, with the same random weights."""
    models = importlib.import_module("dover.models")
    branches = {"technical": {"type": "swin_tiny_grpb"}, "aesthetic": {"type": "conv_tiny"}}
    torch.manual_seed(0)
    with (
        redirect_stdout(io.StringIO()),
        patch("torch.hub.load_state_dict_from_url", lambda **_: {"model": _flat_weights(models)}),
    ):
        network = models.DOVER(
            backbone=branches,
            backbone_preserve_keys="technical,aesthetic",
            divide_head=True,
            vqa_head={"in_channels": 768, "hidden_channels": 64},
        ).eval()
    torch.save(network.state_dict(), folder / "DOVER.pth")
    ours = load_dover(folder / "DOVER.pth", device=CPU)
    if isinstance(ours, str):
        raise SystemExit(ours)
    return ours, network


def _flat_weights(models: Any) -> dict[str, Tensor]:
    """What its network would download: a ConvNeXt of pictures, here with random weights."""
    backbone = importlib.import_module("dover.models.conv_backbone")
    return backbone.convnext_tiny().state_dict()


def _their_scores(datasets: Any, script: Any, network: Any) -> dict[str, float]:
    """evaluate_one_video.py's steps, whose own lines run at its import."""
    samplers = {
        "technical": datasets.UnifiedFrameSampler(32, 3, 2),
        "aesthetic": datasets.UnifiedFrameSampler(1, 32, 2, 1),
    }
    torch.manual_seed(SEED)
    views, _ = datasets.spatial_temporal_view_decomposition("clip.mkv", VIEWS, samplers)
    for name, view in views.items():
        clips = 3 if name == "technical" else 1
        scaled = (view.permute(1, 2, 3, 0) - script.mean) / script.std
        parts = scaled.permute(3, 0, 1, 2).reshape(3, clips, -1, *view.shape[2:])
        views[name] = parts.transpose(0, 1)
    technical, aesthetic = (float(score.mean()) for score in network(views))
    return script.fuse_results([aesthetic, technical])


def _clip() -> Tensor:
    """Blurred noise that moves."""
    noise = torch.rand(1, 3, 20, 26, generator=torch.Generator().manual_seed(1))
    wide = nn.functional.interpolate(noise, (HEIGHT, WIDTH + FRAMES), mode="bicubic").clamp(0, 1)
    frames = [wide[0, :, :, t : t + WIDTH].permute(1, 2, 0) for t in range(FRAMES)]
    return torch.stack(frames)


def _apart(mine: Tensor, other: Tensor) -> float:
    return float((mine - nn.functional.normalize(other.float(), dim=-1)[0]).abs().max())


if __name__ == "__main__":
    raise SystemExit(main())
