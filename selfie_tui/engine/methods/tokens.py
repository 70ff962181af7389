"""The tokens of a source prompt, and those of an interpretation prompt with the ones that are overwritten."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.source import source_tokens
from selfie_tui.engine.prompts.target import target_tokens
from selfie_tui.errors import SelfieError
from selfie_tui.records import Event, PresetTokens, PreviewPreset, PromptTokens, Tokenize


def tokenize(model: Model, task: Tokenize, cancelled: Callable[[], bool]) -> Iterator[Event]:
    """Do a `Tokenize` task; an empty prompt has no tokens. Raises as `source_tokens`."""
    tokens = source_tokens(model, task.prompt, task.stack) if task.prompt else ()
    yield PromptTokens(prompt=task.prompt, tokens=tokens, stack=task.stack)


def preview(model: Model, task: PreviewPreset, cancelled: Callable[[], bool]) -> Iterator[Event]:
    """Do a `PreviewPreset` task; why an interpretation prompt cannot be used is part of the answer."""
    try:
        tokens = target_tokens(model, task.preset, task.max_new_tokens, task.compat, task.system)
        yield PresetTokens(preset=task.preset, tokens=tokens)
    except SelfieError as error:
        yield PresetTokens(preset=task.preset, problem=str(error))


RUNS = {Tokenize: tokenize, PreviewPreset: preview}
