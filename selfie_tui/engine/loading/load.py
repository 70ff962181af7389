"""Opens a model by name: the bundled one, a folder, a GGUF file, or a hub id; each failure has its own clear error."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError, safe_open
from transformers import CONFIG_MAPPING, AutoConfig, AutoTokenizer, GgufConfig
from transformers.utils import logging

from selfie_tui.engine.anatomy.layer_paths import LayerPaths
from selfie_tui.engine.devices import OutOfMemory, device_unavailable, memory_errors
from selfie_tui.engine.loading.adapter import Adapter, adapter_in, locate_base, with_adapter
from selfie_tui.engine.loading.auto_class import auto_class
from selfie_tui.engine.loading.checkpoint import has_vocabulary, weights_of
from selfie_tui.engine.loading.gguf import folder_of_one, open_header, unpacking
from selfie_tui.engine.loading.locate import ProgressReport, locate, no_report
from selfie_tui.engine.loading.placement import Placement, resolve_placement
from selfie_tui.engine.loading.revision import revision_of
from selfie_tui.engine.model import Model, adopt
from selfie_tui.engine.verify import verify
from selfie_tui.errors import Cancelled, LoadError, summary

GIB = 2**30


def load(
    name: str | os.PathLike[str] = "demo",
    *,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    layer_paths: LayerPaths | Sequence[str] | None = None,
    report: ProgressReport = no_report,
) -> Model:
    """Open `demo`, a folder, a GGUF file or a hub id on a device, and verify that its states can be read and written.

    Args:
        name: `demo` for the bundled model, else a folder in Hugging Face layout or with one GGUF file, else the path
            of a GGUF file, else a hub id such as `openai-community/gpt2`. A folder with adapter_config.json is an
            adapter of PEFT, opened with the base model that it names.
        device: `auto`, `cuda`, `cuda:1`, `mps`, `cpu`, or `all` to spread the model over all GPUs; where a device is
            not available the model runs on the CPU, with a notice.
        dtype: `auto` for the checkpoint's own number format (float32 for quantised GGUF files), a name such as `bf16`,
            or `8bit` or `4bit` (CUDA only).
        layer_paths: the module paths of the blocks, where they are not found by themselves; of an encoder-decoder a
            dictionary of them by stack.
        report: called with each step.

    Raises:
        LoadError: with the cause and what to do next.
        Cancelled: from `report`.
    """
    if not isinstance(name, str | os.PathLike):
        raise LoadError(
            f"Expected the name of a model, got {type(name).__name__}.",
            "Give demo, a folder, a GGUF file or a hub id; a module in hand goes to adopt, with its tokenizer.",
        )
    name = os.fspath(name)
    placement = resolve_placement(str(device), str(dtype).removeprefix("torch."))
    checkpoint = locate(name, report)
    adapter = adapter_in(checkpoint, name)
    with quiet_transformers():
        if adapter is not None:
            module, tokenizer = read_adapted(adapter, placement, report)
        elif checkpoint.gguf_path is None:
            module, tokenizer = read_folder(checkpoint.folder, name, placement, report)
        else:
            module, tokenizer = read_gguf(checkpoint.gguf_path, name, placement, report)
        fallback = ""
        if not placement.placed_while_read:
            report(f"moving to {placement.device}", None)
            module, fallback = move(module, placement.device)
        report("verifying the hooks", None)
        model = adopt(module, tokenizer, name, layer_paths)
        model.revision = revision_of(checkpoint)
        model.base, model.adapter = (adapter.base, name) if adapter else ("", "")
        model.notices += [text for text in (placement.notice, fallback) if text]
        return verify(model)


def read_folder(folder: Path, name: str, placement: Placement, report: ProgressReport) -> tuple[Any, Any]:
    """The module and the tokenizer of a folder in Hugging Face layout."""
    config = read_config(folder, name)
    opener = auto_class(config, name)
    check_weights(folder, name)
    check_memory(needed_bytes(folder, config, placement), placement)
    report("reading the tokenizer", None)
    tokenizer = read_tokenizer(folder, name)
    report("reading the weights", None)
    return read_weights(folder, name, opener, placement.options()), tokenizer


def read_adapted(adapter: Adapter, placement: Placement, report: ProgressReport) -> tuple[Any, Any]:
    """The module of an adapter's base model with the adapter in it, and its tokenizer, or the adapter's own."""
    base = locate_base(adapter, report)
    if base.gguf_path is not None:
        raise LoadError(
            f"The base model of {adapter.name} is a GGUF file, to which no adapter can be added.",
            "Name its folder or repository with config.json and model.safetensors.",
        )
    module, tokenizer = read_folder(base.folder, adapter.base, placement, report)
    report("adding the adapter", None)
    module = with_adapter(module, adapter)
    if has_vocabulary(adapter.folder):
        own = read_tokenizer(adapter.folder, adapter.name)
        if len(own) <= module.get_input_embeddings().weight.shape[0]:
            tokenizer = own
    return module, tokenizer


def read_gguf(path: Path, name: str, placement: Placement, report: ProgressReport) -> tuple[Any, Any]:
    """The module and the tokenizer of a GGUF file, its weights unpacked to plain numbers."""
    if placement.quantised:
        raise LoadError(
            f"{placement.dtype} is not available for GGUF files, whose weights are unpacked.", "Choose auto or bf16."
        )
    header = open_header(path, name)
    if placement.dtype == "auto":
        placement = replace(placement, dtype=header.dtype)
    assert isinstance(placement.dtype, torch.dtype)
    check_memory(header.parameters * placement.dtype.itemsize, placement)
    options = placement.options() | {"quantization_config": GgufConfig(dequantize=True)}
    with folder_of_one(path) as folder, unpacking(report):
        report("reading the configuration", None)
        config = read_gguf_config(folder, path.name, header.architecture)
        opener = auto_class(config, name)
        report("reading the tokenizer", None)
        tokenizer = read_tokenizer(folder, name, gguf_file=path.name)
        report("reading the weights", None)
        module = read_weights(folder, name, opener, options | {"gguf_file": path.name, "config": config})
    return module, tokenizer


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """While open, transformers prints no warnings and draws no bars: a screen may be where they would go."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def read_config(folder: Path, name: str) -> Any:
    """The configuration of a model folder; code that it may bring is never run."""
    path = folder / "config.json"
    if not path.is_file():
        raise LoadError(
            f"{name} has no config.json.",
            "Give a folder saved by save_pretrained, or a hub id of a transformers model.",
        )
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(written, dict):
            raise ValueError("no object in braces")
    except (ValueError, OSError) as error:
        raise LoadError(
            f"{name}: config.json is not valid JSON ({summary(error)}).", "Save or download it again."
        ) from error
    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:
        raise config_error(name, written, error) from error


