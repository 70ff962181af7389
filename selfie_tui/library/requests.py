"""Requests from a library user's arguments: texts, cells and settings, each checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from selfie_tui.errors import RequestError
from selfie_tui.library.arguments import as_bool, as_float, as_int, as_list, describe
from selfie_tui.library.cells import layer_number
from selfie_tui.library.interpretation_prompt import InterpretationPrompt, Prompt, check_compat, resolve_prompt
from selfie_tui.parse import parse_mode
from selfie_tui.records import Cell, Request
from selfie_tui.settings import SETTINGS as TABLE
from selfie_tui.settings import Setting

Reader = Callable[[Any], Any]
"""Reads what a caller writes for a setting; raises RequestError for what is not of its kind."""

OF_THEIR_OWN_KIND: dict[str, Reader] = {
    "injection_layer": layer_number,
    "mode": lambda mode: parse_mode(mode if isinstance(mode, str) else describe(mode)),
    "max_new_tokens": lambda count: as_int(count, "number of new tokens"),
    "stop": lambda stop: tuple(stop_text(text) for text in as_list(stop, "stop text")),
    "stack": lambda stack: stack,  # checked by the model, which names the stacks that it has
    "compat": lambda compat: check_compat(compat) is not None,
}
"""Settings that are more than a number or a switch, by their names in the request."""


def reader_of(setting: Setting) -> Reader:
    """How a setting is read that is a switch, a whole number or a number, as its default is."""
    kinds: dict[type, Callable[[Any, str], Any]] = {bool: as_bool, int: as_int, float: as_float}
    read = kinds[type(setting.default)]
    return lambda value: read(value, setting.field)


SETTINGS: dict[str, Reader] = {
    **{each.field: reader_of(each) for each in TABLE if each.field not in {"preset", *OF_THEIR_OWN_KIND}},
    **OF_THEIR_OWN_KIND,
}
"""How each setting of a request is read from what a caller writes, by its name in the request."""

PUBLISHED_NAMES = {"overlay_strength": "strength", "replacing_mode": "mode"}
"""Names of settings in NNsight Selfie's calls, with those of the request."""


def settings_in(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The settings among the arguments of a call (its `locals()`), by their names in the request."""
    named = {PUBLISHED_NAMES.get(name, name): value for name, value in arguments.items()}
    return {name: value for name, value in named.items() if name in SETTINGS}


def make_request(prompt: str, cells: Sequence[Cell], preset: Prompt, settings: Mapping[str, Any]) -> Request:
    """The request for cells of a prompt, its settings as a caller writes them.

    Raises:
        RequestError: for a setting that a request does not have or that cannot be read, such as "3" for a number.
    """
    if unknown := [name for name in settings if name not in SETTINGS]:
        raise RequestError(f"Unknown setting “{unknown[0]}”.", f"Use one of: {', '.join(SETTINGS)}.")
    values = {name: SETTINGS[name](value) for name, value in settings.items()}
    resolved, published = resolve_prompt(preset)
    values["compat"] = published or values.get("compat", False)
    return Request(prompt=prompt, cells=tuple(cells), preset=resolved, **values)


def stop_text(value: object) -> str:
    """A text at which an answer ends.

    Raises:
        RequestError: for what is not a text.
    """
    if not isinstance(value, str):
        raise RequestError(f"Invalid stop text {describe(value)}.", "Give one text, or a list of texts.")
    return value


def prompt_text(prompt: object) -> str:
    """The text of a prompt; an interpretation prompt stands for its own.

    Raises:
        RequestError: for what is not a text.
    """
    if isinstance(prompt, InterpretationPrompt):
        return prompt.preset.text
    if not isinstance(prompt, str):
        raise RequestError(f"Expected a text as prompt, got {describe(prompt)}.", "Give the prompt as a str.")
    return prompt


def prompt_texts(prompts: object) -> list[str]:
    """The texts of several prompts.

    Raises:
        RequestError: for a single text, or what is not a list of texts.
    """
    if isinstance(prompts, str):
        raise RequestError(
            "Expected a list of prompts, got one text.", "Give a list of texts, with a list of cells for each."
        )
    return [prompt_text(prompt) for prompt in as_list(prompts, "prompt")]
