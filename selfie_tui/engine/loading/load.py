"""Opens a model by name: the bundled one, a folder, a GGUF file, or a hub id; each failure has its own clear error."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import GgufConfig
from transformers.utils import logging

from selfie_tui.engine.anatomy.layer_paths import LayerPaths
from selfie_tui.engine.devices import OutOfMemory, device_unavailable, memory_errors
from selfie_tui.engine.loading.adapter import Adapter, adapter_in, locate_base, with_adapter
from selfie_tui.engine.loading.auto_class import auto_class
from selfie_tui.engine.loading.bounds import check_layer_count, check_parameters
from selfie_tui.engine.loading.checkpoint import Checkpoint, has_vocabulary
from selfie_tui.engine.loading.configuration import read_config, read_gguf_config, read_tokenizer
from selfie_tui.engine.loading.gguf import folder_of_one, open_header, unpacking
from selfie_tui.engine.loading.locate import ProgressReport, locate, no_report
from selfie_tui.engine.loading.placement import Placement, resolve_placement
from selfie_tui.engine.loading.revision import revision_of
from selfie_tui.engine.loading.weights import check_memory, check_weights, needed_bytes, read_weights
from selfie_tui.engine.model import Model, adopt
from selfie_tui.engine.verify import verify
from selfie_tui.errors import LoadError, summary

ShowModules = Callable[[Any], object]
"""Takes a model on the meta device."""


def show_nothing(skeleton: Any) -> None:
    """Where nobody looks at a model before it is loaded."""


def load(
    name: str | os.PathLike[str] = "demo",
    *,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    layer_paths: LayerPaths | Sequence[str] | None = None,
    report: ProgressReport = no_report,
    show: ShowModules = show_nothing,
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
        show: called with the model on the meta device before its weights are read, where it can be built there.

    Raises:
        LoadError: with the cause and what to do next.
        Cancelled: from `report`.
    """
    if not isinstance(name, str | os.PathLike):
        raise LoadError(
            f"Expected the name of a model, got {type(name).__name__}.",
            "Give demo, a folder, a GGUF file or a hub id; a module in hand goes to adopt, with its tokenizer.",
        )
    try:
        with memory_errors():
            return open_checkpoint(os.fspath(name), str(device), dtype, layer_paths, report, show)
    except OutOfMemory as error:
        raise LoadError(f"There is not enough memory to open {name}.", error.remedy) from error


def open_checkpoint(
    name: str,
    device: str,
    dtype: str | torch.dtype,
    layer_paths: LayerPaths | Sequence[str] | None,
    report: ProgressReport,
    show: ShowModules,
) -> Model:
    """The model of a name, on its device and verified; raises as `load`, and OutOfMemory."""
    placement = resolve_placement(device, str(dtype).removeprefix("torch."))
    checkpoint = locate(name, report)
    adapter = adapter_in(checkpoint, name)
    base = None if adapter is None else locate_base(adapter, report)
    with quiet_transformers():
        if adapter is not None and base is not None:
            module, tokenizer = read_adapted(adapter, base, placement, report, show)
        elif checkpoint.gguf_path is None:
            module, tokenizer = read_folder(checkpoint.folder, name, placement, report, show)
        else:
            module, tokenizer = read_gguf(checkpoint.gguf_path, name, placement, report, show)
        fallback = ""
        if not placement.placed_while_read:
            report(f"moving to {placement.device}", None)
            module, fallback = move(module, placement.device)
        report("verifying the hooks", None)
        model = adopt(module, tokenizer, name, layer_paths)
        model.revision = " on ".join(revision_of(files) for files in (checkpoint, base) if files)
        model.base, model.adapter = (adapter.base, name) if adapter else ("", "")
        model.notices += [text for text in (placement.notice, fallback) if text]
        return verify(model)


def read_folder(
    folder: Path, name: str, placement: Placement, report: ProgressReport, show: ShowModules
) -> tuple[Any, Any]:
    """The module and the tokenizer of a folder in Hugging Face layout."""
    config = read_config(folder, name)
    opener = auto_class(config, name)
    check_weights(folder, name)
    skeleton = check_parameters(name, opener, config, folder)
    if skeleton is not None:
        show(skeleton)
    check_memory(needed_bytes(folder, config, placement), placement, report)
    report("reading the tokenizer", None)
    tokenizer = read_tokenizer(folder, name)
    report("reading the weights", None)
    return read_weights(folder, name, opener, placement.options()), tokenizer


def read_adapted(
    adapter: Adapter, base: Checkpoint, placement: Placement, report: ProgressReport, show: ShowModules
) -> tuple[Any, Any]:
    """The module of an adapter's base model with the adapter in it, and its tokenizer, or the adapter's own."""
    if base.gguf_path is not None:
        raise LoadError(
            f"The base model of {adapter.name} is a GGUF file, to which no adapter can be added.",
            "Name its folder or repository with config.json and model.safetensors.",
        )
    module, tokenizer = read_folder(base.folder, adapter.base, placement, report, show)
    report("adding the adapter", None)
    module = with_adapter(module, adapter)
    if has_vocabulary(adapter.folder):
        own = read_tokenizer(adapter.folder, adapter.name)
        if len(own) <= module.get_input_embeddings().weight.shape[0]:
            tokenizer = own
    return module, tokenizer


def read_gguf(
    path: Path, name: str, placement: Placement, report: ProgressReport, show: ShowModules
) -> tuple[Any, Any]:
    """The module and the tokenizer of a GGUF file, its weights unpacked to plain numbers."""
    if placement.quantised:
        raise LoadError(
            f"{placement.dtype} is not available for GGUF files, whose weights are unpacked.", "Choose auto or bf16."
        )
    header = open_header(path, name)
    layers = header.metadata.get(f"{header.architecture}.block_count")
    check_layer_count(name, "block_count", layers, len(header.tensors))
    if placement.dtype == "auto":
        placement = replace(placement, dtype=header.dtype)
    assert isinstance(placement.dtype, torch.dtype)
    check_memory(header.parameters * placement.dtype.itemsize, placement, report)
    options = placement.options() | {"quantization_config": GgufConfig(dequantize=True)}
    with folder_of_one(path) as folder, unpacking(report):
        report("reading the configuration", None)
        config = read_gguf_config(folder, path.name, header.architecture)
        opener = auto_class(config, name)
        show(build_without_weights(opener, config, name))
        report("reading the tokenizer", None)
        tokenizer = read_tokenizer(folder, name, gguf_file=path.name)
        report("reading the weights", None)
        module = read_weights(folder, name, opener, options | {"gguf_file": path.name, "config": config})
    return module, tokenizer


def build_without_weights(opener: Any, config: Any, name: str) -> Any:
    """The modules of a configuration on the meta device: shapes without numbers.

    Raises:
        LoadError: if transformers cannot build them.
    """
    try:
        with torch.device("meta"):
            return opener.from_config(config)
    except MemoryError:
        raise
    except Exception as error:
        raise LoadError(
            f"The modules of {name} cannot be built from its configuration ({summary(error)}).",
            "Load another model, or correct its configuration.",
        ) from error


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
