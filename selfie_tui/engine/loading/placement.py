"""Where and in what number format weights are put: one device or all GPUs, as stored, converted, or quantised."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch

from selfie_tui.engine.devices import DTYPES, free_memory, pick_device, pick_dtype
from selfie_tui.errors import LoadError

ALL = "all"
"""The device that stands for all GPUs, over which the blocks are spread."""

QUANTISED = {"8bit": 1.0, "4bit": 0.5}
"""Number formats of bitsandbytes, with their bytes a weight."""


@dataclass(frozen=True)
class Placement:
    """A device, whether the model is spread over all GPUs, and a number format.

    `notice` says why the device is another than the one that was named, and is empty otherwise.
    """

    device: torch.device
    spread: bool
    dtype: torch.dtype | str
    notice: str = ""

    @property
    def quantised(self) -> bool:
        """Whether the weights are stored in 8 or 4 bit."""
        return self.dtype in QUANTISED

    @property
    def placed_while_read(self) -> bool:
        """Whether transformers puts the weights where they belong while it reads them."""
        return self.spread or self.quantised

    def bytes_a_weight(self, stored: torch.dtype | None) -> float | None:
        """Bytes of a weight in memory over those in the file, None where the file's own format is kept."""
        own = stored.itemsize if stored is not None else None
        if isinstance(self.dtype, str):
            return QUANTISED[self.dtype] / own if self.dtype in QUANTISED and own else None
        return self.dtype.itemsize / own if own else None

    def free_memory(self) -> int | None:
        """Bytes that are free on the device, or on all GPUs together; None where the system does not say."""
        if not self.spread:
            return free_memory(self.device)
        return sum(free_memory(torch.device("cuda", index)) or 0 for index in range(torch.cuda.device_count()))

    def options(self) -> dict[str, Any]:
        """Keyword arguments of `from_pretrained`."""
        if not self.placed_while_read:
            return {"dtype": self.dtype}
        options: dict[str, Any] = {"device_map": "auto" if self.spread else {"": self.device}}
        if not self.quantised:
            return options | {"dtype": self.dtype}
        from transformers import BitsAndBytesConfig

        eight = self.dtype == "8bit"
        four = {} if eight else {"bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": torch.bfloat16}
        return options | {"quantization_config": BitsAndBytesConfig(load_in_8bit=eight, load_in_4bit=not eight, **four)}


def resolve_placement(device: str, dtype: str) -> Placement:
    """The placement that the names of a device and of a number format stand for.

    Raises:
        LoadError: for an invalid name, or if a library or a GPU that the format needs is missing.
    """
    if dtype not in ("auto", *DTYPES, *QUANTISED):
        raise LoadError(f"Invalid number format “{dtype}”.", f"Use one of: auto, {', '.join([*DTYPES, *QUANTISED])}.")
    spread = device == ALL
    if spread and not torch.cuda.is_available():
        target, notice = torch.device("cpu"), "No GPU to spread the model over: running on the CPU."
        spread = False
    elif spread:
        target, notice = torch.device("cuda", 0), ""
    else:
        target, notice = pick_device(device)
    if dtype in QUANTISED:
        if target.type != "cuda":
            raise LoadError(f"{dtype} needs a CUDA GPU, and the model goes to {target}.", "Choose bf16, fp16 or fp32.")
        need("bitsandbytes", f"{dtype} weights")
        need("accelerate", f"{dtype} weights")
    elif spread:
        need("accelerate", "A model spread over several GPUs")
    return Placement(target, spread, dtype if dtype in QUANTISED else pick_dtype(dtype), notice)


def need(library: str, what: str) -> None:
    """Refuse what needs a library that is not installed."""
    if find_spec(library) is None:
        raise LoadError(f"{what} need {library}, which is not installed.", f"Install it: pip install {library}.")
