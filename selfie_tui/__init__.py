"""Reads a language model's hidden states aloud: a terminal workbench and a Python library.

`load`, `adopt`, `interpret`, `interpret_vectors`, `lens`, `logit_lens`, `export` and `read_results` are the library,
`ModelAgnosticSelfie` and `InterpretationPrompt` the same in the calls of NNsight Selfie; they bring in torch when they
are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

ENGINE_THREAD = "engine"
"""Name of the one thread that does engine work."""

if TYPE_CHECKING:
    from selfie_tui.engine.loading.load import load as load
    from selfie_tui.library.api import interpret as interpret
    from selfie_tui.library.api import interpret_vectors as interpret_vectors
    from selfie_tui.library.calibrate import calibrate as calibrate
    from selfie_tui.library.comparing import compare_models as compare_models
    from selfie_tui.library.control import control_layer as control_layer
    from selfie_tui.library.devices import get_optimal_device as get_optimal_device
    from selfie_tui.library.devices import print_device_info as print_device_info
    from selfie_tui.library.facade import ModelAgnosticSelfie as ModelAgnosticSelfie
    from selfie_tui.library.inspecting import answers as answers
    from selfie_tui.library.inspecting import attention_pattern as attention_pattern
    from selfie_tui.library.inspecting import edited as edited
    from selfie_tui.library.inspecting import inspect_module as inspect_module
    from selfie_tui.library.inspecting import keep_vector as keep_vector
    from selfie_tui.library.inspecting import load_vector as load_vector
    from selfie_tui.library.inspecting import module_states as module_states
    from selfie_tui.library.inspecting import module_tree as module_tree
    from selfie_tui.library.interpretation_prompt import InterpretationPrompt as InterpretationPrompt
    from selfie_tui.library.lens import lens as lens
    from selfie_tui.library.lens import logit_lens as logit_lens
    from selfie_tui.library.open_model import adopt as adopt
    from selfie_tui.library.patching.calls import act_patch as act_patch
    from selfie_tui.library.patching.calls import activation_mean_patch as activation_mean_patch
    from selfie_tui.library.patching.calls import activation_patch as activation_patch
    from selfie_tui.library.patching.calls import activation_zero_patch as activation_zero_patch
    from selfie_tui.library.patching.calls import attribution_patch as attribution_patch
    from selfie_tui.library.patching.calls import attribution_zero_patch as attribution_zero_patch
    from selfie_tui.library.patching.patched import patch as patch
    from selfie_tui.library.patching.paths import path_patch as path_patch
    from selfie_tui.library.patching.sites import MultiSite as MultiSite
    from selfie_tui.library.patching.sites import Site as Site
    from selfie_tui.library.patching.sites import Sites as Sites
    from selfie_tui.library.steering import browse_directions as browse_directions
    from selfie_tui.library.steering import compare_vectors as compare_vectors
    from selfie_tui.library.steering import mean_vector as mean_vector
    from selfie_tui.library.steering import save_vector as save_vector
    from selfie_tui.library.steering import steer as steer
    from selfie_tui.library.steering import vector as vector

_LIBRARY = {
    "load": "selfie_tui.engine.loading.load",
    "adopt": "selfie_tui.library.open_model",
    "interpret": "selfie_tui.library.api",
    "interpret_vectors": "selfie_tui.library.api",
    "calibrate": "selfie_tui.library.calibrate",
    "lens": "selfie_tui.library.lens",
    "logit_lens": "selfie_tui.library.lens",
    "module_tree": "selfie_tui.library.inspecting",
    "inspect_module": "selfie_tui.library.inspecting",
    "module_states": "selfie_tui.library.inspecting",
    "attention_pattern": "selfie_tui.library.inspecting",
    "edited": "selfie_tui.library.inspecting",
    "answers": "selfie_tui.library.inspecting",
    "keep_vector": "selfie_tui.library.inspecting",
    "load_vector": "selfie_tui.library.inspecting",
    "mean_vector": "selfie_tui.library.steering",
    "vector": "selfie_tui.library.steering",
    "save_vector": "selfie_tui.library.steering",
    "compare_vectors": "selfie_tui.library.steering",
    "browse_directions": "selfie_tui.library.steering",
    "steer": "selfie_tui.library.steering",
    "control_layer": "selfie_tui.library.control",
    "compare_models": "selfie_tui.library.comparing",
    "ModelAgnosticSelfie": "selfie_tui.library.facade",
    "InterpretationPrompt": "selfie_tui.library.interpretation_prompt",
    "get_optimal_device": "selfie_tui.library.devices",
    "print_device_info": "selfie_tui.library.devices",
    "Site": "selfie_tui.library.patching.sites",
    "MultiSite": "selfie_tui.library.patching.sites",
    "Sites": "selfie_tui.library.patching.sites",
    "patch": "selfie_tui.library.patching.patched",
    "activation_patch": "selfie_tui.library.patching.calls",
    "act_patch": "selfie_tui.library.patching.calls",
    "activation_zero_patch": "selfie_tui.library.patching.calls",
    "activation_mean_patch": "selfie_tui.library.patching.calls",
    "attribution_patch": "selfie_tui.library.patching.calls",
    "attribution_zero_patch": "selfie_tui.library.patching.calls",
    "path_patch": "selfie_tui.library.patching.paths",
    # These two stand on a higher floor, so that their types are not named above.
    "export": "selfie_tui.results.of_library",
    "read_results": "selfie_tui.results.of_library",
}


def __getattr__(name: str) -> Any:
    if name in _LIBRARY:
        return getattr(import_module(_LIBRARY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
