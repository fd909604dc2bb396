"""`vivid merge`: an adapter merged into its base, as one file or as a diffusers folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..cogvideox.adapters import load_adapters
from ..cogvideox.merge import merged_bundle, save_merged
from ..cogvideox.save import save_bundle
from ..errors import InputError, ModelError
from ..files.atomic import require_folder_target, require_writable
from ..tiny import load_model
from ..tiny.load import load_tiny
from .shared import adapter_files, add_adapter_arguments, named, require_files_apart

SUFFIXES = (".safetensors", ".sft")


def add_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("merge", help="merge adapters or LoRAs into their base model")
    parser.add_argument("--model", default="tiny", help="tiny (bundled), or a folder or file")
    parser.add_argument("--base", type=Path, help="where a single file finds VAE and text encoder")
    add_adapter_arguments(parser, required=True)
    parser.add_argument(
        "--spelling",
        choices=("comfyui", "diffusers"),
        default="comfyui",
        help="whose names the tensors of a single file have",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help=f"a {SUFFIXES[0]} file (transformer), or a new folder",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Load all, merge, write."""
    require_files_apart(arguments, reads=("model", "adapter", "base"), writes=("out",))
    is_file = arguments.out.suffix.lower() in SUFFIXES
    with named("--out"):
        if is_file:
            require_writable(arguments.out)
        else:
            require_folder_target(arguments.out)
    files = adapter_files(arguments)
    with named("--adapter", (InputError, ModelError)):
        chosen = load_adapters(files)
    # Sums have no order, and what a VIVID adapter was trained on is the base as it came.
    *others, last = sorted(chosen, key=lambda one: not one.adapter.patch_embedder)
    if arguments.model == "tiny":
        bundle = load_tiny(adapter=False)
    else:
        bundle = load_model(arguments.model, base=arguments.base)
    for one in others:
        bundle = merged_bundle(bundle, one.adapter, strength=one.strength)
    if is_file:
        options = {"strength": last.strength, "spelling": arguments.spelling}
        save_merged(arguments.out, bundle, last.adapter, **options)
    else:
        save_bundle(merged_bundle(bundle, last.adapter, strength=last.strength), arguments.out)
    print(f"written: {arguments.out}")