def read_gguf_config(folder: Path, file: str, architecture: str) -> Any:
    """The configuration that transformers makes of the metadata of a GGUF file."""
    try:
        return AutoConfig.from_pretrained(folder, gguf_file=file, trust_remote_code=False)
    except Exception as error:
        if "not supported" in str(error):
            cause = f"transformers {transformers.__version__} opens no GGUF files of the architecture “{architecture}”."
        else:
            cause = f"The metadata of {file} do not describe a {architecture} model ({summary(error)})."
        raise LoadError(
            cause, "Load the model's own repository or folder, with config.json and model.safetensors."
        ) from error


def config_error(name: str, written: dict[str, Any], error: Exception) -> LoadError:
    """Why transformers made no configuration of what is written in a config.json."""
    kind = written.get("model_type", "none given")
    if kind in CONFIG_MAPPING:
        return LoadError(
            f"config.json of {name} does not describe a {kind} model ({summary(error)}).",
            "Correct that value, or save or download config.json again.",
        )
    if "auto_map" in written:
        return LoadError(
            f"{name} brings code of its own, which is not run here.",
            f"Load a model of a type that transformers {transformers.__version__} knows by itself.",
        )
    return LoadError(
        f"transformers {transformers.__version__} does not know the model type “{kind}” of {name}.",
        "Update transformers, or load another model.",
    )


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


def check_memory(needed: int, placement: Placement) -> None:
    """Refuse weights of so many bytes where the device has fewer free."""
    free = placement.free_memory()
    if free is not None and needed > free:
        raise LoadError(
            f"The weights need {needed / GIB:.1f} GiB and {placement.device} has {free / GIB:.1f} GiB free.",
            "Close other programs, choose a smaller number format or another device, or load a smaller model.",
        )


def read_tokenizer(folder: Path, name: str, **options: str) -> Any:
    """The tokenizer of a model folder, or with `gguf_file` that of a GGUF file in it."""
    remedy = "Check that tokenizer.json or the tokenizer's own files are in the folder."
    if options:
        remedy = "Load the model's own repository or folder, with tokenizer.json."
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, **options)
    except Exception as error:
        if not options and not has_vocabulary(folder):
            raise LoadError(f"{name} has no tokenizer: no vocabulary is in {folder}.", remedy) from error
        raise LoadError(f"The tokenizer of {name} could not be read ({summary(error)}).", remedy) from error
    # Several families make a tokenizer of their special tokens alone where its files are missing.
    if len(tokenizer) <= len(tokenizer.added_tokens_decoder):
        raise LoadError(f"{name} has no tokenizer: no vocabulary is in {folder}.", remedy)
    return tokenizer


def read_weights(folder: Path, name: str, opener: Any, options: dict[str, Any]) -> Any:
    """The module of a model folder, on the CPU unless the options of `from_pretrained` put it elsewhere."""
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


def move(module: Any, device: torch.device) -> tuple[Any, str]:
    """The module on the device; on the CPU, with the reason, where the device is full or not available.

    Raises:
        LoadError: if moving fails for another reason.
    """
    try:
        with memory_errors():
            return module.to(device), ""
    except OutOfMemory as error:
        reason = summary(error)
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = summary(error)
        if not device_unavailable(error):
            raise LoadError(
                f"The model could not be moved to {device} ({reason}).", "Load it with the device cpu."
            ) from error
    return module.to("cpu"), f"The model could not be moved to {device} ({reason}): running on the CPU."
