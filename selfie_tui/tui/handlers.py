"""What the main screen does with each kind of event of the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from selfie_tui.records import (
    CellFinished,
    ControlFinished,
    Event,
    Interpret,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobStarted,
    LensRead,
    LoadModel,
    ModelProgress,
    ModelReady,
    Notice,
    PartialTexts,
    PresetTokens,
    PreviewPreset,
    Progress,
    PromptTokens,
    ReadLens,
    Tokenize,
)
from selfie_tui.tui.runs import CONTROL
from selfie_tui.tui.screens.main import MainScreen
from selfie_tui.tui.status import note_on


def handle(screen: MainScreen, event: Event) -> None:
    """Take an event: first into the books, then onto the screen."""
    HANDLERS[type(event)](screen, event)


def _started(screen: MainScreen, event: JobStarted) -> None:
    screen.work.started(event)
    run = screen.work.run(event)
    if run is not None:
        screen.log_view.update_header(run)
    screen.tell_status()


def _model_progress(screen: MainScreen, event: ModelProgress) -> None:
    screen.work.load_step = event
    screen.tell_status()


def _model_ready(screen: MainScreen, event: ModelReady) -> None:
    screen.work.ready(event.model)
    screen.show_model(event.model)
    screen.app.model_ready(event.model)
    screen.tell_status()


def _prompt_tokens(screen: MainScreen, event: PromptTokens) -> None:
    if event.prompt != screen.prompt_text.value or event.stack != screen.work.stack:
        return
    screen.tokens_of = event.prompt
    screen.tokens.show_tokens(event.tokens)
    screen.tokens.show_note(note_on(event))
    screen.run_if_ready()
    screen.tell_status()


def _preset_tokens(screen: MainScreen, event: PresetTokens) -> None:
    screen.preset_view.show_tokens(event)


def _lens_read(screen: MainScreen, event: LensRead) -> None:
    screen.work.keep_lens(event)
    here = (screen.work.stack, screen.tokens_of, screen.tokens.cursor)
    if (event.stack, event.prompt, event.position) == here:
        screen.show_lens()


def _growing(screen: MainScreen, event: PartialTexts) -> None:
    run = screen.work.run(event)
    if run is not None:
        for index, text in event.texts:
            run.growing[index] = text
            if text.strip() and not run.finished(index):
                screen.log_view.update(run, index)


def _progress(screen: MainScreen, event: Progress) -> None:
    screen.work.progress = event
    screen.tell_status()


def _control_finished(screen: MainScreen, event: ControlFinished) -> None:
    run = screen.work.run(event)
    if run is not None and event.control.kind == "none":
        run.control = event.control
        screen.log_view.update(run, CONTROL)


def _cell_finished(screen: MainScreen, event: CellFinished) -> None:
    run = screen.work.run(event)
    if run is not None:
        run.readings[event.index] = event.interpretation
        screen.log_view.update(run, event.index)


def _notice(screen: MainScreen, event: Notice) -> None:
    screen.app.tell(event.text, event.severity)
    if event.severity != "information":
        screen.log_view.notice(event.text, event.severity)


def _finished(screen: MainScreen, event: JobFinished) -> None:
    screen.work.closed(event)
    _ended(screen, event, "finished")


def _cancelled(screen: MainScreen, event: JobCancelled) -> None:
    task = screen.work.closed(event)
    if isinstance(task, LoadModel):
        screen.work.wanted = False
        screen.app.tell(f"Loading {task.name} was cancelled.", "information")
    _ended(screen, event, "cancelled")


def _failed(screen: MainScreen, event: JobFailed) -> None:
    task = screen.work.closed(event)
    match task:
        case Tokenize(prompt=prompt) | ReadLens(prompt=prompt) if (
            prompt != screen.prompt_text.value or task.stack != screen.work.stack
        ):
            return  # the prompt, the stack or the model is another one by now, and has been asked of
        case Tokenize():
            screen.tokens_of = ""
            screen.tokens.show_tokens(())
            screen.tokens.show_note(f"{event.cause} {event.remedy}")
            screen.work.wanted = False
        case PreviewPreset(preset=preset):
            screen.preset_view.show_tokens(PresetTokens(preset=preset, problem=f"{event.cause} {event.remedy}"))
        case LoadModel(name=name):
            screen.work.wanted = False
            _show_error(screen, f"{screen.app.look.prose(name)} was not loaded", event)
        case Interpret():
            _show_error(screen, "The interpretation stopped", event)
        case _:
            screen.app.tell(f"{event.cause} {event.remedy}", "warning")
    _ended(screen, event, "failed")


def _show_error(screen: MainScreen, what: str, failure: JobFailed) -> None:
    from selfie_tui.tui.pages.error import ErrorScreen  # not needed for the first paint

    screen.app.push_screen(ErrorScreen(what, failure))


def _ended(screen: MainScreen, event: Event, ending: Any) -> None:
    run = screen.work.run(event)
    if run is not None:
        screen.log_view.update_header(run)
    screen.app.first_load_is_over()
    screen.run_if_ready()
    screen.tell_status()


HANDLERS: dict[type[Event], Callable[[MainScreen, Any], None]] = {
    JobStarted: _started,
    ModelProgress: _model_progress,
    ModelReady: _model_ready,
    PromptTokens: _prompt_tokens,
    PresetTokens: _preset_tokens,
    LensRead: _lens_read,
    PartialTexts: _growing,
    Progress: _progress,
    ControlFinished: _control_finished,
    CellFinished: _cell_finished,
    Notice: _notice,
    JobFinished: _finished,
    JobCancelled: _cancelled,
    JobFailed: _failed,
}
"""A handler for every kind of event that there is."""
