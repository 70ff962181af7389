"""Checks of a library user's arguments: one for each kind of argument, each with an error that says what to give."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from numbers import Real
from os import PathLike
from typing import Any, Protocol

import numpy as np
import torch

from selfie_tui.edits import parse_module
from selfie_tui.engine.model import Model
from selfie_tui.errors import RequestError
from selfie_tui.records import ModuleTensor


class Facade(Protocol):
    """An object around an opened model, as `ModelAgnosticSelfie` is."""

    @property
    def model(self) -> Model:
        """The model."""


def as_model(value: object) -> Model:
    """The value, if it is a model, or the model of a facade.

    Raises:
        RequestError: for a name, which has to be loaded first, and for anything else.
    """
    inner = value if isinstance(value, Model) else getattr(value, "model", None)
    if isinstance(inner, Model):
        return inner
    if isinstance(value, str | PathLike):
        raise RequestError(
            f"Expected a model, got the name “{value}”.", f'Load it first: model = selfie_tui.load("{value}").'
        )
    raise RequestError(
        f"Expected a model, got {describe(value)}.",
        "Give the result of selfie_tui.load or selfie_tui.adopt, or a ModelAgnosticSelfie.",
    )


def check_tokenizer(tokenizer: object) -> None:
    """Refuse what cannot split a text into tokens as a tokenizer of transformers does.

    Raises:
        RequestError: saying what it is instead.
    """
    if isinstance(tokenizer, str | PathLike):
        raise RequestError(
            f"Expected a tokenizer, got the text “{tokenizer}”.",
            "Give the tokenizer itself, from AutoTokenizer.from_pretrained or selfie.model.tokenizer.",
        )
    if not callable(tokenizer) or isinstance(tokenizer, torch.nn.Module) or not hasattr(tokenizer, "decode"):
        raise RequestError(
            f"Expected a tokenizer, got {describe(tokenizer)}.",
            "Give one of transformers, from AutoTokenizer.from_pretrained or selfie.model.tokenizer.",
        )


def as_int(value: object, name: str) -> int:
    """An integer of Python, numpy or torch as an int.

    Raises:
        RequestError: for anything else, also 2.0 and "2".
    """
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise RequestError(f"Invalid {name} {describe(value)}.", f"Write an integer for the {name}.") from None


def as_float(value: object, name: str) -> float:
    """A real number as a float.

    Raises:
        RequestError: for anything else, also "2".
    """
    if not isinstance(value, Real):
        raise RequestError(f"Invalid {name} {describe(value)}.", f"Write a number for the {name}, such as 1.0.")
    return float(value)


def as_bool(value: object, name: str) -> bool:
    """True or False, of Python or numpy, as a bool.

    Raises:
        RequestError: for anything else, also 1 and "no".
    """
    if not isinstance(value, bool | np.bool_):
        raise RequestError(f"Invalid {name} {describe(value)}.", f"Write True or False for {name}.")
    return bool(value)


def as_list(value: object, item: str) -> list[Any]:
    """The items of an iterable as a list; a number or a text is a list of one.

    Raises:
        RequestError: for what has no items, and for a dictionary, which holds keys and values.
    """
    if isinstance(value, str | Real):
        return [value]
    try:
        if isinstance(value, Mapping):
            raise TypeError
        return list(value)  # type: ignore[call-overload, no-any-return]
    except TypeError:
        raise RequestError(f"Expected a list of {item}s, got {describe(value)}.", f"Write a list of {item}s.") from None


def as_module(value: object) -> ModuleTensor:
    """The tensor of a module that a path means, such as `"layers.5.mlp"` or `"layers.5.mlp:input"`, or a record.

    Raises:
        RequestError: for anything else.
    """
    if isinstance(value, ModuleTensor):
        return value
    if not isinstance(value, str):
        raise RequestError(f"Expected the path of a module, got {describe(value)}.", 'Such as "layers.5.mlp".')
    return parse_module(value)


def describe(value: object) -> str:
    """A value for an error: as the user would write it where that is short, else the name of its type."""
    text = f"“{value}”" if isinstance(value, str) else repr(value)
    return text if len(text) <= 40 and "\n" not in text and " at 0x" not in text else type(value).__name__
