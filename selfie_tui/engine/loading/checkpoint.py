"""Which files of a model's folder, or of its repository, hold the weights and the tokenizer."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from selfie_tui.engine.loading.gguf import gguf_files
from selfie_tui.errors import LoadError

FORMATS = (
    ("model.safetensors", "model.safetensors.index.json"),
    ("pytorch_model.bin", "pytorch_model.bin.index.json"),
)
"""Names of a single file of weights, and of the index of a sharded one, in the order in which transformers looks."""

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
"""The files of an adapter of PEFT: its configuration, and its weights under one of these names."""

VOCABULARIES = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tekken.json",
)
"""Files any of which holds a tokenizer's vocabulary; so does any `*.tiktoken`."""


@dataclass(frozen=True)
class Checkpoint:
    """A model on this machine: a folder in Hugging Face layout, or a GGUF file in a folder.

    `commit` is the revision of a snapshot from the hub, empty for a folder or file of the user's own.
    """

    folder: Path
    gguf_file: str = ""
    commit: str = ""

    @property
    def gguf_path(self) -> Path | None:
        """The GGUF file, None for a folder in Hugging Face layout."""
        return self.folder / self.gguf_file if self.gguf_file else None


def checkpoint_in(folder: Path) -> Checkpoint:
    """What a folder holds: files in Hugging Face layout where it has any weights of that kind, else its GGUF file.

    Raises:
        LoadError: if there are several GGUF files to choose from, or the index of the weights cannot be read.
    """
    files = gguf_files(folder)
    if not files or weights_of(folder):
        return Checkpoint(folder)
    if len(files) > 1:
        names = [path.name for path in files]
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        raise LoadError(f"{folder} holds {len(names)} GGUF files: {shown}.", f"Give one of them: {files[0]}.")
    return Checkpoint(folder, files[0].name)


def weight_names(names: Collection[str], index_path: Callable[[str], Path]) -> list[str]:
    """The weight files that are read among files of these `names`, an adapter's where it is one; empty for none.

    `index_path` gives the local path of the index that lists the shards.

    Raises:
        LoadError: if that index cannot be read.
    """
    if ADAPTER_CONFIG in names:
        return [name for name in ADAPTER_WEIGHTS if name in names][:1]
    for single, index in FORMATS:
        if single in names:
            return [single]
        if index in names:
            return shards(index_path(index))
    return []


def shards(index: Path) -> list[str]:
    """The files that an index of sharded weights lists."""
    try:
        return sorted(set(json.loads(index.read_text())["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError) as error:
        raise LoadError(
            f"{index.name} does not list the files of the weights ({type(error).__name__}).",
            f"Delete {index} and download it again.",
        ) from error


def weights_of(folder: Path) -> list[Path]:
    """The weight files that a model folder should have, whether they are there or not; empty if it names none.

    Raises:
        LoadError: if the index of the shards cannot be read.
    """
    names = {path.name for path in folder.iterdir()}
    return [folder / name for name in weight_names(names, lambda index: folder / index)]


def is_complete(folder: Path) -> bool:
    """Whether a model folder has its configuration, every file of its weights, and a tokenizer's vocabulary.

    An adapter needs no vocabulary: its base model has one.
    """
    try:
        weights = weights_of(folder)
    except LoadError:
        return False
    if not weights or not all(path.is_file() for path in weights):
        return False
    return (folder / ADAPTER_CONFIG).is_file() or ((folder / "config.json").is_file() and has_vocabulary(folder))


def has_vocabulary(folder: Path) -> bool:
    """Whether a model folder has a file that holds a tokenizer's vocabulary."""
    return any((folder / name).is_file() for name in VOCABULARIES) or any(folder.glob("*.tiktoken"))
