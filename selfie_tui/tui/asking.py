"""What keys do to the state: choices for the next run, and the tasks that the engine is asked for."""

from __future__ import annotations

import msgspec

from selfie_tui.interpret_settings import InterpretSettings
from selfie_tui.kinds import stack_named
from selfie_tui.records import Cell, Interpret, LensRow, LoadModel, ModuleTensor, PreviewPreset, Task, Tokenize
from selfie_tui.tui.changes import NOTHING, Changed
from selfie_tui.tui.known import Known
from selfie_tui.tui.pair import ORIGIN, Source
from selfie_tui.tui.runs import Run


class Asking(Known):
    """What is known, with the ways to choose and to ask."""

    def load(self, name: str, device: str, dtype: str) -> None:
        """Make another model the current one, when what runs is done."""
        self.loading, self.load_step = LoadModel(name, device, dtype, self.layer_paths.get(name, ())), None
        self.failed_load = None
        self.submit(self.loading)

    def tokenize(self) -> None:
        """Ask for the tokens of the prompt, if there is a model to ask."""
        if self.model is not None:
            self.submit(Tokenize(self.prompt, self.stack))

    def toggle_pair(self) -> Changed:
        """Put the prompt aside as the source of a pair; on that prompt itself, let it go."""
        if not self.prompt:
            return NOTHING
        if self.at_source:
            self.pair = None
        elif self.selection.prompt == self.prompt:
            self.pair = Source(self.prompt, self.stack, self.selection.tokens)
        else:
            return self.take_source(self.prompt)
        return Changed(pair=True)

    def take_source(self, prompt: str) -> Changed:
        """Have another prompt as the source of the pair; its tokens come, without a model with the next one."""
        self.pair = Source(prompt, self.stack, ())
        if self.model is not None:
            self.submit(Tokenize(prompt, self.stack, origin=ORIGIN))
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
        if self.loading is not None and self.sent.of(self.running) is not self.loading:
            self.loading = None
        forgotten = [run for run in self.runs.values() if run.state == "waiting"]
        for run in forgotten:
            run.state = "cancelled"
            self.sent.forget(run.number)
        self.sent.forget_waiting(self.running)
        return forgotten

    def drop(self, number: int) -> None:
        """Have one job stop, or not begin; others go on."""
        self.jobs.drop(number)
        if number != self.running:
            self.sent.forget(number)

    def submit(self, task: Task) -> int:
        """Queue a task and return its job number."""
        number = self.jobs.submit(task)
        self.sent.add(number, task)
        return number

    def turn_to(self, stack: str) -> Changed:
        """Read another stack of the model."""
        if stack == self.stack or self.model is None:
            return NOTHING
        self.selection.turn_to(stack_named(self.model, stack).layers, stack)
        return Changed(stack=True, tokens=True, selection=True, lens=True)
