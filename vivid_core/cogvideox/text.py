"""Captions to embeddings, with clear words for captions the text encoder cannot read."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import CaptionError
from .bundle import ModelBundle

# VIVID, app. A.1: the one caption of every deletion sample.
DELETE_CAPTION = "Remove objects and generate areas that blend with the background."


@dataclass(frozen=True, kw_only=True)
class EncodedCaption:
    """Embeddings [1, tokens, width] and the words the model does not know."""

    embeds: Float[Tensor, "1 n d"]
    unknown_words: tuple[str, ...]


@torch.no_grad()
def encode_caption(bundle: ModelBundle, caption: str, *, argument: str) -> EncodedCaption:
    """Embed one caption, padded to the model's text length.

    Words outside a closed vocabulary are left out and named. No caption at all is zeros to models
    that were trained so. Raises CaptionError if the caption is longer than the text encoder reads.
    """
    if bundle.blank_is_zeros and not caption.strip():
        return EncodedCaption(embeds=_nothing(bundle), unknown_words=())
    require_readable(bundle, caption, argument=argument)
    caption, unknown = _without_unknown_words(caption, bundle.known_words)
    ids = bundle.tokenizer(
        caption, padding="max_length", max_length=bundle.max_text_tokens, return_tensors="pt"
    ).input_ids
    device = next(bundle.text_encoder.parameters()).device
    embeds = bundle.text_encoder(ids.to(device))[0]
    return EncodedCaption(embeds=embeds.to(bundle.dtype), unknown_words=unknown)


def _nothing(bundle: ModelBundle) -> Float[Tensor, "1 n d"]:
    width = int(bundle.text_encoder.config.d_model)
    return torch.zeros(1, bundle.max_text_tokens, width, dtype=bundle.dtype)


def require_readable(bundle: ModelBundle, caption: str, *, argument: str) -> None:
    """Raise CaptionError for a caption that is longer than the text encoder reads."""
    known, _ = _without_unknown_words(caption, bundle.known_words)
    tokens = len(bundle.tokenizer(known).input_ids)
    if tokens > bundle.max_text_tokens:
        raise CaptionError(
            argument,
            f"has {len(known.split())} words ({tokens} tokens), the model reads "
            f"{bundle.max_text_tokens} tokens: shorten it",
        )


def unknown_words(bundle: ModelBundle, caption: str) -> tuple[str, ...]:
    """Words of a caption outside a closed vocabulary."""
    return _without_unknown_words(caption, bundle.known_words)[1]


def _without_unknown_words(
    caption: str, known: frozenset[str] | None
) -> tuple[str, tuple[str, ...]]:
    if known is None:
        return caption, ()
    words = re.findall(r"\w+", caption.lower())
    unknown = tuple(dict.fromkeys(w for w in words if w not in known))
    return " ".join(w for w in words if w in known), unknown
