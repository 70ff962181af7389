"""The devices of this machine, for a user at a prompt."""

from __future__ import annotations

import torch

from selfie_tui.cores import usable_cores
from selfie_tui.engine.devices import available_devices, free_memory

NAMES = {"mps": "Apple Silicon", "cuda": "NVIDIA GPU", "cpu": "processor"}


def get_optimal_device() -> str:
    """The best device of this machine: `mps`, `cuda` or `cpu`, in this order."""
    return available_devices()[0]


def print_device_info() -> None:
    """Print each kind of device, best first, with what it is and its free memory, and the one that will be used."""
    present = available_devices()
    print(f"PyTorch {torch.__version__}")
    for kind, name in NAMES.items():
        print(f"{kind:5} {describe_device(kind, name) if kind in present else f'{name}: not available'}")
    print(f"models are loaded to: {get_optimal_device()}")


def describe_device(kind: str, name: str) -> str:
    """The name of a device and its free memory."""
    if kind == "cuda":
        name = f"{torch.cuda.device_count()} x {torch.cuda.get_device_name()}"
    elif kind == "cpu":
        name = f"{usable_cores()} cores"
    free = free_memory(torch.device(kind))
    return name if free is None else f"{name}, {free / 2**30:.1f} GiB free"
