"""A model from whatever a library's user has: a name, a module, an nnsight model, or a model of this engine."""

from __future__ import annotations

import os
import warnings
from typing import Any

import torch

from selfie_tui.engine.devices import pick_device
from selfie_tui.engine.loading import load, move
from selfie_tui.engine.model import Model
from selfie_tui.engine.model import adopt as describe
from selfie_tui.engine.proof import prove
from selfie_tui.errors import LoadError, RequestError


def open_model(model: Any, tokenizer: Any, device: str | None, dtype: str, options: dict[str, Any]) -> Model:
    """The model, proven; what went other than asked is told as a warning.

    A name is loaded by `load`. What is in hand is moved only if a device is named, and keeps its number format.

    Raises:
        LoadError: if it cannot be opened, or is nothing that can be read.
        RequestError: for a module without its tokenizer, or for a setting that only a name can have.
    """
    if isinstance(model, str | os.PathLike):
        opened = load(str(model), device=device or "auto", dtype=dtype, **options)
        opened.tokenizer = tokenizer or opened.tokenizer
        notices = opened.notices
    else:
        if dtype != "auto" or options:
            raise RequestError(
                f"A model in hand is taken as it is: {', '.join(options) or 'dtype'} cannot be set.",
                "Convert it before, or give a name to load.",
            )
        opened, notices = in_hand(model, tokenizer, device)
    for notice in notices:
        warnings.warn(notice, stacklevel=3)
    return opened


def adopt(module: Any, tokenizer: Any, name: str = "") -> Model:
    """A proven model from a module in hand, or an nnsight model around one, and its tokenizer.

    The module is put into evaluation mode, else not changed; `Model.proof` holds the verdict.

    Raises:
        LoadError: if no stack of blocks or no head is found in it, saying which step failed.
    """
    return prove(describe(unwrapped(module)[0], tokenizer, name))


def in_hand(model: Any, tokenizer: Any, device: str | None) -> tuple[Model, list[str]]:
    """A model around a module that the user holds, and what there is to tell."""
    if isinstance(model, Model):
        return model, moved(model.module, device)
    module, own = unwrapped(model)
    if not isinstance(module, torch.nn.Module):
        raise LoadError(
            f"A {type(module).__name__} is no language model.",
            "Give a name, a torch module with its tokenizer, or an nnsight model around one.",
        )
    if (tokenizer or own) is None:
        raise RequestError("The module comes without a tokenizer.", "Pass its tokenizer as tokenizer=.")
    if any(parameter.is_meta for parameter in module.parameters()) and not hasattr(module, "hf_device_map"):
        raise LoadError("The module has no weights: they are on the meta device.", "Load it with its weights.")
    notices = moved(module, device)
    opened = adopt(module, tokenizer or own)
    return opened, [*notices, *opened.notices]


def moved(module: Any, device: str | None) -> list[str]:
    """Put a module on a device, if one is named; what there is to tell of it."""
    if device is None:
        return []
    place, notice = pick_device(device)
    _, fallback = move(module, place)
    return [text for text in (notice, fallback) if text]


def unwrapped(model: Any) -> tuple[Any, Any]:
    """The module, and the tokenizer if it has one, of an nnsight model, its weights loaded; others as they are."""
    if isinstance(model, torch.nn.Module) or not isinstance(getattr(model, "_module", None), torch.nn.Module):
        return model, None
    if any(parameter.is_meta for parameter in model._module.parameters()) and hasattr(model, "dispatch"):
        model.dispatch()
    return model._module, getattr(model, "tokenizer", None)
