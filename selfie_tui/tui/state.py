"""What the interface knows: the model, the selection, what is asked of the engine, what came back; no widgets here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from selfie_tui.kinds import most_layers, stack_named, stacks_of
from selfie_tui.records import (
    Calibrate,
    Calibrated,
    Cell,
    CellFinished,
    ControlFinished,
    EditsSet,
    Event,
    Interpret,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobStarted,
    LensRead,
    LensRow,
    LoadModel,
    ModelInfo,
    ModelProgress,
    ModelReady,
    ModuleTensor,
    PartialTexts,
    PresetTokens,
    PreviewPreset,
    Progress,
    PromptTokens,
    ReadLens,
    StackInfo,
    Task,
    Tokenize,
)
from selfie_tui.settings import Bounds, InterpretSettings
from selfie_tui.tui.calibrations import Calibrations
from selfie_tui.tui.changes import NOTHING, Changed
from selfie_tui.tui.kept import KeptRuns
from selfie_tui.tui.lenses import TOKENS, Lenses
from selfie_tui.tui.pair import ORIGIN, Source
from selfie_tui.tui.runs import CONTROL, Run
from selfie_tui.tui.selection import Selection

__all__ = ["NOTHING", "AppState", "Changed", "Submits"]

TASKS_KEPT = 16
"""How many tasks are remembered; above it the oldest quick one is forgotten."""


class Submits(Protocol):
    """The part of `Jobs` that the interface uses."""

    def submit(self, task: Task) -> int: ...

    def cancel(self) -> None: ...


class AppState:
    """One object that every view reads; engine events go in by `take`, and what they change comes out."""

    def __init__(self, jobs: Submits, kept: KeptRuns | None = None, calibrations: Calibrations | None = None) -> None:
        self.jobs = jobs
        self.kept = kept or KeptRuns()
        self.calibrations = calibrations or Calibrations()
        self.model: ModelInfo | None = None
        self.loading: LoadModel | None = None
        self.load_step: ModelProgress | None = None
        self.prompt = ""
        """The prompt as it is typed; `selection.prompt` is the one that the tokens are of."""
        self.prompt_problem = ""
        """Why the prompt has no tokens."""
        self._refused = ("", "")
        """The stack and the prompt that the problem is of."""
        self.selection = Selection()
        self.pair: Source | None = None
        """The prompt that was put aside to be compared with, where there is one."""
        self.settings = InterpretSettings()
        """What the next run is to be like, in every view."""
        self.bounds = Bounds()
        """What can be chosen for the settings."""
        self.preset_tokens: PresetTokens | None = None
        self.runs: dict[int, Run] = {}
        self.opened: dict[str, Run] = {}
        """The runs of earlier sessions that were opened, by the ids of the stored ones."""
        self.marks_of: Run | None = None
        """The run whose cells are to be marked when the tokens of its prompt are there."""
        self.asked_again = (0, 0)
        """How many cells of that run are selected, and how many it has."""
        self.running: int | None = None
        self.last_run: Run | None = None
        """The run that began last; how it ended stays on the screen until the next one begins."""
        self.cancelling = False
        self.progress: Progress | None = None
        self.pending_view = ""
        """The view whose run waits for the model, or for the tokens of the prompt; "" where none does."""
        self._tasks: dict[int, Task] = {}
        self.lenses = Lenses()

    # What is asked of the engine -------------------------------------------------------------------------------------

    def load(self, name: str, device: str, dtype: str) -> None:
        """Make another model the current one, when what runs is done."""
        self.loading, self.load_step = LoadModel(name, device, dtype), None
        self.submit(self.loading)

    def tokenize(self) -> None:
        """Ask for the tokens of the prompt, if there is a model to ask."""
        if self.model is not None:
            self.submit(Tokenize(self.prompt, self.stack))

    @property
    def at_source(self) -> bool:
        """Whether the prompt is the source of the pair itself."""
        here = self.selection.prompt, self.stack
        return self.pair is not None and (self.pair.prompt, self.pair.stack) == here

    def toggle_pair(self) -> Changed:
        """Put the prompt aside as the source of a pair; on that prompt itself, let it go."""
        if not self.selection.prompt:
            return NOTHING
        source = Source(self.selection.prompt, self.stack, self.selection.tokens)
        self.pair = None if self.at_source else source
        return Changed(pair=True)

    def choose(self, settings: InterpretSettings) -> Changed:
        """Take other settings for the next run; a preset that is new is one that can be chosen from now on."""
        if settings.preset not in self.bounds.presets:
            others = tuple(preset for preset in self.bounds.presets if preset.name != settings.preset.name)
            self.bounds = self.bounds._replace(presets=(*others, settings.preset))
        if settings == self.settings:
            return NOTHING
        self.settings = settings
        return Changed(settings=True)

    def preview(self) -> None:
        """Ask which tokens of the interpretation prompt will be overwritten, and which ones filled in."""
        settings = self.settings
        if self.model is not None:
            self.submit(PreviewPreset(settings.preset, settings.max_new_tokens, settings.compat, settings.system))

    def lens(self) -> tuple[LensRow, ...] | None:
        """The lens at the cursor's position if it has been read; else it is asked for, once."""
        rows = self.lenses.of(self._lens_here)
        if rows is None and self.model is not None and self.lenses.ask(self._lens_here):
            self.submit(self._lens_here)
        return rows

    def has_lens(self) -> bool:
        """Whether the lens at the cursor's position has been read."""
        return self.lenses.of(self._lens_here) is not None

    @property
    def _lens_here(self) -> ReadLens:
        return ReadLens(self.selection.prompt, (self.selection.position,), k=TOKENS, stack=self.stack)

    def interpret(
        self, cells: tuple[Cell, ...], module: ModuleTensor | None = None, source: Source | None = None
    ) -> Run | None:
        """Submit a run over cells of the prompt, with the settings; None when the same one is under way already.

        With a `module` its values at the cells' tokens are interpreted; with a `source`, cells of that prompt.
        """
        read = source or Source(self.selection.prompt, self.stack, self.selection.tokens)
        request = self.settings.request(read.prompt, cells, read.stack)
        request = msgspec.structs.replace(request, module=module)
        name = self.model.name if self.model else ""
        under_way = (run for run in self.runs.values() if run.state in ("waiting", "running"))
        if any(run.request == request and run.model == name for run in under_way):
            return None
        number = self.submit(Interpret(request))
        positions = {cell.position for cell in cells}
        sources = {token.position: token for token in read.tokens if token.position in positions}
        run = Run(number, name, request, sources, info=self.model)
        self.runs[number] = run
        return run

    def mark_as_asked(self) -> None:
        """Select the cells of the run that `marks_of` names, if the tokens of its prompt are there."""
        run, selection = self.marks_of, self.selection
        if run is None or not selection.tokens or selection.prompt != self.prompt:
            return
        self.marks_of = None
        cells, same = run.request.cells, run.request.stack == selection.stack
        if run.request.prompt == selection.prompt:
            self.asked_again = selection.show_cells(cells if same else (), run.sources.values()), len(cells)

    def cancel(self) -> list[Run]:
        """Stop what runs and forget what waits; the runs that will not begin any more."""
        self.jobs.cancel()
        self.cancelling = self.running is not None
        if self.loading is not None and self._tasks.get(self.running or 0) is not self.loading:
            self.loading = None
        forgotten = [run for run in self.runs.values() if run.state == "waiting"]
        for run in forgotten:
            run.state = "cancelled"
            self._tasks.pop(run.number, None)
        for number, task in list(self._tasks.items()):
            if isinstance(task, Calibrate) and number != self.running:
                del self._tasks[number]
        return forgotten

    def submit(self, task: Task) -> int:
        """Queue a task and return its job number.

        A long one is remembered until it ends; a quick one, which no event ends, until it fails or is forgotten.
        """
        number = self.jobs.submit(task)
        self._tasks[number] = task
        if len(self._tasks) > TASKS_KEPT:
            oldest = next((old for old, kept in self._tasks.items() if kept.quick), None)
            if oldest is not None:
                del self._tasks[oldest]
        return number

    # How things stand ------------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether a long job is under way or waits."""
        waits = any(run.state == "waiting" for run in self.runs.values())
        return self.running is not None or self.loading is not None or waits

    @property
    def runs_now(self) -> bool:
        """Whether what is under way is a run."""
        return self.running in self.runs

    @property
    def calibrating(self) -> Calibrate | None:
        """The calibration that is under way, or waits; None where none does."""
        return next((task for task in self._tasks.values() if isinstance(task, Calibrate)), None)

    @property
    def calibrates_now(self) -> bool:
        """Whether what is under way is a calibration."""
        return isinstance(self._tasks.get(self.running or 0), Calibrate)

    @property
    def ready(self) -> bool:
        """Whether there are a model and the tokens of the prompt as it is now."""
        return self.model is not None and self.loading is None and self.selection.prompt == self.prompt

    @property
    def refusal(self) -> str:
        """Why the prompt as it is now cannot be read; "" where it can be, or is not known to be refused."""
        return self.prompt_problem if self._refused == (self.stack, self.prompt) else ""

    @property
    def stack(self) -> str:
        """The stack that is read, where the model has several; "" where it has one."""
        return self.selection.stack

    @property
    def blocks(self) -> int:
        """Layers of the stack that is read."""
        return stack_named(self.model, self.stack).layers if self.model else 0

    @property
    def other_stack(self) -> StackInfo | None:
        """The stack after the one that is read, the first after the last; None where there is no other."""
        stacks = stacks_of(self.model) if self.model else ()
        here = next((index for index, stack in enumerate(stacks) if stack.name == self.stack), 0)
        return stacks[(here + 1) % len(stacks)] if len(stacks) > 1 else None

    def turn_to(self, stack: str) -> Changed:
        """Read another stack of the model."""
        if stack == self.stack or self.model is None:
            return NOTHING
        self.selection.turn_to(stack_named(self.model, stack).layers, stack)
        return Changed(stack=True, tokens=True, selection=True, lens=True)

    # Events of the engine -------------------------------------------------------------------------------------------

    def take(self, event: Event) -> Changed:
        """Take an event into the state; what it has changed. An event that concerns no one here changes nothing."""
        reducer = REDUCERS.get(type(event))
        return NOTHING if reducer is None else reducer(self, event)

    def _started(self, event: JobStarted) -> Changed:
        self.running, self.progress, self.cancelling = event.job, None, False
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
        self.progress = event
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
        task = self._tasks.pop(event.job, None)
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
        return isinstance(task, (Tokenize, ReadLens)) and (task.prompt != self.prompt or task.stack != self.stack)

    def _take_failure(self, task: Task | None, event: JobFailed) -> None:
        problem = f"{event.cause} {event.remedy}"
        match task:
            case Tokenize(origin=origin) if origin == ORIGIN:
                self.pair = None
            case Tokenize():
                self.selection.show_tokens("", ())
                self.prompt_problem, self.pending_view = problem, ""
                self._refused = (self.stack, self.prompt)
            case PreviewPreset(preset=preset):
                self.preset_tokens = PresetTokens(preset=preset, problem=problem)
            case LoadModel():
                self.pending_view = ""


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
