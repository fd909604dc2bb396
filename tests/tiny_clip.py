"""A CLIP model of the real class with random weights, small enough to be made for a test."""

from __future__ import annotations

import json
from pathlib import Path

import torch

SIDE, WIDTH = 32, 32  # pixels of its pictures; of its layers
PRINTABLE = [chr(code) for code in range(33, 127)]
SPECIAL = ("<|startoftext|>", "<|endoftext|>")


def save_tiny_clip(folder: Path) -> Path:
    """Configuration, weights, tokenizer (one token a character) and picture processor."""
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    folder.mkdir(parents=True)
    words = [*PRINTABLE, *(character + "</w>" for character in PRINTABLE), *SPECIAL]
    start, end = len(words) - 2, len(words) - 1
    shape = {
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    text = {
        **shape,
        "vocab_size": len(words),
        "bos_token_id": start,
        "eos_token_id": end,
        "pad_token_id": end,
    }
    vision = {**shape, "image_size": SIDE, "patch_size": 8}
    torch.manual_seed(0)
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)
    CLIPModel(config).save_pretrained(folder)
    CLIPImageProcessor(
        size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}
    ).save_pretrained(folder)
    _save_tokenizer(folder, {word: i for i, word in enumerate(words)})
    return folder


def _save_tokenizer(folder: Path, vocabulary: dict[str, int]) -> None:
    settings = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": 77,
        "bos_token": SPECIAL[0],
        **dict.fromkeys(("eos_token", "pad_token", "unk_token"), SPECIAL[1]),
    }
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
