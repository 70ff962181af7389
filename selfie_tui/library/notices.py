"""Warnings of a model's notices: that it is not verified, or that it runs on another device than asked for."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from weakref import WeakSet

from selfie_tui.engine.model import Model

_warned: WeakSet[Model] = WeakSet()


def warn_of_notices(model: Model, stacklevel: int, others: Iterable[str] = ()) -> None:
    """Warn of `others`, and of the model's own notices when the library meets it for the first time.

    `stacklevel` counts the calls from here up to the user's line. The notices stay in `Model.notices`, and every
    result has them.
    """
    own = [] if model in _warned else model.notices
    _warned.add(model)
    for notice in [*others, *own]:
        warnings.warn(notice, stacklevel=stacklevel + 1)
