"""What the view knows: the tree, which tensor is looked at, what came back of it, the edits and both answers."""

from __future__ import annotations

from typing import NamedTuple

from selfie_tui.records import (
    Answer,
    AnswersSoFar,
    AttentionRead,
    Edit,
    Event,
    JobFailed,
    ModuleNode,
    ModulesRead,
    ModuleTensor,
    Peek,
    Peeked,
    PeekSteps,
    ReadAttention,
    ReadModules,
    SetEdits,
    Side,
    StepPeeked,
    Task,
)
from selfie_tui.tui.known import FailedLoad
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.inspect.outline import Outline

ORIGIN = "inspect"
MOST_PEEKED = 16
"""How many tensors' values are kept; those of a long prompt take a megabyte and more."""


class News(NamedTuple):
    """What an event has changed."""

    tree: bool = False
    values: bool = False
    answers: bool = False


class Inspection:
    """The state of the view: what is asked of the engine goes out by `ask…`, its events come in by `take`."""

    def __init__(self, state: AppState) -> None:
        self.state = state
        self.outline = Outline()
        self.path = ""
        """The module that is looked at."""
        self.which: Side = "output"
        self.index = 0
        self.call = 0
        self.problem = ""
        """Why there are no values."""
        self.attention: AttentionRead | None = None
        self.attention_problem = ""
        self.steps: list[StepPeeked] = []
        """The values at generated tokens."""
        self.answers: AnswersSoFar | None = None
        self.removed: list[tuple[Edit, ...]] = []
        """The edits as they stood before each removal."""
        self.tree_problem = ""
        self._peeked: dict[Peek, Peeked] = {}
        self._asked: dict[type[Task], tuple[int, Task]] = {}
        """The job and the task that was asked for last, by its type."""
        self.tree_of = ""
        """The model whose modules are shown."""
        self.stays = False
        """Whether the modules of a model that could not be loaded stay, where another one is there."""
        self._model = ""

    # What is asked for -----------------------------------------------------------------------------------------------

    @property
    def place(self) -> ModuleTensor:
        """The tensor that is looked at."""
        return ModuleTensor(self.path, self.which, self.index, self.call)

    @property
    def prompt(self) -> str:
        return self.state.selection.prompt

    def _ask(self, task: Task) -> int:
        number = self.state.submit(task)
        self._asked[type(task)] = (number, task)
        return number

    @property
    def _absent(self) -> str:
        """The model, not there yet or not at all, whose modules are shown; "" where those of the current one are."""
        loading, model, failed = self.state.loading, self.state.model, self.state.failed_load
        if loading is not None or failed is None:
            return loading.name if loading is not None else ""
        return failed.name if model is None or (self.stays and model.name != failed.name) else ""

    def ask_modules(self) -> None:
        """Ask for the tree of the model whose modules are to be shown, if it is not the one shown."""
        name, model = self._absent, self.state.model
        known = name or (f"{model.name} loaded" if model else "")
        if known and known != self._model:
            self._model = known
            self._ask(ReadModules(name, origin=ORIGIN))

    @property
    def failed(self) -> FailedLoad | None:
        """The load that failed, where the modules shown are those of its model; None where they are of another."""
        failed = self.state.failed_load
        shown = failed is not None and self.tree_of == failed.name == self._absent and self.state.loading is None
        return failed if shown else None

    @property
    def _wanted(self) -> Peek:
        return Peek(self.prompt, self.place, self.state.selection.position, stack=self.state.stack, origin=ORIGIN)

    @property
    def can_look(self) -> bool:
        """Whether there are a model, the tokens of the prompt and a module of that model to look at."""
        return self.is_of_model and bool(self.state.selection.tokens) and self.path in self.outline

    @property
    def is_of_model(self) -> bool:
        """Whether the modules are those of the current model."""
        return self.state.model is not None and self.tree_of == self.state.model.name

    def look(self) -> bool:
        """Ask for the values under both cursors, unless they are known or on their way; True where they are known."""
        if not self.can_look or not self.prompt:
            return False
        wanted = self._wanted
        if wanted in self._peeked:
            return True
        if self._asked.get(Peek, (0, None))[1] != wanted:
            self.problem = ""
            self._ask(wanted)
        return False

    def ask_attention(self, keys: tuple[int, int]) -> None:
        """Ask for the patterns of all heads from the token under the cursor, in a window of tokens."""
        position = self.state.selection.position
        self.attention_problem = ""
        self._ask(
            ReadAttention(self.prompt, self.path, (position, position + 1), keys, stack=self.state.stack, origin=ORIGIN)
        )

    def ask_steps(self) -> None:
        """Ask for the values at each token that the model generates."""
        self.steps = []
        count = self.state.settings.max_new_tokens
        self._ask(PeekSteps(self.prompt, self.place, count, stack=self.state.stack, origin=ORIGIN))

    def ask_answer(self) -> None:
        """Ask for what the model says, without the edits and with them."""
        self.answers = None
        self._ask(Answer(self.prompt, self.state.settings.max_new_tokens, origin=ORIGIN))

    def set_edits(self, edits: tuple[Edit, ...]) -> None:
        """Have these edits stand, and the model answer."""
        self._ask(SetEdits(edits, origin=ORIGIN))
        if self.prompt:
            self.ask_answer()

    # Edits -----------------------------------------------------------------------------------------------------------

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The edits that stand."""
        return self.state.model.edits if self.state.model else ()

    def edits_of(self, path: str) -> tuple[Edit, ...]:
        """The edits of a module."""
        return tuple(edit for edit in self.edits if edit.path == path) if self.is_of_model else ()

    def add(self, edit: Edit, instead: Edit | None = None) -> None:
        """Make an edit, in place of another one, or of one of the same tensor at the same tokens."""
        spot = (edit.path, edit.which, edit.index, edit.positions)
        others = (
            other
            for other in self.edits
            if other != instead and (other.path, other.which, other.index, other.positions) != spot
        )
        self.set_edits((*others, edit))

    def remove(self, gone: tuple[Edit, ...]) -> None:
        """Take edits off."""
        self.removed.append(self.edits)
        self.set_edits(tuple(edit for edit in self.edits if edit not in gone))

    def undo(self) -> bool:
        """Bring back the edits as they stood before the last removal; False where there is none."""
        if not self.removed:
            return False
        back = self.removed.pop()
        self.set_edits((*(edit for edit in self.edits if edit not in back), *back))
        return True

    # What came back --------------------------------------------------------------------------------------------------

    @property
    def peeked(self) -> Peeked | None:
        """The values under both cursors, or those of the same tensor that were read with the cursor elsewhere."""
        exact = self._peeked.get(self._wanted)
        if exact is not None:
            return exact
        place, prompt = self.place, self.prompt
        same = (seen for seen in reversed(self._peeked.values()) if seen.module == place and seen.prompt == prompt)
        return next(same, None)

    @property
    def is_pending(self) -> bool:
        """Whether nothing is known yet of the tensor that is looked at, and it is being read."""
        return self.can_look and self.peeked is None and not self.problem

    @property
    def node(self) -> ModuleNode | None:
        """The module that is looked at, as the tree has it."""
        return self.outline.module(self.path) if self.path in self.outline else None

    def forget(self) -> None:
        """Forget all values: the model is another, or its edits are."""
        self._peeked.clear()
        self._asked.pop(Peek, None)
        self.attention, self.steps, self.problem, self.attention_problem = None, [], "", ""

    def take(self, event: Event) -> News:
        """Take an event; what it has changed."""
        match event:
            case ModulesRead():
                self.outline, self.tree_problem, self.tree_of = Outline(event.nodes), "", event.model
                if not self.is_of_model:
                    self._model = event.model
                return News(tree=True)
            case Peeked() if event.job == self._job(Peek):
                return self._take_values(event)
            case AttentionRead() if event.job == self._job(ReadAttention):
                self.attention = event
                return News(values=True)
            case StepPeeked() if event.job == self._job(PeekSteps):
                self.steps.append(event)
                return News(values=True)
            case AnswersSoFar() if event.job == self._job(Answer):
                self.answers = event
                return News(answers=True)
            case JobFailed():
                return self._take_failure(event)
        return News()

    def _job(self, kind: type[Task]) -> int:
        return self._asked.get(kind, (0, None))[0]

    def _take_values(self, event: Peeked) -> News:
        task = self._asked[Peek][1]
        assert isinstance(task, Peek)
        while len(self._peeked) >= MOST_PEEKED:
            self._peeked.pop(next(iter(self._peeked)))
        self._peeked[task] = event
        self.problem = ""
        return News(values=True)

    def _take_failure(self, event: JobFailed) -> News:
        problem = f"{event.cause} {event.remedy}".strip()
        kind = next((kind for kind, (job, _) in self._asked.items() if job == event.job), None)
        if kind is Peek:
            self.problem = problem
        elif kind is ReadAttention:
            self.attention_problem = problem
        elif kind is ReadModules:
            self.tree_problem, self.stays = problem, False
        return News(tree=kind is ReadModules, values=kind in (Peek, ReadAttention))

    @property
    def answering(self) -> bool:
        """Whether the answers are under way."""
        return self._job(Answer) == self.state.running and self.state.running is not None

    @property
    def stepping(self) -> bool:
        """Whether values at generated tokens are under way."""
        return self._job(PeekSteps) == self.state.running and self.state.running is not None
