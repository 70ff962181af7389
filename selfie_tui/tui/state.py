"""What the interface knows, kept up to date: the events of the engine are taken into it; no widgets here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from selfie_tui.kinds import most_layers, stack_named, stacks_of
from selfie_tui.records import (
    Calibrate,
    Calibrated,
    CellFinished,
    CompareLenses,
    ControlFinished,
    EditsSet,
    Event,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobStarted,
    LensRead,
    LoadModel,
    ModelProgress,
    ModelReady,
    PartialTexts,
    PresetTokens,
    PreviewPreset,
    Progress,
    PromptTokens,
    ReadLens,
    Task,
    Tokenize,
)
from selfie_tui.tui.asking import Asking
from selfie_tui.tui.changes import NOTHING, Changed
from selfie_tui.tui.known import FailedLoad
from selfie_tui.tui.pair import ORIGIN
from selfie_tui.tui.runs import CONTROL, Run


class AppState(Asking):
    """One object that every view reads; engine events go in by `take`, and what they change comes out."""

    def take(self, event: Event) -> Changed:
        """Take an event into the state; what it has changed. An event that concerns no one here changes nothing."""
        reducer, compared = REDUCERS.get(type(event)), self.compared.take(event)
        if compared and isinstance(event, ModelProgress):
            return Changed(comparison=True, status=True)  # of the other model: the current one stays
        changed = NOTHING if reducer is None else reducer(self, event)
        return changed._replace(comparison=True, status=True) if compared else changed

    def _started(self, event: JobStarted) -> Changed:
        self.running, self.progress, self.cancelling = event.job, None, False
        self.heard_at = self.clock()
        run = self.runs.get(event.job)
        if run is not None:
            run.state, self.last_run = "running", run
        return Changed(status=True, run=run, header=True)

    def _load_step(self, event: ModelProgress) -> Changed:
        self.load_step = event
        return Changed(status=True)

    def _model_ready(self, event: ModelReady) -> Changed:
        """Another model is the current one: nothing that was read with the one before holds.

        Its decoder is read where the decoder of the one before was; of a model with one stack, that one. The injection
        layer of the settings stays inside it.
        """
        self.model = event.model
        names = [stack.name for stack in stacks_of(event.model)]
        stack = "" if len(names) == 1 else self.stack if self.stack in names else names[0]
        self.loading = self.load_step = None
        self.lenses.clear()
        self.prompt_problem = ""
        self.selection.show_model(stack_named(event.model, stack).layers, stack)
        self.bounds = self.bounds._replace(blocks=most_layers(event.model), kind=event.model.kind)
        self._take_pair_along()
        layer = min(self.settings.injection_layer, self.bounds.blocks - 1)
        self.choose(msgspec.structs.replace(self.settings, injection_layer=layer))
        return Changed(model=True, selection=True, lens=True, settings=True, status=True)

    def _edits_set(self, event: EditsSet) -> Changed:
        self.model = event.model
        self.lenses.clear()
        return Changed(edits=True, lens=True, status=True)

    def _take_pair_along(self) -> None:
        """Ask another model for its tokens of the pair's source; one without such a stack has no use for it."""
        if self.pair is not None and self.model is not None:
            known = self.pair.stack in ("", *(stack.name for stack in stacks_of(self.model)))
            self.pair = self.pair._replace(tokens=()) if known else None
        if self.pair is not None:
            self.submit(Tokenize(self.pair.prompt, self.pair.stack, origin=ORIGIN))

    def _prompt_tokens(self, event: PromptTokens) -> Changed:
        pair, changed = self._pair_tokens(event), self._shown_tokens(event)
        return changed._replace(pair=True) if pair else changed

    def _pair_tokens(self, event: PromptTokens) -> bool:
        """Take the tokens of the pair's source, where these are they and others than before."""
        source = self.pair
        if source is None or (event.prompt, event.stack) != (source.prompt, source.stack):
            return False
        self.pair = source._replace(tokens=event.tokens)
        return self.pair != source

    def _shown_tokens(self, event: PromptTokens) -> Changed:
        if event.prompt != self.prompt or event.stack != self.stack:
            return NOTHING
        self.selection.show_tokens(event.prompt, event.tokens)
        self.lenses.keep(event.prompt)
        self.prompt_problem = ""
        self.mark_as_asked()
        return Changed(tokens=True, selection=True, status=True)

    def _preset_tokens(self, event: PresetTokens) -> Changed:
        self.preset_tokens = event
        return Changed(preset=True)

    def _lens_read(self, event: LensRead) -> Changed:
        self.lenses.take(event, self.prompt)
        here = self._lens_here
        return Changed(lens=(event.stack, event.prompt, event.positions) == (here.stack, here.prompt, here.positions))

    def _partial_texts(self, event: PartialTexts) -> Changed:
        run = self.runs.get(event.job)
        if run is None:
            return NOTHING
        run.growing.update(event.texts)
        shown = tuple(index for index, text in event.texts if text.strip() and not run.finished(index))
        return Changed(run=run, indices=shown)

    def _progress(self, event: Progress) -> Changed:
        self.progress, self.heard_at = event, self.clock()
        return Changed(status=True)

    def _control_finished(self, event: ControlFinished) -> Changed:
        run = self.runs.get(event.job)
        if run is None or event.control.kind != "none":
            return NOTHING
        run.control = event.control
        return Changed(run=run, indices=(CONTROL,))

    def _calibrated(self, event: Calibrated) -> Changed:
        self.calibrations.take(event.calibration)
        return Changed(calibration=True)

    def _cell_finished(self, event: CellFinished) -> Changed:
        run = self.runs.get(event.job)
        if run is None:
            return NOTHING
        run.finish(event.index, event.interpretation)
        return Changed(run=run, indices=(event.index,))

    def _ended(self, event: JobFinished | JobCancelled | JobFailed) -> Changed:
        task = self.sent.forget(event.job)
        self.lenses.ended(task)
        if isinstance(event, JobFailed):
            if self._is_stale(task):
                return Changed(ended=task, stale=True)
            self._take_failure(task, event)
        elif isinstance(event, JobCancelled) and isinstance(task, LoadModel):
            self.pending_view = ""
        if event.job == self.running:
            self.running, self.progress, self.cancelling = None, None, False
        if isinstance(task, LoadModel) and task is self.loading:
            self.loading = self.load_step = None
        run = self.runs.get(event.job)
        if run is not None:
            _end_run(run, event)
        failed = isinstance(event, JobFailed)
        return Changed(
            status=True, run=run, header=True, ended=task, calibration=isinstance(task, Calibrate),
            tokens=failed and isinstance(task, Tokenize), preset=failed and isinstance(task, PreviewPreset),
        )  # fmt: skip

    def _is_stale(self, task: Task | None) -> bool:
        """Whether a task asked of a prompt, a stack or a model that is another by now, and has been asked of again."""
        return isinstance(task, (Tokenize, ReadLens, CompareLenses)) and (
            task.prompt != self.prompt or task.stack != self.stack
        )

    def _take_failure(self, task: Task | None, event: JobFailed) -> None:
        problem = f"{event.cause} {event.remedy}"
        match task:
            case Tokenize(origin=origin) if origin == ORIGIN:
                self.pair = None
            case Tokenize():
                self.selection.show_tokens("", ())
                self.prompt_problem, self.pending_view = problem, ""
                self.refused_as = (self.stack, self.prompt)
            case PreviewPreset(preset=preset):
                self.preset_tokens = PresetTokens(preset=preset, problem=problem)
            case LoadModel(name=name):
                self.pending_view = ""
                self.failed_load = FailedLoad(name, problem.strip())


def _end_run(run: Run, event: JobFinished | JobCancelled | JobFailed) -> None:
    match event:
        case JobFinished(seconds=seconds):
            run.state, run.seconds = "finished", seconds
        case JobCancelled():
            run.state = "cancelled"
        case JobFailed():
            run.state = "failed"


REDUCERS: dict[type[Event], Callable[[AppState, Any], Changed]] = {
    JobStarted: AppState._started,
    ModelProgress: AppState._load_step,
    ModelReady: AppState._model_ready,
    EditsSet: AppState._edits_set,
    PromptTokens: AppState._prompt_tokens,
    PresetTokens: AppState._preset_tokens,
    LensRead: AppState._lens_read,
    PartialTexts: AppState._partial_texts,
    Progress: AppState._progress,
    ControlFinished: AppState._control_finished,
    CellFinished: AppState._cell_finished,
    Calibrated: AppState._calibrated,
    JobFinished: AppState._ended,
    JobCancelled: AppState._ended,
    JobFailed: AppState._ended,
}
"""What is done with each kind of event that changes the state."""
