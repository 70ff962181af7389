"""A model's configuration and tokenizer, read from its folder; code that it may bring is never run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import CONFIG_MAPPING, AutoConfig, AutoTokenizer

from selfie_tui.engine.loading.bounds import check_sizes, load_json
from selfie_tui.engine.loading.checkpoint import has_vocabulary
from selfie_tui.errors import LoadError, summary


def read_config(folder: Path, name: str) -> Any:
    """The configuration of a model folder; code that it may bring is never run."""
    path = folder / "config.json"
    if not path.is_file():
        raise LoadError(
            f"{name} has no config.json.",
            "Give a folder saved by save_pretrained, or a hub id of a transformers model.",
        )
    try:
        written = load_json(path)
        if not isinstance(written, dict):
            raise ValueError("no object in braces")
    except (ValueError, OSError) as error:
        raise LoadError(
            f"{name}: config.json is not valid JSON ({summary(error)}).", "Save or download it again."
        ) from error
    check_sizes(name, written, folder)
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        check_kinds(config)
    except MemoryError:
        raise
    except Exception as error:
        raise config_error(name, written, error) from error
    return config


def check_kinds(config: Any) -> None:
    """Refuse a configuration whose names of classes, or number format, are of another kind, which transformers takes.

    Raises:
        TypeError: naming the field.
    """
    saved_as, dtype = getattr(config, "architectures", None), getattr(config, "dtype", None)
    if saved_as and not (isinstance(saved_as, list | tuple) and all(isinstance(each, str) for each in saved_as)):
        raise TypeError("'architectures' is no list of names")
    if dtype is not None and not isinstance(dtype, torch.dtype):
        raise TypeError("'dtype' is no number format")


def read_gguf_config(folder: Path, file: str, architecture: str) -> Any:
    """The configuration that transformers makes of the metadata of a GGUF file."""
    try:
        return AutoConfig.from_pretrained(folder, gguf_file=file, trust_remote_code=False)
    except MemoryError:
        raise
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
    kind = str(written.get("model_type", "none given"))
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


def read_tokenizer(folder: Path, name: str, **options: str) -> Any:
    """The tokenizer of a model folder, or with `gguf_file` that of a GGUF file in it."""
    remedy = "Check that tokenizer.json or the tokenizer's own files are in the folder."
    if options:
        remedy = "Load the model's own repository or folder, with tokenizer.json."
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, **options)
    except MemoryError:
        raise
    except Exception as error:
        if not options and not has_vocabulary(folder):
            raise LoadError(f"{name} has no tokenizer: no vocabulary is in {folder}.", remedy) from error
        raise LoadError(f"The tokenizer of {name} could not be read ({summary(error)}).", remedy) from error
    if not isinstance(tokenizer.model_max_length, int | float):
        raise LoadError(f"The tokenizer of {name} could not be read (its model_max_length is no number).", remedy)
    # Several families make a tokenizer of their special tokens alone where its files are missing.
    if len(tokenizer) <= len(tokenizer.added_tokens_decoder):
        raise LoadError(f"{name} has no tokenizer: no vocabulary is in {folder}.", remedy)
    return tokenizer
