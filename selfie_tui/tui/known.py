"""What is known: the model, the prompt, what is selected and set, the runs, and how things stand."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from selfie_tui.interpret_settings import Bounds, InterpretSettings
from selfie_tui.kinds import stack_named, stacks_of
from selfie_tui.records import (
    BlockPaths,
    Calibrate,
    CompareModels,
    LoadModel,
    ModelInfo,
    ModelProgress,
    PresetTokens,
    Progress,
    ReadLens,
    StackInfo,
)
from selfie_tui.tui.calibrations import Calibrations
from selfie_tui.tui.compared import Compared
from selfie_tui.tui.kept import KeptRuns
from selfie_tui.tui.lenses import TOKENS, Lenses
from selfie_tui.tui.pair import Alignment, Source, aligned
from selfie_tui.tui.runs import Run
from selfie_tui.tui.selection import Selection
from selfie_tui.tui.sent import SentTasks, Submits


class FailedLoad(NamedTuple):
    """A model that could not be loaded, and why; the reason is unsafe to print as is."""

    name: str
    problem: str


class Known:
    """Everything that views read."""

    def __init__(self, jobs: Submits, kept: KeptRuns | None = None, calibrations: Calibrations | None = None) -> None:
        self.jobs = jobs
        self.kept = kept or KeptRuns()
        self.calibrations = calibrations or Calibrations()
        self.model: ModelInfo | None = None
        self.loading: LoadModel | None = None
        self.failed_load: FailedLoad | None = None
        """The last load, where it failed."""
        self.layer_paths: dict[str, BlockPaths] = {}
        """The paths of the blocks of models in which they are not to be found, by the model's name."""
        self.load_step: ModelProgress | None = None
        self.prompt = ""
        """The prompt as it is typed; `selection.prompt` is the one that the tokens are of."""
        self.prompt_problem = ""
        """Why the prompt has no tokens."""
        self.refused_as = ("", "")
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
        self.clock: Callable[[], float] = time.monotonic
        self.heard_at = 0.0
        """When, by the clock, the job that is under way began or last said how far it is."""
        self.pending_view = ""
        """The view whose run waits for the model, or for the tokens of the prompt; "" where none does."""
        self.sent = SentTasks()
        self.lenses = Lenses()
        self.compared = Compared()
        """The comparison with another model that was asked for last."""

    @property
    def unheard(self) -> float:
        """Seconds since the job that is under way began or last said how far it is."""
        return self.clock() - self.heard_at

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
        return self.sent.calibration

    @property
    def calibrates_now(self) -> bool:
        """Whether what is under way is a calibration."""
        return isinstance(self.sent.of(self.running), Calibrate)

    @property
    def compares_now(self) -> bool:
        """Whether what is under way is a comparison with another model."""
        return isinstance(self.sent.of(self.running), CompareModels)

    @property
    def ready(self) -> bool:
        """Whether there are a model and the tokens of the prompt as it is now."""
        return self.model is not None and self.loading is None and self.selection.prompt == self.prompt

    @property
    def refusal(self) -> str:
        """Why the prompt as it is now cannot be read; "" where it can be, or is not known to be refused."""
        return self.prompt_problem if self.refused_as == (self.stack, self.prompt) else ""

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

    @property
    def at_source(self) -> bool:
        """Whether the prompt is the source of the pair itself."""
        here = self.selection.prompt, self.stack
        return self.pair is not None and (self.pair.prompt, self.pair.stack) == here

    @property
    def alignment(self) -> Alignment | None:
        """Which token of the pair's source each token is compared with; of another stack's, none is with any.

        None without a pair, on its source itself, and while the source's tokens are to come.
        """
        if self.pair is None or self.at_source or not self.pair.tokens:
            return None
        return aligned(self.selection.tokens, self.pair.tokens if self.pair.stack == self.stack else ())

    def has_lens(self) -> bool:
        """Whether the lens at the cursor's position has been read."""
        return self.lenses.of(self._lens_here) is not None

    @property
    def _lens_here(self) -> ReadLens:
        return ReadLens(self.selection.prompt, (self.selection.position,), k=TOKENS, stack=self.stack)
