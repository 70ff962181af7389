"""Warnings: of a model's notices, such as that it is not verified, and of readings that say little of a text."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from weakref import WeakSet

from selfie_tui.engine.model import Model
from selfie_tui.records import Token

_warned: WeakSet[Model] = WeakSet()
_warned_of_special: WeakSet[Model] = WeakSet()
_warned_of_equal: list[bool] = []


def warn_of_notices(model: Model, stacklevel: int, others: Iterable[str] = ()) -> None:
    """Warn of `others`, and of the model's own notices when the library meets it for the first time.

    `stacklevel` counts the calls from here up to the user's line. The notices stay in `Model.notices`, and every
    result has them.
    """
    own = [] if model in _warned else model.notices
    _warned.add(model)
    for notice in [*others, *own]:
        warnings.warn(notice, stacklevel=stacklevel + 1)


def warn_of_special_tokens(model: Model, tokens: Iterable[Token], stacklevel: int) -> None:
    """Warn, once for each model, that a special token is read: its state is often the same in every text."""
    special = next((token for token in tokens if token.special), None)
    if special is None or model in _warned_of_special:
        return
    _warned_of_special.add(model)
    warnings.warn(
        f"Token {special.position} ({special.text!a}) is a special token: what is read there says little of the text. "
        "A begin token's state is the same whatever follows it.",
        stacklevel=stacklevel + 1,
    )


def warn_of_equal(stacklevel: int) -> None:
    """Warn, once, that two activations that are compared are equal."""
    if _warned_of_equal:
        return
    _warned_of_equal.append(True)
    warnings.warn(
        "The two activations are equal. Those of a begin token are the same in every text: compare a later token.",
        stacklevel=stacklevel + 1,
    )
