"""Shrinks a configuration to a small model of the same structure: rules on field names, and their exceptions."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import torch
from transformers.configuration_utils import PreTrainedConfig

from selfie_tui.engine.anatomy.shrink_rules import (
    KEPT,
    LAYER_COUNT,
    LAYERS,
    OVERRIDES,
    SIZES,
    SPECIAL_TOKENS,
    TOWER,
    TOWER_LAYERS,
    VOCABULARY,
    WEIGHTS,
)


def small_config(config: PreTrainedConfig) -> Any:
    """A configuration of the same class with every size shrunk, and the switches and factors of the original."""
    return shrunk(config, settings(config) | OVERRIDES.get(config.model_type, {}))


def shrunk(config: PreTrainedConfig, overrides: dict[str, Any], layers: int = LAYERS) -> Any:
    """A configuration of the same class whose sizes follow the rules, or the overrides where they name a field."""
    own = {name: value for name, value in overrides.items() if "." not in name}
    stored = vars(config)
    values = {name: stored.get(config.attribute_map.get(name, name)) for name in fields_of(config)}
    counts = {value for name, value in values.items() if re.fullmatch(LAYER_COUNT, name) and type(value) is int}
    chosen = representative([v for v in values.values() if isinstance(v, (list, tuple)) and len(v) in counts], layers)
    layers = len(chosen) or layers
    changed = {}
    for name, value in values.items():
        if isinstance(value, PreTrainedConfig):
            inner = {path.removeprefix(name + "."): v for path, v in overrides.items() if path.startswith(name + ".")}
            smaller = shrunk(value, settings(value) | inner, TOWER_LAYERS if re.fullmatch(TOWER, name) else layers)
            changed[name] = smaller
        elif name in SPECIAL_TOKENS:
            changed[name] = SPECIAL_TOKENS[name]
        elif name.endswith("num_key_value_heads") and "kv_lora_rank" in values:
            changed[name] = size("num_attention_heads", value, layers)
        elif isinstance(value, (list, tuple)) and chosen:
            kept = at_layers(list(value), chosen, counts)
            changed[name] = type(value)(size(name, v, layers) if type(v) is int else v for v in kept)
        elif type(value) is int or name == "vocab_size":
            changed[name] = size(name, value, layers)
    return type(config)(**{**changed, **own})


def settings(config: PreTrainedConfig) -> dict[str, Any]:
    """The switches, names and factors in which a configuration differs from the default of its class."""
    plain = vars(type(config)())
    stored = vars(config)
    names = [name for name in fields_of(config) if type(stored.get(name)) in (bool, str, float)]
    return {name: stored[name] for name in names if stored[name] != plain.get(name)}


def fields_of(config: PreTrainedConfig) -> list[str]:
    """The names that the configuration's constructor takes, less those that stand for another."""
    inherited = {field.name for field in fields(PreTrainedConfig)} - {*SPECIAL_TOKENS, "tie_word_embeddings"}
    return [field.name for field in fields(config) if field.name not in inherited]


def representative(lists: list[Any], count: int) -> list[int]:
    """The first `count` layers, or as many more as it takes that every value of every per-layer list occurs."""
    lists = [list(values) for values in lists if not is_index(values)]
    if not lists:
        return []
    first = {values.index(value) for values in lists for value in values}
    rest = [layer for layer in range(len(lists[0])) if layer not in first]
    return sorted([*first, *rest[: max(0, count - len(first))]])


def is_index(values: Any) -> bool:
    """Whether a list holds indices of layers rather than one value for each."""
    return all(type(value) is int for value in values) and len(values) > 1 and sorted(set(values)) == list(values)


def at_layers(values: list[Any], chosen: list[int], counts: set[int]) -> list[Any]:
    """A per-layer list at the chosen layers, or the new indices of a list of layers' indices; others as they are."""
    if is_index(values) and max(values) < max(counts):
        return [new for new, old in enumerate(chosen) if old in values]
    return [values[layer] for layer in chosen] if len(values) in counts else values


def size(name: str, value: int, layers: int) -> int:
    """The value of an integer field in a small model."""
    if name == "vocab_size":
        return VOCABULARY
    if re.fullmatch(LAYER_COUNT, name):
        return layers
    return next((min(value, limit) for pattern, limit in SIZES if re.fullmatch(pattern, name)), value)


def randomise(module: Any, weights: float = WEIGHTS) -> None:
    """Spread the weights and move norms, gates and biases off their initial values, so that no norm is the identity."""
    words = {id(part.weight) for part in module.modules() if isinstance(part, torch.nn.Embedding) and is_words(part)}
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn_like(parameter)
            last = name.rpartition(".")[2]
            if not parameter.requires_grad:
                continue
            if parameter.dim() > 1 and not re.fullmatch(KEPT, last):
                parameter.copy_((0.3 if id(parameter) in words else weights) * noise)
            else:
                parameter.add_((0.4 if last == "weight" else 0.1) * noise)


def is_words(embedding: torch.nn.Embedding) -> bool:
    """Whether a table is one of tokens, rather than of positions or segments."""
    return embedding.num_embeddings == VOCABULARY
