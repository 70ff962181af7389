"""A model without its numbers: its modules on the meta device, built from its configuration before a weight is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from selfie_tui.engine.loading.adapter import adapter_in
from selfie_tui.engine.loading.auto_class import auto_class
from selfie_tui.engine.loading.bounds import check_layer_count
from selfie_tui.engine.loading.configuration import read_config, read_gguf_config
from selfie_tui.engine.loading.gguf import folder_of_one, open_header
from selfie_tui.engine.loading.hub import fetch_config
from selfie_tui.engine.loading.load import build_without_weights, quiet_transformers
from selfie_tui.engine.loading.locate import ProgressReport, locate, no_report


def build_skeleton(name: str, report: ProgressReport = no_report) -> Any:
    """The modules of the model of a name, as `load` takes it, with shapes and without numbers.

    Of a hub model only the configuration is fetched; of an adapter the base model is shown.

    Raises:
        LoadError: for a name that stands for no model, or a configuration that does not describe one.
        Cancelled: from `report`.
    """
    checkpoint = locate(name, report, fetch_config)
    adapter = adapter_in(checkpoint, name)
    if adapter is not None:
        return build_skeleton(adapter.base, report)
    report("building the modules", None)
    with quiet_transformers():
        path = checkpoint.gguf_path
        config = read_config(checkpoint.folder, name) if path is None else gguf_config(path, name)
        return build_without_weights(auto_class(config, name), config, name)


def gguf_config(path: Path, name: str) -> Any:
    """The configuration of a GGUF file, from its header."""
    header = open_header(path, name)
    layers = header.metadata.get(f"{header.architecture}.block_count")
    check_layer_count(name, "block_count", layers, len(header.tensors))
    with folder_of_one(path) as folder:
        return read_gguf_config(folder, path.name, header.architecture)
