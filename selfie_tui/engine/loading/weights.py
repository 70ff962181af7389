"""A model's weights: whether they are there, fit into memory and belong to its configuration, and their module."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from safetensors import SafetensorError, safe_open
from transformers import GenerationConfig

from selfie_tui.engine.devices import OutOfMemory, memory_errors
from selfie_tui.engine.loading.checkpoint import weights_of
from selfie_tui.engine.loading.locate import ProgressReport
from selfie_tui.engine.loading.placement import Placement
from selfie_tui.errors import Cancelled, LoadError, summary
from selfie_tui.records import NEEDS

GIB = 2**30
GENERATION_CONFIG = "generation_config.json"


def check_weights(folder: Path, name: str) -> None:
    """Refuse a folder without weights, or which lacks a part of them, or whose safetensors cannot be opened."""
    files = weights_of(folder)
    if not files:
        raise LoadError(
            f"{name} has no weights: no model.safetensors and no pytorch_model.bin in {folder}.",
            "Download or save the weights into that folder.",
        )
    if lacking := [path.name for path in files if not path.is_file()]:
        raise LoadError(
            f"{name} lacks {len(lacking)} of the {len(files)} files of its weights, such as {lacking[0]}.",
            f"Download or copy what is missing into {folder}.",
        )
    for path in files:
        if path.suffix == ".safetensors":
            try:
                with safe_open(path, framework="pt"):
                    continue
            except (SafetensorError, OSError) as error:
                raise LoadError(
                    f"{path.name} of {name} is corrupt or incomplete ({summary(error)}).",
                    "Delete that file and download it again.",
                ) from error


def needed_bytes(folder: Path, config: Any, placement: Placement) -> int:
    """Bytes that the weights of a folder take in memory."""
    widths = placement.bytes_a_weight(getattr(config, "dtype", None)) or 1.0
    return int(sum(path.stat().st_size for path in weights_of(folder)) * widths)


def check_memory(needed: int, placement: Placement, report: ProgressReport) -> None:
    """Report how much memory weights of so many bytes take, and refuse them where the device has less free."""
    free = placement.free_memory()
    if free is None:
        report(f"{NEEDS}{size_text(needed)}", None)
        return
    report(f"{NEEDS}{size_text(needed)}, and {placement.device} has {size_text(free)} free", None)
    if needed > free:
        raise LoadError(
            f"The weights need {needed / GIB:.1f} GiB and {placement.device} has {free / GIB:.1f} GiB free.",
            "Close other programs, choose a smaller number format or another device, or load a smaller model.",
        )


def size_text(size: int) -> str:
    """A number of bytes: `26 MiB`, `1.5 GiB`."""
    return f"{size / GIB:.1f} GiB" if size >= GIB else f"{size / 2**20:.0f} MiB"


def check_generation_config(folder: Path, name: str) -> None:
    """Refuse a generation_config.json that cannot be read, which would be taken for a fault of the weights."""
    if not (folder / GENERATION_CONFIG).is_file():
        return
    try:
        GenerationConfig.from_pretrained(folder)
    except MemoryError:
        raise
    except Exception as error:
        raise LoadError(
            f"{GENERATION_CONFIG} of {name} cannot be read ({summary(error)}).",
            "Delete that file, or download it again: a model opens without it.",
        ) from error


def holds_code(name: str) -> LoadError:
    """The refusal of weights in a pickle that would run code."""
    return LoadError(
        f"The weights of {name} are a pickle that holds more than weights, and could run code: it is not opened.",
        "Choose a repository with model.safetensors.",
    )


def read_weights(folder: Path, name: str, opener: Any, options: dict[str, Any]) -> Any:
    """The module of a model folder, on the CPU unless the options of `from_pretrained` put it elsewhere."""
    check_generation_config(folder, name)
    try:
        with memory_errors():
            module, loading = opener.from_pretrained(
                folder, trust_remote_code=False, ignore_mismatched_sizes=True, output_loading_info=True, **options
            )
    except Cancelled:
        raise
    except OutOfMemory as error:
        raise LoadError(
            f"{name} does not fit into memory.", "Choose a smaller number format, or load a smaller model."
        ) from error
    except Exception as error:
        if isinstance(error, UnpicklingError) or "weights_only" in str(error):
            raise holds_code(name) from error
        raise LoadError(
            f"The weights of {name} could not be read ({summary(error)}).",
            "Check that the files are complete, or download them again.",
        ) from error
    if missing := sorted(loading["missing_keys"]):
        raise LoadError(
            f"The checkpoint of {name} lacks {len(missing)} weights, such as {missing[0]}.",
            "Load a complete checkpoint of a language model.",
        )
    if mismatched := sorted(loading["mismatched_keys"]):
        weight, found, expected = mismatched[0]
        raise LoadError(
            f"{weight} of {name} has the shape {tuple(found)}, but config.json requires {tuple(expected)}.",
            "Use the config.json that belongs to these weights, or download both again.",
        )
    return module
