"""What a library's user may give by mistake: each kind of argument has one check, and one refusal in words."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from numbers import Real
from os import PathLike
from typing import Any, Protocol

import torch

from selfie_tui.engine.model import Model
from selfie_tui.errors import RequestError


class Facade(Protocol):
    """What holds an opened model, as `ModelAgnosticSelfie` does."""

    @property
    def model(self) -> Model:
        """The model."""


def opened(model: object) -> Model:
    """The model that is given, or that of a facade around one.

    Raises:
        RequestError: for a name, which has to be loaded first, and for anything else that is no opened model.
    """
    inner = model if isinstance(model, Model) else getattr(model, "model", None)
    if isinstance(inner, Model):
        return inner
    if isinstance(model, str | PathLike):
        raise RequestError(
            f"“{model}” is a name, and a model is wanted.", f'Load it first: model = selfie_tui.load("{model}").'
        )
    raise RequestError(
        f"A {type(model).__name__} is no opened model.",
        "Give what selfie_tui.load or selfie_tui.adopt gave, or a ModelAgnosticSelfie.",
    )


def check_tokenizer(tokenizer: object) -> None:
    """Refuse what cannot split a text into tokens as a tokenizer of transformers does.

    Raises:
        RequestError: saying what it is instead.
    """
    if isinstance(tokenizer, str | PathLike):
        raise RequestError(
            f"“{tokenizer}” is a text, and a tokenizer is wanted.",
            "Give the tokenizer itself, from AutoTokenizer.from_pretrained or selfie.model.tokenizer.",
        )
    if not callable(tokenizer) or isinstance(tokenizer, torch.nn.Module) or not hasattr(tokenizer, "decode"):
        raise RequestError(
            "There is no tokenizer." if tokenizer is None else f"A {type(tokenizer).__name__} is no tokenizer.",
            "Give one of transformers, from AutoTokenizer.from_pretrained or selfie.model.tokenizer.",
        )


def whole(value: object, what: str) -> int:
    """A whole number as an int; of numpy and torch too.

    Raises:
        RequestError: for anything else, also 2.0 and "2".
    """
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise RequestError(f"{shown(value)} is no {what}.", f"Write a whole number for the {what}.") from None


def number(value: object, what: str) -> float:
    """A number as a float.

    Raises:
        RequestError: for anything else, also "2".
    """
    if not isinstance(value, Real):
        raise RequestError(f"{shown(value)} is no {what}.", f"Write a number for the {what}, such as 1.0.")
    return float(value)


def listed(given: object, what: str) -> list[Any]:
    """Several things as a list; a number or a name is a list of one.

    Raises:
        RequestError: for what is neither, and for a dictionary, which says two things of each.
    """
    if isinstance(given, str | Real):
        return [given]
    try:
        if isinstance(given, Mapping):
            raise TypeError
        return list(given)  # type: ignore[call-overload, no-any-return]
    except TypeError:
        raise RequestError(f"{shown(given)} is no list of {what}s.", f"Write a list of {what}s.") from None


def shown(value: object) -> str:
    """What was given, as the user would write it where that is short, else its kind."""
    text = repr(value)
    return text if len(text) <= 40 and "\n" not in text and " at 0x" not in text else f"A {type(value).__name__}"
