"""Which device and number format a model runs in, and how much memory is free there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from selfie_tui.errors import LoadError, SelfieError

DTYPES = {
    "float32": torch.float32,
    "fp32": torch.float32,
    "float16": torch.float16,
    "fp16": torch.float16,
    "bfloat16": torch.bfloat16,
    "bf16": torch.bfloat16,
    "float64": torch.float64,
}
SHORT_NAMES = {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16", torch.float64: "fp64"}

TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4, torch.float16: 3e-2, torch.bfloat16: 1e-1}
"""Largest difference, relative to the largest number, that rounding explains."""


def rounding_tolerance(dtype: torch.dtype) -> float:
    """Largest difference of logits, relative to the largest, that rounding explains in a number format."""
    return TOLERANCE.get(dtype, 1e-1)


def short_name(dtype: torch.dtype) -> str:
    """How a number format is written: `bf16`, and PyTorch's own name of one that has no short one."""
    return SHORT_NAMES.get(dtype, str(dtype).removeprefix("torch."))


def available_devices() -> tuple[str, ...]:
    """The devices of this machine, best first: MPS, CUDA, CPU."""
    found = []
    if torch.backends.mps.is_available():
        found.append("mps")
    if torch.cuda.is_available():
        found.append("cuda")
    return (*found, "cpu")


def pick_device(name: str = "auto") -> tuple[torch.device, str]:
    """The device of a name and, where another one takes its part, a sentence that says so.

    Raises:
        LoadError: if `name` is not the name of a device.
    """
    present = available_devices()
    if name == "auto":
        return torch.device(present[0]), ""
    kind, colon, index = name.partition(":")
    if kind not in ("mps", "cuda", "cpu") or (colon and not (index.isascii() and index.isdigit())):
        raise LoadError(f"Invalid device “{name}”.", "Use cuda, cuda:1, mps, cpu or auto.")
    if kind not in present:
        return torch.device("cpu"), f"{kind} is not available on this machine: running on the CPU."
    if kind == "cuda" and index and int(index) >= torch.cuda.device_count():
        return torch.device("cuda:0"), f"{name} is not available on this machine: running on cuda:0."
    return torch.device(name if kind == "cuda" else kind), ""


def pick_dtype(name: str = "auto") -> torch.dtype | str:
    """The torch dtype for a name, or `auto` for the checkpoint's own.

    Raises:
        LoadError: if `name` is not the name of a number format.
    """
    if name == "auto":
        return "auto"
    if name not in DTYPES:
        raise LoadError(f"Invalid number format “{name}”.", f"Use one of: auto, {', '.join(DTYPES)}.")
    return DTYPES[name]


def free_memory(device: torch.device) -> int | None:
    """Bytes that are free on a device, or None where the system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory())
    try:
        available = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    except OSError:
        return None
    return int(available[1]) * 1024 if available else None


SIGNS_OF_NO_MEMORY = ("out of memory", "allocate memory", "ALLOC_FAILED")
"""What CUDA and MPS, the CPU allocator and cuBLAS write into a `RuntimeError` of no kind of its own."""


SIGNS_OF_NO_DEVICE = (
    "not linked with support",
    "not compiled with",
    "No CUDA GPUs are available",
    "Found no NVIDIA driver",
    "driver version",
    "invalid device ordinal",
    "no kernel image is available",
    "MPS backend is supported on",
    "doesn't support float64",
    "CUDA-capable device",
)
"""What torch writes into an error of a device that this build, driver or system cannot use."""


def device_unavailable(error: Exception) -> bool:
    """Whether an error says that torch cannot use a device here, or not with the model's number format."""
    return any(sign in str(error) for sign in SIGNS_OF_NO_DEVICE)


class OutOfMemory(SelfieError):  # noqa: N818 - a condition that the engine answers with a smaller batch
    """The device is out of memory; `details` is its own message."""

    def __init__(self, details: str) -> None:
        super().__init__(
            "There is not enough memory.",
            "Close other programs, load a smaller model or a smaller number format, or shorten the prompts.",
        )
        self.details = details


@contextmanager
def memory_errors() -> Iterator[None]:
    """While open, turns every error by which a device reports that it is out of memory into `OutOfMemory`."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise OutOfMemory(str(error)) from error
    except RuntimeError as error:
        if not any(sign in str(error) for sign in SIGNS_OF_NO_MEMORY):
            raise
        raise OutOfMemory(str(error)) from error


def release_memory(device: torch.device) -> None:
    """Give cached blocks back to the device after a failed allocation."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
