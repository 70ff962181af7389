"""What becomes of an event of the engine: it goes into the state, then onto the screen; some open a page or a toast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from selfie_tui.records import (
    Event,
    Interpret,
    InterpretLines,
    JobCancelled,
    JobFailed,
    JobFinished,
    LoadModel,
    ModelReady,
    Notice,
    Peek,
    PreviewPreset,
    ReadAttention,
    ReadModules,
    Steer,
    Tokenize,
    VectorKept,
)
from selfie_tui.tui.changes import Changed
from selfie_tui.tui.screens.main import MainScreen
from selfie_tui.tui.status import key_of

MOST_PAGES = 2
"""Pages that are open above the main screen at most."""


def handle(screen: MainScreen, event: Event) -> None:
    """Take an event: into the state, then onto the screen."""
    changed = screen.state.take(event)
    for view in screen.opened.values():
        view.take(event)
    screen.show(changed)
    if event.job and event.job == screen.state.running and not screen.state.runs_now:
        screen.update_status()  # a view says how far a job of its own is
    react = REACTIONS.get(type(event))
    if react is not None:
        react(screen, event, changed)


def _model_ready(screen: MainScreen, event: ModelReady, changed: Changed) -> None:
    screen.app.model_ready(event.model)


def _notice(screen: MainScreen, event: Notice, changed: Changed) -> None:
    if not _is_shown(screen, event):
        screen.app.toast(event.text, event.severity)


def _is_shown(screen: MainScreen, event: Event) -> bool:
    """Whether the view that is shown says itself what there is to know of a job."""
    return bool(event.job) and screen.view.owns(event.job)


def _vector_kept(screen: MainScreen, event: VectorKept, changed: Changed) -> None:
    shows = key_of("view.vectors", screen.app.keymap)
    screen.app.confirm(f"Kept {screen.app.look.prose(event.name)}: {shows} shows it")


def _cancelled(screen: MainScreen, event: JobCancelled, changed: Changed) -> None:
    if isinstance(changed.ended, LoadModel):
        screen.app.offer_models()
        screen.app.confirm(f"Loading {changed.ended.name} was cancelled.")
    _ended(screen, event, changed)


def _failed(screen: MainScreen, event: JobFailed, changed: Changed) -> None:
    match changed.ended:
        case _ if changed.stale:
            return
        case _ if event.refused and _is_shown(screen, event):
            pass
        case Tokenize() | PreviewPreset():
            pass  # shown in place of the tokens
        case Peek() | ReadAttention() | ReadModules():
            pass  # shown in place of the values
        case LoadModel(name=name):
            screen.app.offer_models()
            screen.app.remember(device="", dtype="")  # the next start would fail as well
            _show_error(screen, f"{screen.app.look.prose(name)} was not loaded", event)
        case Interpret() | InterpretLines() | Steer():
            _show_error(
                screen, "It stopped" if isinstance(changed.ended, Steer) else "The interpretation stopped", event
            )
        case _:
            screen.app.toast(f"{event.cause} {event.remedy}", "warning")
    _ended(screen, event, changed)


def _show_error(screen: MainScreen, what: str, failure: JobFailed) -> None:
    """Open a page above the main screen and at most one other; where there are two, the log keeps what happened.

    Each page is drawn with all that are below it, so that a pile of them takes ever longer to draw.
    """
    from selfie_tui.tui.pages.error import ErrorScreen  # not needed for the first paint

    if len(screen.app.screen_stack) <= MOST_PAGES:
        screen.app.push_screen(ErrorScreen(what, failure))
    else:
        handle(screen, Notice(text=f"{what}: {failure.cause} {failure.remedy}", severity="error"))


def _ended(screen: MainScreen, event: Event, changed: Changed) -> None:
    screen.app.first_load_is_over()
    screen.run_if_ready()
    screen.update_status()


REACTIONS: dict[type[Event], Callable[[MainScreen, Any, Changed], None]] = {
    ModelReady: _model_ready,
    Notice: _notice,
    VectorKept: _vector_kept,
    JobFinished: _ended,
    JobCancelled: _cancelled,
    JobFailed: _failed,
}
"""What an event does beside what it changes in the state."""
