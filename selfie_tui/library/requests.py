"""A request from what a library's user gives: texts, cells and settings, each refused where it is no such thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from selfie_tui.engine.given import listed, number, shown, whole
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.source import source_tokens
from selfie_tui.errors import RequestError
from selfie_tui.library.cells import CellsGiven, cells_in, layer_number
from selfie_tui.library.interpretation_prompt import InterpretationPrompt, Prompt, asked
from selfie_tui.parse import parse_mode
from selfie_tui.records import Request

SETTINGS: dict[str, Callable[[Any], Any]] = {
    "injection_layer": layer_number,
    "mode": lambda mode: parse_mode(mode if isinstance(mode, str) else shown(mode)),
    "strength": lambda strength: number(strength, "strength"),
    "max_new_tokens": lambda count: whole(count, "number of new tokens"),
    "temperature": lambda temperature: number(temperature, "temperature"),
    "seed": lambda seed: whole(seed, "seed"),
}
"""How the settings of a request that can be given wrongly are read, by their names in the request."""


def request_of(
    model: Model,
    prompt: str | InterpretationPrompt,
    interpretation_prompt: Prompt,
    cells: CellsGiven,
    compat: str | None = None,
    stack: str = "",
    **settings: Any,
) -> Request:
    """The engine's request for cells of a prompt.

    Raises:
        RequestError: for a position that is not there, or an argument that is not what it should be.
    """
    preset, published = asked(interpretation_prompt, compat)
    text = text_of(prompt)
    source = source_tokens(model, text, stack)
    return Request(
        prompt=text,
        cells=cells_in(source, cells),
        preset=preset,
        compat=published,
        stack=stack,
        **settings_of(settings),
    )


def settings_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as a request has them; raises RequestError for what is not of their kind, such as "3" for a number."""
    return {name: SETTINGS[name](value) if name in SETTINGS else value for name, value in settings.items()}


def text_of(prompt: object) -> str:
    """A prompt's text; an interpretation prompt stands for its own.

    Raises:
        RequestError: for what is no text.
    """
    if isinstance(prompt, InterpretationPrompt):
        return prompt.preset.text
    if not isinstance(prompt, str):
        raise RequestError(f"{shown(prompt)} is no prompt.", "Give the prompt as a text, a str.")
    return prompt


def texts_of(prompts: object) -> list[str]:
    """The texts of several prompts.

    Raises:
        RequestError: for one text alone, or what is no list of texts.
    """
    if isinstance(prompts, str):
        raise RequestError("The prompts are one text.", "Give a list of texts, with a list of cells for each.")
    return [text_of(prompt) for prompt in listed(prompts, "prompt")]
