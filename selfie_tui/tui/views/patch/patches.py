"""The patchings of this model that the view knows, what both prompts say, and what is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec

from selfie_tui.records import (
    EarlierPatching,
    Event,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobStarted,
    LensRead,
    LensToken,
    PatchActivations,
    PatchedSite,
    ReadLens,
    Task,
)
from selfie_tui.tui.lenses import TOKENS
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.patch.choices import AT_THE_END, ORIGIN, Choices, Prompts, task_of
from selfie_tui.tui.views.patch.patching import Patching, Place

MOST = 64
"""How many patchings are kept."""


class Patches:
    """What is known of the pair: the patchings that were asked for, and what is said after each prompt."""

    def __init__(self, state: AppState) -> None:
        self.state = state
        self.choices = Choices()
        self.head = 0
        """The head under the cursor."""
        self.head_chosen = False
        """Whether the cursor is on its head because the user has moved it."""
        self._known: list[Patching] = []
        """All but those of marks, the newest last."""
        self._together: list[Patching] = []
        """Those of marked sites, each of which is one run."""
        self._says: dict[str, LensToken] = {}
        """What is said after a prompt, by its text."""
        self._asked: set[str] = set()

    # The pair --------------------------------------------------------------------------------------------------------

    @property
    def prompts(self) -> Prompts | None:
        """Both prompts with their answers, as far as they are known; None without a pair of two prompts."""
        state = self.state
        if state.pair is None or state.at_source or not state.selection.prompt:
            return None
        clean, corrupt = state.pair.prompt, state.selection.prompt
        return Prompts(clean, corrupt, self.answer(clean, first=True), self.answer(corrupt, first=False))

    def answer(self, prompt: str, *, first: bool) -> str:
        """The word that a prompt is to be answered with, to the letter where it is what the model says."""
        typed = self.choices.correct if first else self.choices.wrong
        said = self._says.get(prompt)
        return typed or (f'"{said.text}"' if said else "")

    def says(self, prompt: str) -> LensToken | None:
        """The most probable next token of a prompt; None while it is not known."""
        return self._says.get(prompt)

    @property
    def equal(self) -> bool:
        """Whether both prompts have equally many tokens."""
        pair = self.state.pair
        return pair is not None and len(pair.tokens) == len(self.state.selection.tokens)

    @property
    def aligned(self) -> bool:
        """Whether each position that the choices ask for has a counterpart in the other prompt."""
        return self.equal or self.choices.kind in AT_THE_END

    def ask_what_is_said(self) -> None:
        """Ask for the next token of each prompt, once."""
        state = self.state
        if state.model is None or state.model.kind != "decoder" or not state.ready:
            return
        sides = [(state.selection.prompt, len(state.selection.tokens))]
        if state.pair is not None:
            sides.append((state.pair.prompt, len(state.pair.tokens)))
        for side, (prompt, tokens) in enumerate(sides):
            if prompt and tokens and prompt not in self._says and prompt not in self._asked:
                self._asked.add(prompt)
                asking = ReadLens(prompt, (tokens - 1,), k=TOKENS, stack=state.stack, origin=f"{ORIGIN} {side}")
                state.submit(asking)

    # Patchings -------------------------------------------------------------------------------------------------------

    @property
    def wanted(self) -> PatchActivations | None:
        """What the choices ask for; None without a pair of two prompts."""
        prompts = self.prompts
        if prompts is None:
            return None
        return task_of(self.choices, prompts, self.position, equal=self.equal)

    @property
    def here(self) -> Patching | None:
        """The newest patching that has what the choices ask for."""
        wanted = self.wanted
        if wanted is None:
            return None
        return next((each for each in reversed(self._known) if has(each, wanted)), None)

    def start(self, again: bool = False) -> Patching | None:
        """Begin what the choices ask for, or go on with it where it stopped; None where nothing is left to do."""
        wanted, here = self.wanted, self.here
        if wanted is None:
            return None
        if here is None or again:
            return self._submit(wanted, self._known)
        return None if here.goes_on or here.is_whole else self._go_on(here)

    def _go_on(self, stopped: Patching) -> Patching:
        """Go on with a patching that stopped: what it has is there from the start."""
        stored = self.state.kept.of_job(stopped.job) if stopped.job else None
        return self._follow(stopped, stopped.earlier(stored.id if stored else stopped.kept_as))

    def go_on_with(self, task: PatchActivations) -> Patching | None:
        """Go on with the patching that was opened last, which stopped; the task has what is left of it."""
        return self._follow(self._known[-1], task.earlier) if self._known and task.earlier else None

    def _follow(self, stopped: Patching, earlier: EarlierPatching) -> Patching:
        following = Patching(stopped.task, self.state.submit(msgspec.structs.replace(stopped.task, earlier=earlier)))
        following.follow(stopped)
        self._known[self._known.index(stopped)] = following
        return following

    def start_together(self, sites: Sequence[PatchedSite]) -> Patching | None:
        """Write several sites in one run; None where that is under way."""
        task = self._task_together(sites)
        if task is None or any(each.task == task and each.goes_on for each in self._together):
            return None
        return self._submit(task, self._together)

    def together(self, sites: Sequence[PatchedSite]) -> Patching | None:
        """The run in which these sites are written, where it was asked for."""
        task = self._task_together(sites) if sites else None
        return next((each for each in reversed(self._together) if each.task == task), None) if task else None

    def _task_together(self, sites: Sequence[PatchedSite]) -> PatchActivations | None:
        wanted = self.wanted
        if wanted is None:
            return None
        kind = {"kind": "each", "positions": ()}
        return msgspec.structs.replace(wanted, chosen=tuple(sites), attribution=False, **kind)

    def _submit(self, task: PatchActivations, among: list[Patching]) -> Patching:
        patching = Patching(task, self.state.submit(task))
        among.append(patching)
        del among[:-MOST]
        return patching

    def take_in(self, patching: Patching) -> None:
        """Take a patching that was kept."""
        (self._together if patching.task.chosen else self._known).append(patching)

    def forget(self) -> None:
        """Forget all: the model is another one, or another in effect."""
        self._known.clear()
        self._together.clear()
        self._says.clear()
        self._asked.clear()

    @property
    def under_way(self) -> Patching | None:
        """The patching that runs."""
        job = self.state.running
        return next((each for each in self._all() if job is not None and each.job == job), None)

    def _all(self) -> Iterable[Patching]:
        return (*self._known, *self._together)

    # Events ----------------------------------------------------------------------------------------------------------

    def take(self, event: Event) -> tuple[Patching, set[int]] | None:
        """Take an event; the patching that it is of, with the sites that it changes."""
        if isinstance(event, LensRead):
            self._take_lens(event)
            return None
        patching = next((each for each in self._all() if event.job and each.job == event.job), None)
        if patching is None:
            return None
        match event:
            case JobStarted():
                patching.state, patching.since = "running", self.state.clock()
                return patching, {-1}
            case JobFinished() | JobCancelled() | JobFailed():
                self._end(patching, event)
                return patching, {-1}
        return patching, patching.take(event)

    def _take_lens(self, event: LensRead) -> None:
        """Take what is said after a prompt, whoever asked for it."""
        state, last = self.state, event.positions[-1:]
        sides = [(state.selection.prompt, state.selection.tokens)]
        if state.pair is not None:
            sides.append((state.pair.prompt, state.pair.tokens))
        for prompt, tokens in sides:
            if event.prompt == prompt and last == (len(tokens) - 1,) and event.answers:
                self._says[prompt] = event.answers[-1]
                self._asked.discard(prompt)

    @staticmethod
    def _end(patching: Patching, event: Event) -> None:
        if isinstance(event, JobFailed):
            patching.state, patching.problem = "failed", f"{event.cause} {event.remedy}".strip()
        elif isinstance(event, JobCancelled):
            patching.state = "cancelled"

    def ended(self, task: Task | None) -> None:
        """Take note of what failed: what is said after a prompt is not asked for over and over."""
        if isinstance(task, ReadLens) and task.origin.startswith(ORIGIN):
            self._says.setdefault(task.prompt, LensToken("", math.nan, -1))

    def drop_forgotten(self) -> bool:
        """Take those that waited, and will not run any more, as cancelled; whether there are any."""
        sent = self.state.sent
        lost = [each for each in self._all() if each.state == "waiting" and each.job and sent.of(each.job) is None]
        for patching in lost:
            patching.state = "cancelled"
        return bool(lost)

    # Cells -----------------------------------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        """The position at which heads are shown: the cursor's, or the last one where only that has a counterpart."""
        selection = self.state.selection
        return selection.position if self.equal else max(len(selection.tokens) - 1, 0)

    def place(self, layer: int, column: int) -> Place:
        """The place of a cell; columns are heads where heads are shown, else positions."""
        if self.choices.site == "heads":
            return self.choices.name, layer, self.position, column
        return self.choices.name, layer, column, None

    @property
    def cursor(self) -> Place:
        """The place under the cursor."""
        return self.place(self.state.selection.layer, self.column)

    @property
    def column(self) -> int:
        """The column under the cursor: a head where heads are shown, else a position."""
        return self.head if self.choices.site == "heads" else self.state.selection.position

    @property
    def column_chosen(self) -> bool:
        """Whether the cursor is in its column because the user has moved it."""
        return self.head_chosen if self.choices.site == "heads" else self.state.selection.position_chosen

    def run_here(self) -> tuple[Patching, int] | None:
        """The patching and the index of the site under the cursor; None where none is written there."""
        here = self.here
        index = here.index(*self.cursor) if here is not None else None
        return None if here is None or index is None else (here, index)


def has(patching: Patching, wanted: PatchActivations) -> bool:
    """Whether a patching has what a task asks for, alone or with more."""
    task = patching.task
    of = ("clean", "corrupt", "correct", "noise", "metric")
    if any(getattr(task, name) != getattr(wanted, name) for name in of):
        return False
    if wanted.metric == "logit_difference" and task.wrong != wanted.wrong:
        return False
    if (task.sites, task.kind, task.positions) == (wanted.sites, wanted.kind, wanted.positions):
        return True
    return (task.kind == wanted.kind or wanted.kind == "custom") and _has_site(patching, wanted)


def _has_site(patching: Patching, wanted: PatchActivations) -> bool:
    """Whether a patching of several sites has the wanted one, at the wanted position where heads are taken at one."""
    name = wanted.sites[0]
    if wanted.kind == "custom" and wanted.positions:
        return patching.has_position(name, wanted.positions[0])
    return patching.has_name(name)
