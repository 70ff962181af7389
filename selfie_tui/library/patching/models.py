"""The engine's model around whatever a user holds: looked at once, outside of any trace, and known from then on."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from selfie_tui.engine.model import Model, adopt
from selfie_tui.errors import RequestError
from selfie_tui.library.arguments import as_model
from selfie_tui.library.open_model import check_module, unwrapped

_known: WeakKeyDictionary[Any, Model] = WeakKeyDictionary()


def patchable(model: Any) -> Model:
    """A model of this engine, or one around a module or an nnsight model; a module is looked at once.

    Raises:
        LoadError: if no stack of blocks or no head is found in it.
    """
    if isinstance(model, Model) or isinstance(getattr(model, "model", None), Model):
        found = as_model(model)
        _known[found.module] = found
        return found
    module, tokenizer = unwrapped(model)
    if module not in _known:
        check_module(module, tokenizer)
        _known[module] = adopt(module, tokenizer)
    return _known[module]


def known(model: Any) -> Model:
    """A model that was looked at before; for use inside a trace of it, where no other forward can run.

    Raises:
        RequestError: for one that was not.
    """
    module = getattr(model, "_module", getattr(model, "module", model))
    found = _known.get(getattr(module, "_orig_mod", module))
    if found is None:
        raise RequestError(
            "Where this model has its sites is not known yet, and cannot be found inside of a trace.",
            "Call sites.get_sites_dict(model, ...) or site.find(model) before the trace.",
        )
    return found
