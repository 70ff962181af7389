"""Reads a language model's hidden states aloud: a terminal workbench and a Python library.

`load`, `adopt`, `interpret` and `logit_lens` are the library; they bring in torch when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

ENGINE_THREAD = "engine"
"""Name of the one thread that does engine work."""

if TYPE_CHECKING:
    from selfie_tui.engine.lens import logit_lens as logit_lens
    from selfie_tui.engine.loading import load as load
    from selfie_tui.engine.model import adopt as adopt
    from selfie_tui.engine.selfie import interpret as interpret

_LIBRARY = {
    "load": "selfie_tui.engine.loading",
    "adopt": "selfie_tui.engine.model",
    "interpret": "selfie_tui.engine.selfie",
    "logit_lens": "selfie_tui.engine.lens",
}


def __getattr__(name: str) -> Any:
    if name in _LIBRARY:
        return getattr(import_module(_LIBRARY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
