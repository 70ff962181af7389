"""Reads a language model's hidden states aloud: a terminal workbench and a Python library.

`load`, `adopt`, `interpret`, `interpret_vectors` and `logit_lens` are the library, `ModelAgnosticSelfie` and
`InterpretationPrompt` the same in the calls of NNsight Selfie; they bring in torch when they are first used.
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
    from selfie_tui.library.agnostic import ModelAgnosticSelfie as ModelAgnosticSelfie
    from selfie_tui.library.device_report import get_optimal_device as get_optimal_device
    from selfie_tui.library.device_report import print_device_info as print_device_info
    from selfie_tui.library.opening import adopt as adopt
    from selfie_tui.library.selfie import interpret as interpret
    from selfie_tui.library.selfie import interpret_vectors as interpret_vectors
    from selfie_tui.library.sequences import InterpretationPrompt as InterpretationPrompt

_LIBRARY = {
    "load": "selfie_tui.engine.loading",
    "adopt": "selfie_tui.library.opening",
    "interpret": "selfie_tui.library.selfie",
    "interpret_vectors": "selfie_tui.library.selfie",
    "logit_lens": "selfie_tui.engine.lens",
    "ModelAgnosticSelfie": "selfie_tui.library.agnostic",
    "InterpretationPrompt": "selfie_tui.library.sequences",
    "get_optimal_device": "selfie_tui.library.device_report",
    "print_device_info": "selfie_tui.library.device_report",
}


def __getattr__(name: str) -> Any:
    if name in _LIBRARY:
        return getattr(import_module(_LIBRARY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
