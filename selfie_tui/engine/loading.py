"""Opens a model by name: the bundled one, a folder, or a hub id; each way of failing has its own clear error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError, safe_open
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from selfie_tui.demo import model_path
from selfie_tui.engine.devices import OutOfMemory, free_memory, memory_errors, pick_device, pick_dtype
from selfie_tui.engine.hub import fetch_snapshot
from selfie_tui.engine.model import Model, adopt
from selfie_tui.engine.proof import prove
from selfie_tui.errors import LoadError

ProgressReport = Callable[[str, float | None], None]
"""Told what is being done and, where it is known, which share of it is done; may raise `Cancelled`."""

GIB = 2**30
LATER_KINDS = "Encoder-only and encoder-decoder models are planned; for now load a decoder-only language model."


def no_report(step: str, fraction: float | None) -> None:
    """The report of a load that nobody watches."""


def load(name: str = "demo", *, device: str = "auto", dtype: str = "auto", report: ProgressReport = no_report) -> Model:
    """Open `demo`, a folder, or a hub id on a device, and prove that reading and writing its states works.

    Args:
        name: `demo` for the bundled model, else a folder in Hugging Face layout, else a hub id such as `openai/gpt2`.
        device: `auto`, `cuda`, `cuda:1`, `mps` or `cpu`; what is not there falls back to the CPU, with a notice.
        dtype: `auto` for the checkpoint's own number format, else a name such as `bf16`.
        report: told of each step.

    Raises:
        LoadError: with the cause and what to do next.
    """
    place, notice = pick_device(device)
    wanted = pick_dtype(dtype)
    folder = locate(name, report)
    config = read_config(folder, name)
    check_kind(config, name)
    check_weights(folder, name)
    check_memory(folder, config, place, wanted)
    report("reading the tokenizer", None)
    tokenizer = read_tokenizer(folder, name)
    report("reading the weights", None)
    module = read_weights(folder, name, wanted)
    report(f"moving to {place}", None)
    module, fallback = move(module, place)
    report("proving the hooks", None)
    model = adopt(module, tokenizer, name)
    model.notices = [text for text in (notice, fallback) if text]
    return prove(model)


def locate(name: str, report: ProgressReport) -> Path:
    """The folder of a model, fetched from the hub where it is not on this machine."""
    if name == "demo":
        return model_path()
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        raise LoadError(f"{name} is a file.", "Give the folder that holds config.json and the weights.")
    if name.startswith((".", "/", "~")) or name.count("/") > 1 or not name.strip():
        raise LoadError(f"There is no folder {name}.", "Check the path; a hub id looks like owner/name.")
    return fetch_snapshot(name, report)


def read_config(folder: Path, name: str) -> Any:
    """The configuration of a model folder."""
    path = folder / "config.json"
    if not path.is_file():
        raise LoadError(
            f"{name} has no config.json.",
            "Give a folder saved by save_pretrained, or a hub id of a transformers model.",
        )
    try:
        return AutoConfig.from_pretrained(folder)
    except json.JSONDecodeError as error:
        raise LoadError(f"{name}: config.json is not valid JSON ({error}).", "Save or download it again.") from error
    except (ValueError, KeyError, OSError) as error:
        kind = json.loads(path.read_text()).get("model_type", "unknown")
        raise LoadError(
            f"transformers {transformers.__version__} does not know the model type “{kind}” of {name}.",
            "Update transformers, or load another model.",
        ) from error


def check_kind(config: Any, name: str) -> None:
    """Refuse kinds of model that cannot continue a prompt by themselves."""
    architectures = getattr(config, "architectures", None) or [""]
    if config.is_encoder_decoder:
        raise LoadError(f"{name} is an encoder-decoder model ({config.model_type}).", LATER_KINDS)
    generates = any(part in architectures[0] for part in ("CausalLM", "LMHeadModel", "ConditionalGeneration"))
    masked = "MaskedLM" in architectures[0] or architectures[0].endswith(("ForPreTraining", "Classification"))
    known = transformers.models.auto.modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    encoder = config.model_type in transformers.models.auto.modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    if masked or (encoder and not generates):
        raise LoadError(
            f"{name} is an encoder-only model ({config.model_type}): it fills in, it does not continue.", LATER_KINDS
        )
    if config.model_type not in known:
        raise LoadError(f"{name} ({config.model_type}) is not a causal language model.", LATER_KINDS)


def weight_files(folder: Path) -> list[Path]:
    """The weight files of a model folder: safetensors where there are any."""
    return sorted(folder.glob("*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))


def check_weights(folder: Path, name: str) -> None:
    """Refuse a folder without weights, or whose safetensors cannot be opened."""
    files = weight_files(folder)
    if not files:
        raise LoadError(
            f"{name} has no weights: no *.safetensors and no pytorch_model*.bin in {folder}.",
            "Download or save the weights into that folder.",
        )
    for path in files:
        if path.suffix == ".safetensors":
            try:
                with safe_open(path, framework="pt"):
                    continue
            except (SafetensorError, OSError) as error:
                raise LoadError(
                    f"{path.name} of {name} is corrupt or incomplete ({error}).",
                    "Delete that file and download it again.",
                ) from error


def check_memory(folder: Path, config: Any, device: torch.device, dtype: torch.dtype | str) -> None:
    """Refuse weights that are larger than the free memory of the device."""
    stored = getattr(config, "dtype", None)
    widths = dtype.itemsize / stored.itemsize if isinstance(dtype, torch.dtype) and stored is not None else 1.0
    needed = int(sum(path.stat().st_size for path in weight_files(folder)) * widths)
    free = free_memory(device)
    if free is not None and needed > free:
        raise LoadError(
            f"The weights need {needed / GIB:.1f} GiB and {device} has {free / GIB:.1f} GiB free.",
            "Close other programs, choose a smaller number format or another device, or load a smaller model.",
        )


def read_tokenizer(folder: Path, name: str) -> Any:
    """The tokenizer of a model folder."""
    try:
        return AutoTokenizer.from_pretrained(folder)
    except Exception as error:
        raise LoadError(
            f"The tokenizer of {name} could not be read ({first_line(error)}).",
            "Check that tokenizer.json or the tokenizer's own files are in the folder.",
        ) from error


def read_weights(folder: Path, name: str, dtype: torch.dtype | str) -> Any:
    """The module of a model folder, on the CPU."""
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    try:
        with memory_errors():
            module, loading = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, output_loading_info=True)
    except OutOfMemory as error:
        raise LoadError(
            f"{name} does not fit into memory.", "Choose a smaller number format, or load a smaller model."
        ) from error
    except Exception as error:
        raise LoadError(
            f"The weights of {name} could not be read ({first_line(error)}).",
            "Check that the files are complete, or download them again.",
        ) from error
    if missing := sorted(loading["missing_keys"]):
        raise LoadError(
            f"The checkpoint of {name} lacks {len(missing)} weights, such as {missing[0]}.",
            "Load a complete checkpoint of a causal language model.",
        )
    return module


def move(module: Any, device: torch.device) -> tuple[Any, str]:
    """The module on the device, or on the CPU with a sentence that says why."""
    try:
        with memory_errors():
            return module.to(device), ""
    except (OutOfMemory, RuntimeError, NotImplementedError) as error:
        return module.to("cpu"), f"The model could not be moved to {device} ({first_line(error)}): running on the CPU."


def first_line(error: Exception) -> str:
    """The first line of an error's message, or its kind where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
