"""`vivid train`: an adapter from a folder of clips, or one stage of vivid-tiny; resumes."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType

import torch

from ..cogvideox.adapter import Adapter, load_adapter
from ..cogvideox.load import load_bundle
from ..cogvideox.model import CogVideoX
from ..files.parse import read_yaml
from ..runtime import Runtime
from ..tiny import load_model
from ..tiny.load import ADAPTER_FILE, TINY_WEIGHTS, load_tiny
from ..tiny.recipe.config import load_config
from ..tiny.recipe.stages import run_stage
from ..train.adapter.config import AdapterConfig, load_adapter_config
from ..train.adapter.cost import training_cost
from ..train.adapter.model import require_trainable
from ..train.adapter.run import require_inputs_apart, train_adapter
from ..train.processes import Processes, launched_count, launched_device, open_processes
from .shared import device_named, runtime_for

TINY = "tiny"


class _Stopped(Exception):  # noqa: N818
    """Ctrl-C or SIGTERM came, and what had to be saved is saved."""


def add_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "train",
        help="train an adapter, or a stage of vivid-tiny, from a YAML file",
        description="Trains what the YAML file says: an adapter where it names 'data', a folder of "
        "clips; a stage of vivid-tiny where it names 'stage'. Run again, it goes on where it was. "
        "In several processes: accelerate launch -m vivid_core.train CONFIG.yaml",
    )
    parser.add_argument("config", type=Path)
    parser.add_argument(
        "--plan",
        action="store_true",
        help="tell memory and PFLOPs of the adapter's training, and train nothing",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Train; Ctrl-C or SIGTERM saves the state and stops cleanly."""
    if arguments.plan:
        print(_plan(load_adapter_config(arguments.config)))
        return
    wanted = _stop_on_signals()
    if "stage" in read_yaml(arguments.config):
        run_stage(load_config(arguments.config), should_stop=wanted)
        return
    config = load_adapter_config(arguments.config)
    require_inputs_apart(config, arguments.config)
    device = launched_device(config.device) or device_named(config.device)
    bundle = _load(config, device)
    processes = open_processes(device, bundle.dtype)
    try:
        report = _train(bundle, config, _runtime(device, processes, wanted), processes)
    except _Stopped:
        report = f"stopped: run it again to go on; so far: {config.out}"
    if processes.main:
        print(report)
    processes.close()


def _plan(config: AdapterConfig) -> str:
    """On as many devices as there are processes, if this was launched with several.

    The weights are read, for the precision that the device would train them in, and not moved.
    """
    device = device_named(config.device)
    if config.model == TINY:
        bundle = load_tiny(adapter=False)
    else:
        bundle = load_bundle(Path(config.model), base=config.base, device=device, offload="host")
    require_trainable(bundle, config.layout)
    return training_cost(bundle, config, processes=launched_count()).text


def _train(bundle: CogVideoX, config: AdapterConfig, runtime: Runtime, processes: Processes) -> str:
    start = _start(config)
    return train_adapter(bundle, config, runtime, start=start, processes=processes).report


def _runtime(device: torch.device, processes: Processes, wanted: Callable[[], bool]) -> Runtime:
    """Of all processes the main one shows how far it is."""

    def check() -> None:
        if wanted():
            raise _Stopped

    runtime = runtime_for(device) if processes.main else Runtime(device=device)
    return replace(runtime, check_cancelled=check)


def _load(config: AdapterConfig, device: torch.device) -> CogVideoX:
    if config.model == TINY:
        return load_tiny(adapter=False, device=device)
    if not (config.base_fp8 or config.shard_base):
        return load_model(config.model, base=config.base, device=device)
    # The transformer waits in main memory: the device sees it in 8 bits, or a part of it, only.
    bundle = load_bundle(Path(config.model), base=config.base, device=device, offload="host")
    return bundle.with_(vae=bundle.vae.to(device), text_encoder=bundle.text_encoder.to(device))


def _start(config: AdapterConfig) -> Adapter | None:
    if config.start_from is None:
        return None
    bundled = config.start_from == TINY
    return load_adapter(TINY_WEIGHTS / ADAPTER_FILE if bundled else Path(config.start_from))


def _stop_on_signals() -> Callable[[], bool]:
    """Whether Ctrl-C or SIGTERM came since."""
    stopping = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, stop)
    return lambda: stopping
