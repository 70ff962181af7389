"""Runs that were kept and have a page of their own: opened as if just run, made again, gone on with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from selfie_tui.records import CompareModels, RunTask
from selfie_tui.results.stored import StoredRun
from selfie_tui.tui.host import Host
from selfie_tui.tui.kept import PlayedBack
from selfie_tui.tui.state import AppState


class Frame(Protocol):
    """What a page needs of the screen below it."""

    state: AppState

    @property
    def app(self) -> Host: ...

    def ask_other(self) -> None:
        """Ask for another model to compare with."""


class KeptPage(NamedTuple):
    """How a kind of run is shown on its page: one that was read back, and one that is begun with a task."""

    show: Callable[[Frame, StoredRun, PlayedBack], None]
    begin: Callable[[Frame, Any], None]


def show_comparison(frame: Frame, stored: StoredRun, found: PlayedBack) -> None:
    """Open a comparison of two models."""
    task = found.began.task
    assert isinstance(task, CompareModels)
    frame.state.compared.play_back(task, found.began.info, found.events, stored.ending)
    open_comparison(frame)


def begin_comparison(frame: Frame, task: CompareModels) -> None:
    """Compare with the current model, and open the page."""
    state = frame.state
    state.compared.begin(task, state.submit(task), state.model)
    open_comparison(frame)


def open_comparison(frame: Frame) -> None:
    """Open the page of the comparison."""
    from selfie_tui.tui.pages.comparison import ComparisonScreen  # not needed for the first paint

    frame.app.push_screen(ComparisonScreen(frame.state, frame.ask_other))


PAGES: dict[type[RunTask], KeptPage] = {CompareModels: KeptPage(show_comparison, begin_comparison)}
"""The kinds that have a page, by the type of their task."""
