"""Patching with its keys: running, going on, sites, measures, answers, marked sites together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import msgspec

from selfie_tui.errors import RequestError, SelfieError
from selfie_tui.records import Event, PatchActivations, PatchedSite, RunTask, layer_name
from selfie_tui.results.entries import RunBegan
from selfie_tui.results.resuming import check_resumable
from selfie_tui.tui.changes import Changed
from selfie_tui.tui.exporting import Exportable, exportable_results
from selfie_tui.tui.state import AppState
from selfie_tui.tui.status import no_pair_words
from selfie_tui.tui.views.patch.actions import ENTRY
from selfie_tui.tui.views.patch.choices import HEADS, KINDS, METRICS, ORIGIN, SITES, choices_of
from selfie_tui.tui.views.patch.notes import map_note
from selfie_tui.tui.views.patch.pair_rows import A
from selfie_tui.tui.views.patch.patching import Patching
from selfie_tui.tui.views.patch.scores import number
from selfie_tui.tui.views.patch.settings_row import unquoted
from selfie_tui.tui.views.patch.shown import ShownPatch
from selfie_tui.tui.views.patch.source import MEASURES, Measure


class PatchView(ShownPatch):
    """The map of patching with its keys."""

    NAME, TITLE, LETTER, FUNCTION_KEY, ACTIONS, SECTIONS, _ = ENTRY

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self.map.wants, self.map.asks = self.wanted, self.asked
        self.settings.changed, self.settings.moved = self.choices_changed, self.describe
        self.settings.write, self.settings.run = self.write_answer, lambda: self.asked("run")
        self._again = False
        """Whether the job that is asked for is to run everything anew."""
        self._awaits_answers = False
        """Whether a job waits for what both prompts say."""
        self._measure_before: Measure = "patching"
        self._to_mark: tuple[str, tuple[PatchedSite, ...]] | None = None
        """The prompt of a run of marked sites that was opened, and these: they are marked when its tokens are there."""

    # Keys ------------------------------------------------------------------------------------------------------------

    def asked(self, what: str) -> None:
        """Do what a key of the map asks for."""
        if what == "site":
            sites = SITES
            self.settings.choose("site", sites[(sites.index(self.patches.choices.site) + 1) % len(sites)])
        elif not (what == "run" and self.map.zoom_in()):
            self._again = what == "again"
            self.call_next(self.run_action, "screen.interpret")

    def wanted(self, what: str) -> None:
        """The next measure, or of heads the next activation; the answers; the change of the metric and back."""
        if what == "track":
            self.write_answer("correct")
        elif what == "difference":
            before, self._measure_before = self._measure_before, self.source.measure
            self.measure(before if self.source.measure == "change" else "change")
        elif self.map.of_heads:
            self.settings.choose("head", HEADS[(HEADS.index(self.patches.choices.head) + 1) % len(HEADS)])
        else:
            measures = self.measures
            at = measures.index(self.source.measure) if self.source.measure in measures else -1
            self.measure(measures[(at + 1) % len(measures)])

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What the map can be coloured by: the attribution only where it has no map of its own beside."""
        return MEASURES if self.alone else tuple(each for each in MEASURES if each != "attribution")

    def measure(self, measure: Measure) -> None:
        """Colour the map by a measure."""
        self.source.measure = measure
        self.map.update()
        self.retitle()

    def choices_changed(self) -> None:
        """Show the map that the choices ask for."""
        self._awaits_answers = False
        self.show_all()

    def write_answer(self, field: str) -> None:
        """Ask for the word that a prompt is to be answered with."""
        prompts = self.patches.prompts
        which = "A" if field == "correct" else "B"
        now = getattr(prompts, field) if prompts else getattr(self.patches.choices, field)

        async def take(word: str, again: bool) -> None:
            self.settings.choose(field, word)

        self.app.ask_for(f"the answer to {which} (in double quotes to the letter)", now, take)

    def edit_row(self, row: int) -> None:
        """Edit the source in the line at the foot, the target as every prompt."""
        pair = self.state.pair
        if row != A or pair is None:
            self.call_next(self.run_action, "screen.edit_prompt")
            return

        async def take(prompt: str, again: bool) -> None:
            if not prompt.strip():
                raise SelfieError("A source cannot be empty.", "Write a prompt")
            self.screen.show(self.state.take_source(prompt))  # type: ignore[attr-defined]

        self.app.ask_for("the source, A", pair.prompt, take)

    def choices(self) -> Iterator[str]:
        yield from (*SITES, *HEADS, "denoise", "noise", *METRICS.values(), *KINDS.values(), *MEASURES)

    def choose(self, name: str) -> bool:
        if name in MEASURES:
            self.measure(name)
            return True
        if name in HEADS:
            self.settings.choose("site", "heads")
        fields: tuple[tuple[str, dict[str, object]], ...] = (
            ("site", {site: site for site in SITES}), ("head", {head: head for head in HEADS}),
            ("noise", {"denoise": False, "noise": True}),
            ("metric", {words: metric for metric, words in METRICS.items()}),
            ("kind", {words: kind for kind, words in KINDS.items()}),
        )  # fmt: skip
        field = next(((field, values[name]) for field, values in fields if name in values), None)
        if field is not None:
            self.settings.choose(*field)
        return field is not None

    # Running ---------------------------------------------------------------------------------------------------------

    def problem(self) -> str:
        state, patches = self.state, self.patches
        if state.selection.prompt != state.prompt:
            return ""
        note = map_note(state, patches, self.app.keymap, self.look)
        if note and (no_pair_words(state, self.app.keymap) or not patches.aligned):
            return note.replace("\n", " ")
        if state.model is not None and state.model.kind != "decoder":
            return note
        prompts = patches.prompts
        if (
            prompts
            and patches.choices.metric == "logit_difference"
            and prompts.correct
            and prompts.correct == prompts.wrong
        ):
            said = self.look.visible(unquoted(prompts.correct))
            return f"Both prompts are answered with {said}: write two answers in the settings, or take KL as metric."
        return ""

    def job_dropped(self) -> None:
        self._again = self._awaits_answers = False

    def run_job(self) -> None:
        again, self._again = self._again, False
        prompts, needs = self.patches.prompts, self.patches.choices.metric
        if problem := self.problem() or ("" if again else self._other_model()):
            self.app.toast(problem, "warning")
        elif prompts is None or (needs != "kl" and not (prompts.correct and prompts.wrong)):
            self._awaits_answers = True
            self.patches.ask_what_is_said()
        elif sites := self.map.marked_sites():
            if self.patches.start_together(sites) is None:
                self.app.toast("The marked sites are being run already.", "information")
        elif self.patches.start(again) is None:
            self.app.toast(self._nothing_left(), "information")
        self.show_all()

    def _other_model(self) -> str:
        """Why the run that is shown, one that was kept, cannot be gone on with by the loaded model; "" where it can."""
        here, model = self.patches.here, self.state.model
        if here is None or here.read_back is None or here.is_whole or model is None:
            return ""
        try:
            check_resumable(here.read_back, model)
        except RequestError as error:
            return f"{error.cause} {error.remedy}"
        return ""

    def answers_known(self) -> None:
        """Run what has waited for the answers."""
        prompts = self.patches.prompts
        if self._awaits_answers and prompts is not None and prompts.correct and prompts.wrong:
            self._awaits_answers = False
            self.run_job()

    def _nothing_left(self) -> str:
        here = self.patches.here
        if here is not None and here.goes_on:
            return "This is being patched already."
        return "All sites of this map are patched: s has others, space marks some to patch together, ctrl+r runs anew."

    # Kept runs -------------------------------------------------------------------------------------------------------

    def open_kept(self, began: RunBegan, events: Sequence[Event], origin: str, kept_as: str = "") -> None:
        """Show a patching that was kept as if it were just run: the pair, the choices, the scores."""
        task = began.task
        if not isinstance(task, PatchActivations):
            return
        patching = Patching(msgspec.structs.replace(task, earlier=None, origin=ORIGIN), origin=origin, kept_as=kept_as)
        for event in events:
            patching.take(event)
        if patching.state != "finished":
            patching.state = "cancelled"
        patching.read_back = began
        self.patches.choices = choices_of(task)
        self.source.measure = "patching"
        self._to_mark = (task.corrupt, task.chosen) if task.chosen else None
        self.app.show_prompt(task.corrupt)
        self.patches.take_in(patching)
        self.screen.show(self.state.take_source(task.clean))  # type: ignore[attr-defined]

    def show(self, changed: Changed) -> None:
        super().show(changed)
        if self._to_mark is not None and changed.tokens and self._to_mark[0] == self.state.selection.prompt:
            marked, self._to_mark = self._to_mark[1], None
            self.map.mark_sites(marked)

    def resume_kept(self, task: RunTask) -> None:
        """Go on with the patching that was opened last."""
        if isinstance(task, PatchActivations):
            self.patches.go_on_with(task)
            self.show_all()

    def exportable(self) -> Exportable | None:
        """The patching that is shown, as far as it is; None where there is none."""
        here = self.patches.here
        if here is None or here.began is None:
            return None
        what = f"{here.done} {'site' if here.done == 1 else 'sites'}"
        return exportable_results(what, here.task, self.state.model, here.results(), here.read_back)

    # Copying ---------------------------------------------------------------------------------------------------------

    def copyable(self, *, all: bool) -> tuple[str, str] | None:
        """The score under the cursor; all: one line a site, with its layer, position, score and attribution."""
        here = self.patches.here
        if here is None or here.began is None:
            return None
        index = self.patches.run_here()
        indices = range(here.sites) if all else [index[1]] if index else []
        return "\n".join(self._plain(here, each) for each in indices), "the scores" if all else "the score"

    @staticmethod
    def _plain(here: Patching, index: int) -> str:
        site, run, estimate = here.site(index), here.runs.get(index), here.estimate(index)
        if site is None:
            return ""
        head = "" if site.head is None else str(site.head)
        places = ",".join(map(str, site.positions))
        score = number(run.score) if run else number(math.nan)
        guess = "" if estimate is None else number(estimate)
        return "\t".join((site.name, layer_name(site.layer), places, head, score, guess))
