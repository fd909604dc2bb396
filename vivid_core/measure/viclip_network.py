"""ViCLIP's network (Wang et al. 2024, InternVid): CLIP whose pictures are patches of eight frames.

Names of layers are those of the published weights.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..errors import ModelError
from ..files.weights import describe

HEAD_WIDTH = 64  # of the attention, in CLIP of every size
VIDEO, TEXT = "vision_encoder", "text_encoder"
# What tells the sizes, and how many dimensions it has.
_TELLING = {
    f"{VIDEO}.conv1.weight": 5,
    f"{VIDEO}.positional_embedding": 2,
    f"{VIDEO}.temporal_positional_embedding": 3,
    f"{VIDEO}.proj": 2,
    f"{TEXT}.token_embedding.weight": 2,
    f"{TEXT}.positional_embedding": 2,
    f"{TEXT}.text_projection": 2,
}


@dataclass(frozen=True, kw_only=True)
class ViclipShape:
    """Sizes: of the clip (`grid` patches of `patch` pixels a side), of the text, of the vectors."""

    frames: int
    grid: int
    patch: int
    video_width: int
    video_layers: int
    words: int
    length: int
    text_width: int
    text_layers: int
    vector: int

    @property
    def side(self) -> int:
        """Of a frame, in pixels."""
        return self.grid * self.patch


def shape_of(shapes: Mapping[str, tuple[int, ...]]) -> ViclipShape:
    """The sizes that tensors tell. Raises ModelError for those of another model."""
    wrong = [name for name, count in _TELLING.items() if len(shapes.get(name, ())) != count]
    if wrong:
        raise ModelError(
            f"is no ViCLIP: {wrong[0]} is missing or of another shape; the file looks like "
            f"{describe(shapes)}: OpenGVLab/ViCLIP-L-14-hf is one"
        )
    patches, places, times, _, words, order, joint = (shapes[name] for name in _TELLING)
    found = ViclipShape(
        frames=times[1],
        grid=isqrt(max(places[0] - 1, 0)),
        patch=patches[-1],
        video_width=patches[0],
        video_layers=_layers(shapes, VIDEO),
        words=words[0],
        length=order[0],
        text_width=words[1],
        text_layers=_layers(shapes, TEXT),
        vector=joint[1],
    )
    if min(found.frames, found.side, found.length - 2) < 1 or found.grid**2 + 1 != places[0]:
        raise ModelError(
            f"is no ViCLIP: its positions are {list(places)} of patches, {list(times)} of frames "
            f"and {list(order)} of words: download it again"
        )
    return found


def _layers(shapes: Mapping[str, tuple[int, ...]], tower: str) -> int:
    name = re.compile(rf"{tower}\.transformer\.resblocks\.(\d+)\.")
    return len({found[1] for found in map(name.match, shapes) if found})


class Viclip(nn.Module):
    """Both halves, under the names of the published weights."""

    def __init__(self, shape: ViclipShape) -> None:
        super().__init__()
        self.vision_encoder = VideoTower(shape)
        self.text_encoder = TextTower(shape)


class QuickGelu(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, max(1, width // HEAD_WIDTH), batch_first=True)
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        wide = 4 * width
        layers = (
            ("c_fc", nn.Linear(width, wide)),
            ("gelu", QuickGelu()),
            ("c_proj", nn.Linear(wide, width)),
        )
        self.mlp = nn.Sequential(OrderedDict[str, nn.Module](layers))

    def forward(self, x: Float[Tensor, "b n d"], mask: Tensor | None) -> Float[Tensor, "b n d"]:
        seen = self.ln_1(x)
        x = x + self.attn(seen, seen, seen, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(self.ln_2(x))


class Blocks(nn.Module):
    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(Block(width) for _ in range(layers))

    def forward(
        self, x: Float[Tensor, "b n d"], mask: Tensor | None = None
    ) -> Float[Tensor, "b n d"]:
        for block in self.resblocks:
            x = block(x, mask)
        return x


class VideoTower(nn.Module):
    """Patches of all frames look at each other; the vector is of the token before them."""

    def __init__(self, shape: ViclipShape) -> None:
        super().__init__()
        width, patch = shape.video_width, (1, shape.patch, shape.patch)
        self.conv1 = nn.Conv3d(3, width, patch, patch, bias=False)
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.positional_embedding = nn.Parameter(torch.empty(shape.grid**2 + 1, width))
        self.temporal_positional_embedding = nn.Parameter(torch.empty(1, shape.frames, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = Blocks(width, shape.video_layers)
        self.proj = nn.Parameter(torch.empty(width, shape.vector))

    def forward(self, pixels: Float[Tensor, "b 3 t h w"]) -> Float[Tensor, "b d"]:
        """Of as many frames as there are positions in time, as ViCLIP wants its pixels."""
        patches = rearrange(self.conv1(pixels), "b d t h w -> b (h w) t d")
        patches = patches + self.positional_embedding[1:, None]
        patches = patches + self.temporal_positional_embedding
        first = (self.class_embedding + self.positional_embedding[0]).expand(len(pixels), 1, -1)
        x = torch.cat([first, rearrange(patches, "b n t d -> b (n t) d")], dim=1)
        return self.ln_post(self.transformer(self.ln_pre(x)))[:, 0] @ self.proj


class TextTower(nn.Module):
    """Each word sees those before it; the vector is of the last one, which ends the text."""

    def __init__(self, shape: ViclipShape) -> None:
        super().__init__()
        width = shape.text_width
        self.token_embedding = nn.Embedding(shape.words, width)
        self.positional_embedding = nn.Parameter(torch.empty(shape.length, width))
        self.transformer = Blocks(width, shape.text_layers)
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.empty(width, shape.vector))

    def forward(self, numbers: Int[Tensor, "b n"]) -> Float[Tensor, "b d"]:
        count = numbers.shape[1]
        x = self.token_embedding(numbers) + self.positional_embedding[:count]
        later = torch.full((count, count), float("-inf"), device=x.device).triu(1)
        return self.ln_final(self.transformer(x, later))[:, -1] @ self.text_projection
