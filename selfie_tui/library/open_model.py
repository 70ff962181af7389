"""Open a model from a name, a module, an nnsight model, or a model of this engine."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from inspect import signature
from typing import Any

import torch

from selfie_tui.engine.anatomy.layer_paths import LayerPaths
from selfie_tui.engine.devices import pick_device
from selfie_tui.engine.loading.adapter import without_wrapper
from selfie_tui.engine.loading.load import load, move
from selfie_tui.engine.model import Model
from selfie_tui.engine.model import adopt as wrap
from selfie_tui.engine.verify import verify
from selfie_tui.errors import LoadError, RequestError
from selfie_tui.library.arguments import as_model, check_tokenizer, describe
from selfie_tui.library.notices import warn_of_notices

FROM_THE_MODULE = "Give its module and its tokenizer, or its name."


def open_model(
    model: Any, tokenizer: Any, device: str | None, dtype: str | torch.dtype, options: Mapping[str, Any]
) -> Model:
    """The model, verified; a device that is absent and checks that fail are warned of.

    A name is loaded by `load`. What is in hand is moved only if a device is named, and keeps its number format.

    Raises:
        LoadError: if it cannot be opened, or is not a language model.
        RequestError: for a module without its tokenizer, a setting that only a name can have, or an unknown one.
    """
    check_options(options)
    if isinstance(model, str | os.PathLike):
        found = with_tokenizer(load(model, device=device or "auto", dtype=dtype, **options), tokenizer)
        others: list[str] = []
    else:
        layer_paths = options.get("layer_paths")
        options = {name: value for name, value in options.items() if name != "layer_paths"}
        if dtype != "auto" or options:
            raise RequestError(
                f"A model in hand is taken as it is: {', '.join(options) or 'dtype'} cannot be set.",
                "Convert it before, or give a name to load.",
            )
        found, others = in_hand(model, tokenizer, device, layer_paths=layer_paths)
    warn_of_notices(found, 3, others)
    return found


def adopt(
    module: Any, tokenizer: Any = None, name: str = "", layer_paths: LayerPaths | Sequence[str] | None = None
) -> Model:
    """A verified model from a module in hand and its tokenizer, or from an nnsight model around a module.

    An nnsight model's own tokenizer is used where none is given; a compiled module's original is taken, and of a
    `PeftModel` the model inside with its adapters; a `Model` is given back as it is. The module is put into evaluation
    mode, and nnsight's wrapper stays on its forward and on those of its parts; its weights are not changed.

    `layer_paths` are the module paths of its blocks, where they are not found by themselves: a list, or of an
    encoder-decoder a dictionary of lists by `encoder` and `decoder`.

    `Model.verdict` holds the verdict. A model that is not verified opens with a warning; of one from `load` the library
    warns when it is first used. `Model.notices` and the notices of every result say the same.

    Raises:
        LoadError: if no stack of blocks or no head is found in it, with the step that failed, or if it is not a module.
        RequestError: for a name, which is for `load`, or without a tokenizer.
    """
    found, _ = in_hand(module, tokenizer, None, name, layer_paths)
    warn_of_notices(found, 2)
    return found


def in_hand(
    model: Any,
    tokenizer: Any,
    device: str | None,
    name: str = "",
    layer_paths: LayerPaths | Sequence[str] | None = None,
) -> tuple[Model, list[str]]:
    """A model around a module that the user holds, and the notices of its move to the device."""
    if isinstance(model, Model | str | os.PathLike) or isinstance(getattr(model, "model", None), Model):
        found = with_tokenizer(as_model(model), tokenizer)
        if layer_paths is not None:
            raise RequestError("The blocks of an opened model are known: layer_paths cannot be set.", FROM_THE_MODULE)
        return found, move_to(found.module, device)
    module, own = unwrapped(model)
    module, adapter = without_wrapper(module)
    check_module(module, tokenizer)
    tokenizer = own if tokenizer is None else tokenizer
    if tokenizer is None:
        raise RequestError("The module comes without a tokenizer.", "Pass its tokenizer as tokenizer=.")
    check_tokenizer(tokenizer)
    notices = move_to(module, device)
    found = verify(wrap(module, tokenizer, name, layer_paths))
    found.base, found.adapter = (found.name, adapter) if adapter else ("", "")
    return found, notices


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse keywords that `load` does not have.

    Raises:
        RequestError: with those it has.
    """
    known = [name for name in signature(load).parameters if name != "name"]
    if unknown := [name for name in options if name not in known]:
        raise RequestError(
            f"{', '.join(unknown)} cannot be set here.",
            f"The options are {', '.join(known)}; code that a checkpoint brings is never run.",
        )


def check_module(module: Any, tokenizer: Any) -> None:
    """Refuse what is not a module with weights, and a module and a tokenizer in the wrong order.

    Raises:
        LoadError: for what is not a module, or has no weights.
        RequestError: for the wrong order.
    """
    if isinstance(tokenizer, torch.nn.Module) and not isinstance(module, torch.nn.Module):
        raise RequestError("The tokenizer comes before the module.", "Give the module first, then its tokenizer.")
    if not isinstance(module, torch.nn.Module):
        raise LoadError(
            f"Expected a language model, got {describe(module)}.",
            "Give a name, a torch module with its tokenizer, or an nnsight model around one.",
        )
    if any(parameter.is_meta for parameter in module.parameters()) and not hasattr(module, "hf_device_map"):
        raise LoadError("The module has no weights: they are on the meta device.", "Load it with its weights.")


def with_tokenizer(model: Model, tokenizer: Any) -> Model:
    """The model, or one of the same module with another tokenizer if that is not None."""
    if tokenizer is None:
        return model
    check_tokenizer(tokenizer)
    return replace(model, tokenizer=tokenizer)


def move_to(module: Any, device: str | None) -> list[str]:
    """Put a module on a device, if one is named, and return the notices of that."""
    if device is None:
        return []
    target, notice = pick_device(device)
    _, fallback = move(module, target)
    return [text for text in (notice, fallback) if text]


def unwrapped(model: Any) -> tuple[Any, Any]:
    """The module of an nnsight model, its weights loaded, with its tokenizer if it has one; others as they are.

    Of a module that `torch.compile` wraps it is the original.
    """
    if not isinstance(model, torch.nn.Module) and isinstance(getattr(model, "_module", None), torch.nn.Module):
        if any(parameter.is_meta for parameter in model._module.parameters()) and hasattr(model, "dispatch"):
            model.dispatch()
        return getattr(model._module, "_orig_mod", model._module), getattr(model, "tokenizer", None)
    return getattr(model, "_orig_mod", model), None
