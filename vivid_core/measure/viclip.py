"""Clips and captions in one space: ViCLIP, as EditVerseBench's evaluation uses it."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as pictures

from ..errors import ModelError
from ..files.modules import fill_module
from ..files.weights import WeightFile, read_folder_weights, read_weights
from .encoder import to_bytes
from .viclip_network import Viclip, ViclipShape, shape_of
from .words import Words, read_words

# Of CLIP's pictures. OpenGVLab's own demonstration has ImageNet's and squeezes frames to squares.
MEAN = (0.48145466, 0.4578275, 0.40821073)
SPREAD = (0.26862954, 0.26130258, 0.27577711)
PUBLISHED = ".pth"  # the ending of OpenGVLab's own files
TEMPERATURE = "temp"  # of training


class ViclipEncoder:
    """A ViCLIP with its words. `name` tells it in reports."""

    def __init__(self, network: Viclip, shape: ViclipShape, words: Words, *, name: str) -> None:
        self.name = name
        self._network, self._shape, self._words = network, shape, words

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        return (self._network,)

    def video(self, frames: Float[Tensor, "_ _ _ 3"]) -> Float[Tensor, " d"]:
        """The unit vector of a clip in 0..1: of eight frames, evenly taken; on the CPU."""
        wanted = self._shape.frames
        picked = [self._prepare(frames[i * len(frames) // wanted]) for i in range(wanted)]
        pixels = torch.stack(picked, dim=1)[None].to(self._device)
        with torch.no_grad():
            return _unit_vector(self._network.vision_encoder(pixels))

    def text(self, caption: str) -> Float[Tensor, " d"]:
        """The unit vector of a caption, cut after as many words as the model reads."""
        numbers, length = self._words.numbers(caption), self._shape.length
        if len(numbers) > length:
            numbers = [*numbers[: length - 1], numbers[-1]]
        with torch.no_grad():
            tokens = torch.tensor([numbers], device=self._device)
            return _unit_vector(self._network.text_encoder(tokens))

    def is_cut(self, caption: str) -> bool:
        """Whether a caption is longer than the model reads."""
        return len(self._words.numbers(caption)) > self._shape.length

    @property
    def _device(self) -> torch.device:
        return self._network.text_encoder.positional_embedding.device

    def _prepare(self, frame: Float[Tensor, "_ _ 3"]) -> Float[Tensor, "3 _ _"]:
        """The middle square of a frame, as CLIP prepares pictures."""
        side = self._shape.side
        picture = pictures.to_pil_image(to_bytes(frame))
        small = pictures.resize(picture, [side], interpolation=InterpolationMode.BICUBIC)  # pyright: ignore[reportArgumentType]
        square = pictures.to_tensor(pictures.center_crop(small, [side, side]))  # pyright: ignore[reportArgumentType]
        return pictures.normalize(square, list(MEAN), list(SPREAD))


def load_viclip(place: Path, *, device: torch.device) -> ViclipEncoder:
    """ViCLIP, large or base, from a folder with weights and words or from weights beside these.

    Raises ModelError for what is no complete ViCLIP; nothing but tensors is read.
    """
    if not place.exists():
        raise ModelError(
            f"{place}: there is no such folder or file: give the folder of "
            "OpenGVLab/ViCLIP-L-14-hf, or OpenGVLab's .pth with its words beside it"
        )
    tensors = _weights(place).tensors
    tensors.pop(TEMPERATURE, None)
    try:
        shape = shape_of({name: tuple(tensor.shape) for name, tensor in tensors.items()})
        network = fill_module(lambda: Viclip(shape), tensors, what="ViCLIP", dtype=torch.float32)
    except ModelError as error:
        raise ModelError(f"{place}: {error}") from error
    words = read_words(place if place.is_dir() else place.parent)
    if len(words) != shape.words:
        raise ModelError(
            f"{place}: knows {shape.words} words, and the list of them beside it has "
            f"{len(words)}: give the list that belongs to it"
        )
    assert isinstance(network, Viclip)
    return ViclipEncoder(network.to(device), shape, words, name=place.name)


def _weights(place: Path) -> WeightFile:
    if not place.is_dir():
        return read_weights(place)
    published = sorted(path for path in place.iterdir() if path.suffix.lower() == PUBLISHED)
    if len(published) == 1 and not any(place.glob("*.safetensors*")):
        return read_weights(published[0])
    return read_folder_weights(place)


def _unit_vector(vectors: Float[Tensor, "1 d"]) -> Float[Tensor, " d"]:
    return torch.nn.functional.normalize(vectors.float(), dim=-1)[0].cpu()
