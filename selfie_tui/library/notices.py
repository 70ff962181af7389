"""Tells a library's user, once, what there is to know of a model: that it is not verified, or where it runs instead."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from weakref import WeakSet

from selfie_tui.engine.model import Model

_told: WeakSet[Model] = WeakSet()


def tell(model: Model, stacklevel: int, others: Iterable[str] = ()) -> None:
    """Warn of `others`, and of the model's own notices when the library meets it for the first time.

    `stacklevel` counts the calls from here up to the user's line. The notices stay in `Model.notices`, and every
    result has them.
    """
    own = [] if model in _told else model.notices
    _told.add(model)
    for notice in [*others, *own]:
        warnings.warn(notice, stacklevel=stacklevel + 1)
