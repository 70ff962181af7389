"""What the job thread drives: one current model, and each kind of task as a generator of events."""

from __future__ import annotations

import gc
import pkgutil
import traceback
from collections.abc import Callable, Iterator
from importlib import import_module
from time import perf_counter
from typing import Any

import torch

from selfie_tui.cores import chosen_threads, usable_cores
from selfie_tui.engine import methods
from selfie_tui.engine.heap import give_large_blocks_their_own_memory, return_freed_memory
from selfie_tui.engine.inspecting.tree import module_nodes
from selfie_tui.engine.loading.load import ShowModules, load
from selfie_tui.engine.loading.locate import ProgressReport
from selfie_tui.engine.loading.skeleton import build_skeleton
from selfie_tui.engine.model import Model
from selfie_tui.errors import Cancelled, RequestError
from selfie_tui.records import (
    NEEDS,
    Event,
    LoadModel,
    ModelProgress,
    ModelReady,
    ModulesRead,
    Notice,
    ReadModules,
    Task,
)

Method = Callable[[Model, Any, Callable[[], bool]], Iterator[Event]]
"""Does a task with a model: `run(model, task, cancelled)`, lazily."""

MethodOfTwo = Callable[[Model, Model, Any, Callable[[], bool]], Iterator[Event]]
"""Does a task with a model and the one that the task's `other` names: `run(model, other, task, cancelled)`, lazily."""


def find_methods(name: str) -> dict[type[Task], Any]:
    """The methods by the type of their task: those that the modules of `engine.methods` have under a name."""
    modules = [import_module(f"{methods.__name__}.{found.name}") for found in pkgutil.iter_modules(methods.__path__)]
    return {task: run for module in modules for task, run in getattr(module, name, {}).items()}


METHODS: dict[type[Task], Method] = find_methods("RUNS")
METHODS_OF_TWO: dict[type[Task], MethodOfTwo] = find_methods("RUNS_WITH_ANOTHER")

QUICK = 0.25
"""Seconds within which a quick task is done that takes no memory to speak of."""


class EngineService:
    """The engine behind the job thread; holds the current model."""

    def __init__(self, model: Model | None = None, threads: int | None = None) -> None:
        torch.set_num_threads(threads or default_threads())
        give_large_blocks_their_own_memory()
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
        """The events of a task as they happen; `post` takes those from inside a download."""
        if isinstance(task, LoadModel):
            return self._load(task, cancelled, post)
        if isinstance(task, ReadModules) and task.model:
            return self._modules_of(task.model, cancelled, post)
        if type(task) in METHODS_OF_TWO:
            return returning_memory(letting_go(self._with_another(task, cancelled, post)))
        return returning_memory(METHODS[type(task)](self.model, task, cancelled), QUICK if task.quick else 0)

    def _modules_of(self, name: str, cancelled: Callable[[], bool], post: Callable[[Event], object]) -> Iterator[Event]:
        """The tree of a model that is not loaded, from its configuration."""
        yield ModulesRead(model=name, nodes=module_nodes(build_skeleton(name, reporting(cancelled, post))))

    def _with_another(
        self, task: Any, cancelled: Callable[[], bool], post: Callable[[Event], object]
    ) -> Iterator[Event]:
        """Do a task with the current model and another, loaded for it and then let go; its memory is told first."""
        model, named, report = self.model, task.other, reporting(cancelled, post)

        def telling(step: str, fraction: float | None) -> None:
            if step.startswith(NEEDS):
                post(Notice(text=f"{named.name}, beside {model.name}: {step}."))
            report(step, fraction)

        paths = dict(named.layer_paths) or None
        other = load(named.name, device=named.device, dtype=named.dtype, layer_paths=paths, report=telling)
        for notice in other.notices:
            yield Notice(text=notice, severity="warning")
        yield from METHODS_OF_TWO[type(task)](model, other, task, cancelled)

    def _load(self, task: LoadModel, cancelled: Callable[[], bool], post: Callable[[Event], object]) -> Iterator[Event]:
        """Load a model; the one before stays current until the new one is ready."""
        report, show = reporting(cancelled, post), showing(task.name, post)
        paths = dict(task.layer_paths) or None
        model = load(task.name, device=task.device, dtype=task.dtype, layer_paths=paths, report=report, show=show)
        if cancelled():
            raise Cancelled
        self._model = model
        for notice in model.notices:
            yield Notice(text=notice, severity="warning")
        yield ModelReady(model=model.info())


def returning_memory(events: Iterator[Event], unless_within: float = 0) -> Iterator[Event]:
    """The same events; at their end the memory that they took goes back to the system.

    It stays where they took less than so many seconds: what is read while a cursor moves takes little.
    """
    began = perf_counter()
    try:
        yield from events
    finally:
        if perf_counter() - began >= unless_within:
            return_freed_memory()


def letting_go(events: Iterator[Event]) -> Iterator[Event]:
    """The same events; at their end what they alone held is freed.

    A model and its wrappers refer to each other, which only the collector finds, and an error refers to all that was
    there where it was raised.
    """
    try:
        yield from events
    except BaseException as error:
        traceback.clear_frames(error.__traceback__)
        raise
    finally:
        gc.collect()


def reporting(cancelled: Callable[[], bool], post: Callable[[Event], object]) -> ProgressReport:
    """A report of loading that posts each step once, and raises `Cancelled` once it is cancelled."""
    last: list[ModelProgress] = []

    def report(step: str, fraction: float | None) -> None:
        if cancelled():
            raise Cancelled
        progress = ModelProgress(step=step, fraction=fraction)
        if last != [progress]:
            last[:] = [progress]
            post(progress)

    return report


def showing(name: str, post: Callable[[Event], object]) -> ShowModules:
    """Posts the tree of the model of a name before its weights are read."""
    return lambda skeleton: post(ModulesRead(model=name, nodes=module_nodes(skeleton)))


def default_threads() -> int:
    """The number that `OMP_NUM_THREADS` sets, else all usable cores but one, which is the interface's."""
    return chosen_threads() or max(1, usable_cores() - 1)
