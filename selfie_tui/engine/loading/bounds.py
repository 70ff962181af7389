"""Sizes in a config.json that no model has, refused before anything is built of them.

transformers makes lists of `num_hidden_layers` entries, and modules of every size, from any number that is written: a
billion layers would keep it busy for ever, deaf to a cancel, and a billion columns would take all memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from selfie_tui.engine.anatomy.shrink_rules import LAYER_COUNT
from selfie_tui.engine.loading.checkpoint import weights_of
from selfie_tui.errors import LoadError

MOST_LAYERS = 2000
"""Layers at most where the weights do not say how many tensors they hold."""

SHARED_LAYERS = 256
"""Layers that may share their weights (ALBERT), so that there are fewer tensors than layers."""

MOST_WIDTH = 2**26
SIZE = re.compile(r".*(size|dim|heads?|experts|embd|inner|channels)|d_model|d_ff|width")
LAYERS = re.compile(LAYER_COUNT)

NUMBERS_A_BYTE = 4
"""Numbers that a byte of weights holds at most, in the narrowest quantised formats."""

SLACK = 10**7
"""Numbers of a model beyond those in its weights: tables that it computes by itself."""

REMEDY = "Use the configuration that belongs to these weights, or download both again."


def check_sizes(name: str, written: Mapping[str, Any], folder: Path) -> None:
    """Refuse a configuration with more layers than its weights have tensors, or with a width that no model has.

    Raises:
        LoadError: naming the field.
    """
    most = number_of_tensors(folder) or MOST_LAYERS
    for field, value in numbers_in(written):
        if LAYERS.fullmatch(field):
            check_layer_count(name, field, value, most)
        if SIZE.fullmatch(field) and value > MOST_WIDTH:
            raise LoadError(f"config.json of {name} says {field} {value:,}: no model is as large.", REMEDY)


def check_layer_count(name: str, field: str, value: object, tensors: int) -> None:
    """Refuse more layers than there are tensors of weights, but for the few that may share them.

    Raises:
        LoadError: naming the field.
    """
    if isinstance(value, int) and value > max(tensors, SHARED_LAYERS):
        raise LoadError(f"{name} is said to have {field} {value:,}, and has at most {tensors:,} tensors.", REMEDY)


def numbers_in(written: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """The whole numbers in a configuration and in those within it, by field."""
    for field, value in written.items():
        if isinstance(value, Mapping):
            yield from numbers_in(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            yield field, value


def number_of_tensors(folder: Path) -> int:
    """How many tensors a folder's safetensors hold; 0 where there are none, or they cannot be opened."""
    found = 0
    for path in weights_of(folder):
        try:
            with safe_open(path, framework="pt") as file:
                found += len(file.keys())
        except (SafetensorError, OSError):
            return 0
    return found


def check_parameters(name: str, opener: Any, config: Any, folder: Path) -> Any:
    """Refuse a configuration of a model that is larger by far than its weights: it would be filled with random numbers.

    Returns the model without its numbers, on the meta device; None where it cannot be built.

    Raises:
        LoadError: with both sizes.
    """
    stored = sum(path.stat().st_size for path in weights_of(folder))
    try:
        with torch.device("meta"):
            skeleton = opener.from_config(config)
    except Exception:  # noqa: BLE001 - reading the weights says what is wrong with it
        return None
    parameters = sum(weight.numel() for weight in skeleton.parameters())
    if parameters > stored * NUMBERS_A_BYTE + SLACK:
        raise LoadError(
            f"config.json of {name} describes {parameters:,} numbers, and its weights are {stored:,} bytes.", REMEDY
        )
    return skeleton


def load_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        ValueError: if it is no JSON, or nested too deeply to be read.
        OSError: if it cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
