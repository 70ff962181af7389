"""Adapters of PEFT, such as a LoRA: a folder with adapter_config.json beside its weights, and a `PeftModel` in hand.

The adapter stays apart from the base model's weights, as PEFT runs it: its layers take the part of the linear layers
that it changes, so that blocks, states and head are where they were. Adapters that add virtual tokens to every prompt
(prefix and prompt tuning) change no layer and are refused.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from selfie_tui.engine.loading.checkpoint import ADAPTER_CONFIG as CONFIG
from selfie_tui.engine.loading.checkpoint import ADAPTER_WEIGHTS as WEIGHTS
from selfie_tui.engine.loading.checkpoint import Checkpoint
from selfie_tui.engine.loading.locate import ProgressReport, locate
from selfie_tui.engine.loading.placement import need
from selfie_tui.engine.loading.weights import holds_code
from selfie_tui.errors import LoadError, summary
from selfie_tui.paths import model_path

MISSING = "missing adapter keys"
"""What PEFT's warning says of an adapter that lacks weights."""

NO_LAYERS = "This kind of adapter adds virtual tokens to a prompt and changes no layer."
LOAD_A_LORA = "Load a LoRA or another adapter that changes layers, or the base model."


@dataclass(frozen=True)
class Adapter:
    """An adapter's folder, the name by which it was opened, and the name or path of its base model."""

    name: str
    folder: Path
    base: str


def adapter_in(checkpoint: Checkpoint, name: str) -> Adapter | None:
    """The adapter that a folder holds, None for any other checkpoint.

    Raises:
        LoadError: if PEFT is not installed, or if the adapter lacks its weights or does not name its base model.
    """
    path = checkpoint.folder / CONFIG
    if checkpoint.gguf_path is not None or not path.is_file():
        return None
    need("peft", "Adapters")
    try:
        base = json.loads(path.read_text(encoding="utf-8"))["base_model_name_or_path"]
    except (ValueError, OSError, RecursionError, KeyError, TypeError) as error:
        raise LoadError(f"{CONFIG} of {name} cannot be read ({summary(error)}).", "Save the adapter again.") from error
    if not base or not isinstance(base, str):
        raise LoadError(
            f"{CONFIG} of {name} does not name the base model.",
            "Write its folder or hub id into it as base_model_name_or_path.",
        )
    if not any((checkpoint.folder / file).is_file() for file in WEIGHTS):
        raise LoadError(f"{name} has no adapter weights: no {WEIGHTS[0]}.", "Copy it into the folder, or save again.")
    return Adapter(name, checkpoint.folder, "demo" if is_bundled(base) else base)


def is_bundled(base: str) -> bool:
    """Whether a path is that of the bundled model."""
    return Path(base).name == model_path().name and Path(base).resolve() == model_path().resolve()


def locate_base(adapter: Adapter, report: ProgressReport) -> Checkpoint:
    """The files of an adapter's base model: of a path beside the adapter, or as any model is found.

    Raises:
        LoadError: if it is not found, or is an adapter itself.
        Cancelled: from `report`.
    """
    beside = adapter.folder / adapter.base
    try:
        found = locate(str(beside) if beside.is_dir() else adapter.base, report)
    except LoadError as error:
        raise LoadError(
            f"The base model of {adapter.name} could not be opened: {error.cause}",
            f"{error.remedy} The adapter's {CONFIG} names it as base_model_name_or_path.".strip(),
        ) from error
    if (found.folder / CONFIG).is_file() and found.gguf_path is None:
        raise LoadError(
            f"The base model of {adapter.name} is an adapter itself: {adapter.base}.",
            f"Merge that one into its model, and name the result in {CONFIG}.",
        )
    return found


def with_adapter(module: Any, adapter: Adapter) -> Any:
    """The base model's module with the adapter's layers put into it.

    Raises:
        LoadError: if the adapter is of an unknown kind, adds virtual tokens, or does not fit the base model.
    """
    from peft import PeftConfig, PeftModel

    try:
        config = PeftConfig.from_pretrained(str(adapter.folder))
    except Exception as error:
        raise LoadError(
            f"{CONFIG} of {adapter.name} describes no adapter that PEFT knows ({summary(error)}).",
            "Update peft, or save the adapter again.",
        ) from error
    if config.is_prompt_learning:
        raise LoadError(f"{adapter.name} cannot be opened. {NO_LAYERS}", LOAD_A_LORA)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            adapted = PeftModel.from_pretrained(module, str(adapter.folder), config=config, torch_device="cpu")
        except Exception as error:
            if isinstance(error, UnpicklingError) or "weights_only" in str(error):
                raise holds_code(adapter.name) from error
            raise does_not_fit(adapter, summary(error)) from error
    if lacking := next((str(warning.message) for warning in caught if MISSING in str(warning.message)), ""):
        raise does_not_fit(adapter, summary(ValueError(lacking)))
    return adapted.get_base_model()


def does_not_fit(adapter: Adapter, why: str) -> LoadError:
    """The refusal of an adapter whose weights are not those that its base model needs."""
    return LoadError(
        f"The adapter {adapter.name} does not fit its base model {adapter.base} ({why}).",
        "Name the model that it was trained on, or save the adapter again.",
    )


def without_wrapper(model: Any) -> tuple[Any, str]:
    """The module inside of a `PeftModel`, its adapters' layers in it, and the adapters' names; others as they are.

    Raises:
        LoadError: for a `PeftModel` whose adapter adds virtual tokens.
    """
    if not (hasattr(model, "peft_config") and hasattr(model, "get_base_model")):
        active = getattr(model, "active_adapters", None) if getattr(model, "_hf_peft_config_loaded", False) else None
        return model, ", ".join(active()) if callable(active) else ""
    if model.active_peft_config.is_prompt_learning:
        raise LoadError(f"This PeftModel cannot be opened. {NO_LAYERS}", LOAD_A_LORA)
    return model.get_base_model(), ", ".join(model.active_adapters)
