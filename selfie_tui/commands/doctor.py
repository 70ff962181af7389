"""`selfie-tui doctor`: show versions, devices and folders; with a model, verify it."""

from __future__ import annotations

import argparse
import os
import platform

from selfie_tui import __version__, paths
from selfie_tui.commands.client import DONE, NO_MODEL, WRONG_USAGE, narrate
from selfie_tui.commands.model_options import add_layer_paths, add_placement
from selfie_tui.cores import usable_cores
from selfie_tui.errors import SelfieError
from selfie_tui.parse import parse_block_paths
from selfie_tui.precision import BF16
from selfie_tui.records import BlockPaths
from selfie_tui.results.entries import package_version
from selfie_tui.text import prose

PACKAGES = (
    "textual",
    "torch",
    "transformers",
    "nnsight",
    "tokenizers",
    "safetensors",
    "huggingface_hub",
    "numpy",
    "gguf",
    "peft",
)


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Fill in the command's grammar."""
    command.add_argument("model_name", nargs="?", metavar="MODEL", help="open this model and print the verdict")
    add_placement(command)
    add_layer_paths(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do the command and return its exit code."""
    try:
        layer_paths = parse_block_paths(arguments.layer_paths)
    except SelfieError as error:
        narrate(str(error))
        return WRONG_USAGE
    return run_doctor(arguments.model_name, arguments.device, arguments.dtype, layer_paths)


def run_doctor(model_name: str | None, device: str = "auto", dtype: str = "auto", layer_paths: BlockPaths = ()) -> int:
    """Print versions, devices and folders, and the model of a name; 0, or 3 if it cannot be opened."""
    row("selfie-tui", __version__)
    row("python", f"{platform.python_version()} · {platform.system()} {platform.machine()} · {usable_cores()} cores")
    for package in PACKAGES:
        row(package, package_version(package))
    row("terminal", f"TERM={os.environ.get('TERM', '')} COLORTERM={os.environ.get('COLORTERM', '')}")
    for name, folder in (
        ("config", paths.config_dir()),
        ("themes", paths.user_themes_dir()),
        ("presets", paths.user_presets_dir()),
        ("state", paths.state_dir()),
        ("sessions", paths.sessions_dir()),
        ("calibrations", paths.calibrations_dir()),
        ("indexes", paths.history_dir()),
        ("log", paths.log_file()),
        ("hub cache", paths.hub_cache_dir()),
    ):
        row(name, f"{folder}{'' if folder.exists() else ' (does not exist yet)'}")
    devices()
    return model(model_name, device, dtype, layer_paths) if model_name else DONE


def devices() -> None:
    """The devices that a model can run on, best first, with their free memory."""
    import torch

    from selfie_tui.engine.devices import available_devices, free_memory

    for name in available_devices():
        free = free_memory(torch.device(name))
        row(f"device {name}", "" if free is None else f"{free / 2**30:.1f} GiB free")


def model(name: str, device: str, dtype: str, layer_paths: BlockPaths) -> int:
    """Open a model and print its parts, revision and verdict; 0, or 3 if it cannot be opened."""
    from selfie_tui.engine.loading.load import load

    try:
        opened = load(name, device=device, dtype=dtype, layer_paths=dict(layer_paths) or None, report=Steps())
    except SelfieError as error:
        narrate(str(error))
        return NO_MODEL
    info = opened.info()
    row("model", f"{info.name} ({info.family}, {info.parameters / 1e6:.1f} M parameters)")
    if info.adapter:
        row("adapter", f"{info.adapter} on {info.base}")
    row("kind", info.kind)
    for stack in opened.anatomy.stacks:
        tail = opened.unembedding(stack.name)
        row(f"{stack.name} blocks", f"{stack.path}: {len(stack.blocks)} layers of width {stack.width}")
        after = [type(module).__name__ for module in (*tail.modules, tail.head)] if tail else ["read through the model"]
        row("after them", " → ".join(after))
    row("runs on", f"{info.device} · {info.dtype}")
    if info.dtype in ("bf16", "fp16"):
        row("rounding", BF16)
    row("revision", info.revision)
    row("verdict", info.verdict)
    for notice in opened.notices:
        narrate(notice)
    return DONE


class Steps:
    """A report of loading that prints each step once on stderr, however often it is reported."""

    def __init__(self) -> None:
        self.last = ""

    def __call__(self, step: str, fraction: float | None) -> None:
        if step != self.last:
            narrate(f"… {step}")
        self.last = step


def row(name: str, value: str) -> None:
    """One aligned line."""
    print(f"{name:16}{prose(value)}")
