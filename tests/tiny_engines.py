"""Models that see, of the real classes with random weights, small enough to be made for a test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

WORDS = [
    "a",
    "dog",
    "sky",
    "cat",
    "traffic",
    "light",
    "what",
    "does",
    "the",
    "image",
    "describe",
    ".",
    "?",
]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def save_tiny_dino(folder: Path) -> Path:
    """Grounding DINO with a Swin of two stages, one layer of everything, and a BERT."""
    from transformers import (
        BertConfig,
        BertTokenizerFast,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoImageProcessor,
        GroundingDinoProcessor,
        SwinConfig,
    )

    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join([*SPECIAL, *WORDS]))
    backbone = SwinConfig(
        image_size=64,
        window_size=4,
        embed_dim=16,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 1, 1],
        out_features=["stage2", "stage3", "stage4"],
    )
    text = BertConfig(
        vocab_size=len(SPECIAL) + len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
    )
    torch.manual_seed(0)
    config = GroundingDinoConfig(
        backbone_config=backbone,
        text_config=text,
        num_queries=12,
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        num_feature_levels=4,
        max_text_len=32,
    )
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    GroundingDinoProcessor(
        GroundingDinoImageProcessor(size={"shortest_edge": 64, "longest_edge": 96}),
        BertTokenizerFast(str(folder / "vocab.txt")),
    ).save_pretrained(folder)
    return folder


def _byte_tokenizer(extra: dict[str, str]) -> Any:
    """One token a byte, and special ones by name."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    known = ["<s>", "<pad>", "</s>", "<unk>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE({word: i for i, word in enumerate(known)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=512,
        extra_special_tokens=extra,
    )


def save_tiny_florence(folder: Path) -> Path:
    """Florence-2 with a DaViT and a BART of one layer a stage."""
    from transformers import (
        BartConfig,
        CLIPImageProcessor,
        Florence2Config,
        Florence2ForConditionalGeneration,
        Florence2Processor,
    )

    folder.mkdir(parents=True)
    tokenizer = _byte_tokenizer({"image_token": "<image>"})
    vision = {
        "depths": [1, 1, 1, 1],
        "embed_dim": [8, 8, 8, 16],
        "num_heads": [1, 1, 1, 1],
        "num_groups": [1, 1, 1, 1],
        "window_size": 2,
        "projection_dim": 16,
    }
    text = BartConfig(
        vocab_size=len(tokenizer),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_position_embeddings=256,
    )
    torch.manual_seed(0)
    config = Florence2Config(
        vision_config=vision, text_config=text, image_token_id=tokenizer.image_token_id
    )
    Florence2ForConditionalGeneration(config).save_pretrained(folder)
    pictures = CLIPImageProcessor(
        size={"height": 64, "width": 64}, do_center_crop=False, image_seq_length=5
    )
    tasks = ("pure_text", "description_with_bboxes", "phrase_grounding")
    Florence2Processor(
        pictures, tokenizer, post_processor_config={task: {} for task in tasks}
    ).save_pretrained(folder)
    return folder


def make_florence_say(folder: Path, labels: Sequence[str]) -> Path:
    """Let a tiny Florence find these labels in every picture, whatever it is asked.

    Its decoder keeps nothing but the place of a token, which stands for the token to come.
    """
    from safetensors.torch import load_file, save_file
    from transformers import AutoProcessor

    tokenizer = AutoProcessor.from_pretrained(folder).tokenizer
    answer = "".join(f"{label}<loc_10><loc_10><loc_900><loc_900>" for label in labels)
    tokens = [*tokenizer(answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    path = folder / "model.safetensors"
    tensors = load_file(path)
    for name in tensors:
        if ".decoder.layers." in name and (".out_proj." in name or ".fc2." in name):
            tensors[name] = torch.zeros_like(tensors[name])
    prefix = "model.language_model."
    words = tensors[f"{prefix}shared.weight"]
    words = 8 * torch.nn.functional.normalize(words - words.mean(dim=1, keepdim=True), dim=1)
    places = tensors[f"{prefix}decoder.embed_positions.weight"]
    offset = 2  # of BART's positions
    places[offset : offset + len(tokens)] = 1e4 * words[tokens]
    tensors[f"{prefix}shared.weight"] = words
    for name in (f"{prefix}encoder.embed_tokens.weight", f"{prefix}decoder.embed_tokens.weight"):
        if name in tensors:
            tensors[name] = words.clone()
    if "lm_head.weight" in tensors:
        tensors["lm_head.weight"] = words.clone()
    save_file(tensors, path, metadata={"format": "pt"})
    return folder


def save_tiny_internvl(folder: Path) -> Path:
    """InternVL with one layer of vision and a Qwen2 of one layer."""
    from transformers import (
        GotOcr2ImageProcessor,
        InternVLConfig,
        InternVLForConditionalGeneration,
        InternVLProcessor,
        InternVLVideoProcessor,
    )

    folder.mkdir(parents=True)
    names = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    tokenizer = _byte_tokenizer(names)
    vision = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": [32, 32],
        "patch_size": [8, 8],
    }
    text = {
        "model_type": "qwen2",
        "vocab_size": len(tokenizer),
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "pad_token_id": 1,
    }
    torch.manual_seed(0)
    config = InternVLConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
    )
    InternVLForConditionalGeneration(config).save_pretrained(folder)
    template = (
        "{% for m in messages %}{% for c in m['content'] %}"
        "{% if c['type'] == 'image' %}<IMG_CONTEXT>\n{% else %}{{ c['text'] }}{% endif %}"
        "{% endfor %}{% endfor %}"
    )
    InternVLProcessor(
        GotOcr2ImageProcessor(size={"height": 32, "width": 32}, max_patches=2),
        tokenizer,
        InternVLVideoProcessor(size={"height": 32, "width": 32}),
        image_seq_length=4,
        chat_template=template,
    ).save_pretrained(folder)
    return folder
