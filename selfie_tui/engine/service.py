"""What the job thread drives: one current model, and each kind of task as a generator of events."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import torch

from selfie_tui.engine.loading.load import load
from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.engine.methods.lens import logit_lens
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.checks import check_position
from selfie_tui.engine.prompts.source import source_of, source_tokens
from selfie_tui.engine.prompts.target import target_tokens
from selfie_tui.errors import Cancelled, RequestError, SelfieError
from selfie_tui.records import (
    Event,
    Interpret,
    LensRead,
    LoadModel,
    ModelProgress,
    ModelReady,
    Notice,
    PresetTokens,
    PreviewPreset,
    PromptTokens,
    ReadLens,
    Task,
    Tokenize,
)


class EngineService:
    """The engine behind the job thread; holds the current model."""

    def __init__(self, model: Model | None = None, threads: int | None = None) -> None:
        torch.set_num_threads(threads or default_threads())
        self._model = model

    @property
    def model(self) -> Model:
        """The current model.

        Raises:
            RequestError: if none is loaded.
        """
        if self._model is None:
            raise RequestError("No model is loaded.", "Choose one first.")
        return self._model

    def run(self, task: Task, cancelled: Callable[[], bool], post: Callable[[Event], object]) -> Iterator[Event]:
        """Do a task, yielding its events as they happen; `post` takes those from inside a download."""
        match task:
            case LoadModel():
                yield from self._load(task, cancelled, post)
            case Tokenize(prompt=prompt, stack=stack):
                tokens = source_tokens(self.model, prompt, stack) if prompt else ()
                yield PromptTokens(prompt=prompt, tokens=tokens, stack=stack)
            case PreviewPreset(preset=preset, max_new_tokens=count):
                try:
                    yield PresetTokens(preset=preset, tokens=target_tokens(self.model, preset, count))
                except SelfieError as error:
                    yield PresetTokens(preset=preset, problem=str(error))
            case ReadLens(prompt=prompt, position=position, k=k, stack=stack):
                source = source_of(self.model, prompt, stack)
                check_position(source.tokens, position)
                rows = logit_lens(self.model, source.ids, position, k=k, prefix=source.prefix)
                yield LensRead(prompt=prompt, position=position, rows=rows, stack=stack)
            case Interpret(request=request):
                yield from interpret(self.model, request, cancelled)

    def _load(self, task: LoadModel, cancelled: Callable[[], bool], post: Callable[[Event], object]) -> Iterator[Event]:
        """Load a model; the one before stays current until the new one is ready."""
        told: ModelProgress | None = None

        def report(step: str, fraction: float | None) -> None:
            nonlocal told
            if cancelled():
                raise Cancelled
            progress = ModelProgress(step=step, fraction=fraction)
            if progress != told:
                told = progress
                post(progress)

        model = load(task.name, device=task.device, dtype=task.dtype, report=report)
        if cancelled():
            raise Cancelled
        self._model = model
        for notice in model.notices:
            yield Notice(text=notice, severity="warning")
        yield ModelReady(model=model.info())


def default_threads() -> int:
    """All cores but one, which is the interface's."""
    return max(1, (os.cpu_count() or 2) - 1)
