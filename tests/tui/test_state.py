"""The state without any screen: one cursor, one set of marks, and what events change."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from selfie_tui.interpret_settings import InterpretSettings
from selfie_tui.presets import PRESETS
from selfie_tui.records import (
    EMBED,
    Cell,
    Interpret,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobStarted,
    LensRead,
    LensRow,
    LensToken,
    LoadModel,
    ModelReady,
    PartialTexts,
    Preset,
    PresetTokens,
    Progress,
    PromptTokens,
    ReadLens,
    StackInfo,
    Task,
    Token,
    Tokenize,
)
from selfie_tui.tui.changes import NOTHING, Changed
from selfie_tui.tui.lenses import TOKENS
from selfie_tui.tui.pair import Source
from selfie_tui.tui.render.styles import Look
from selfie_tui.tui.runs import CONTROL
from selfie_tui.tui.screens.source import selected
from selfie_tui.tui.selection import Selection
from selfie_tui.tui.state import AppState
from selfie_tui.tui.status import hand, outcome, under_way
from tests.tui.fake_engine import info, words

PROMPT = "one two three four"


@dataclass
class Submitted:
    """Jobs that are never done."""

    tasks: list[Task] = field(default_factory=list)
    cancelled: bool = False

    def submit(self, task: Task) -> int:
        self.tasks.append(task)
        return len(self.tasks)

    def cancel(self) -> None:
        self.cancelled = True


def ready(blocks: int = 4, stacks: tuple[StackInfo, ...] = ()) -> AppState:
    """A state with a model and the tokens of a prompt."""
    state = AppState(Submitted())
    state.prompt = PROMPT
    state.take(ModelReady(model=info("demo", blocks, stacks=stacks)))
    state.take(PromptTokens(prompt=PROMPT, tokens=words(PROMPT), stack=state.stack))
    return state


def shown(pieces) -> str:
    return "".join(piece.text for piece in pieces)


# The pair -------------------------------------------------------------------------------------------------------------


def test_what_is_written_is_kept_as_the_source_before_its_tokens_have_come():
    state = ready()
    state.prompt = "Paris is in"
    assert state.toggle_pair().pair
    assert state.pair == Source("Paris is in", state.stack, ()), "not what was read last"
    assert state.jobs.tasks[-1] == Tokenize("Paris is in", state.stack, origin="pair")
    tokens = words("Paris is in")
    state.take(PromptTokens(prompt="Paris is in", tokens=tokens, stack=state.stack))
    assert state.pair.tokens == state.selection.tokens == tokens
    assert state.toggle_pair().pair
    assert state.pair is None, "on the source itself it is let go"


# Cursor and marks -----------------------------------------------------------------------------------------------------


def test_the_first_cell_is_the_last_token_and_all_layers_are_selected():
    selection = ready().selection
    assert (selection.position, selection.layer, selection.site) == (3, EMBED, "resid")
    assert selection.cells() == tuple(Cell(layer, 3) for layer in (EMBED, 0, 1, 2, 3))
    assert selection.marks() == 0


def test_the_cursor_stays_among_the_cells_there_are():
    selection = ready().selection
    assert selection.move(position=99, layer=99) is True
    assert (selection.position, selection.layer) == (3, 3)
    assert selection.move(position=-5, layer=-5) is True
    assert (selection.position, selection.layer) == (0, EMBED)
    assert selection.move(position=0) is False
    empty = Selection()
    assert empty.move(position=3, layer=3) is False
    assert empty.cells() == ()


@given(st.sets(st.builds(Cell, st.integers(EMBED, 3), st.integers(0, 3)), min_size=1))
def test_marked_cells_are_the_cells_that_are_selected_whether_a_product_or_not(cells):
    selection = ready().selection
    selection.mark_cells(cells)
    assert set(selection.cells()) == cells
    assert selection.marks() == len(cells)
    product = len(cells) == len({cell.layer for cell in cells}) * len({cell.position for cell in cells})
    assert bool(selection.marked_cells) == (not product)


def test_free_marks_are_named_in_the_prompts_border_and_given_up_for_a_mark_of_a_token():
    selection = ready().selection
    selection.mark_cells({Cell(0, 0), Cell(1, 1), Cell(2, 1)})
    assert selected(selection, Look()) == "reads 3 marked cells"
    assert shown(hand(selection, Look())) == "embed · 3 four         3 marked"
    selection.toggle_position()
    assert selection.marked_cells == frozenset()
    assert {cell.position for cell in selection.cells()} == {3}


def test_free_marks_leave_with_their_tokens():
    state = ready()
    state.selection.mark_cells({Cell(0, 0), Cell(1, 1), Cell(2, 3)})
    state.prompt = "one two other four"
    state.take(PromptTokens(prompt=state.prompt, tokens=words(state.prompt)))
    assert state.selection.marked_cells == {Cell(0, 0), Cell(1, 1)}, "what stands before the last one is another"
    state.prompt = "one two"
    state.take(PromptTokens(prompt=state.prompt, tokens=words(state.prompt)))
    assert state.selection.marked_cells == {Cell(0, 0), Cell(1, 1)}
    state.prompt = "zero one two"
    state.take(PromptTokens(prompt=state.prompt, tokens=words(state.prompt)))
    assert state.selection.marked_cells == frozenset(), "moved"


def test_special_tokens_are_left_out_of_all_unless_there_are_no_others():
    state = ready()
    begin, end = Token(0, 1, "<s>", special=True), Token(3, 2, "</s>", special=True)
    state.take(PromptTokens(prompt=PROMPT, tokens=(begin, *words(PROMPT)[1:3], end)))
    state.selection.toggle_all_positions()
    assert state.selection.marked_positions == {1, 2}
    state.selection.toggle_all_positions()
    assert state.selection.marked_positions == frozenset()
    state.take(PromptTokens(prompt=PROMPT, tokens=(begin,)))
    state.selection.toggle_all_positions()
    assert state.selection.marked_positions == {0}


def test_a_refused_prompt_is_refused_until_it_or_the_model_is_another():
    state = ready()
    state.prompt = "too long"
    state.tokenize()
    state.take(JobFailed(job=len(state.jobs.tasks), cause="No.", remedy="Try.", refused=True))
    assert state.refusal == "No. Try."
    state.prompt = "short"
    assert state.refusal == ""
    state.prompt = "too long"
    assert state.refusal == "No. Try."
    state.take(ModelReady(model=info("other", 4)))
    assert state.refusal == ""


def test_the_hand_names_a_site_that_is_not_the_residual_stream():
    selection = ready().selection
    selection.site = "attn"
    selection.move(layer=2, position=1)
    assert shown(hand(selection, Look())).rstrip() == "attn L2 · 1 two"


# Events ---------------------------------------------------------------------------------------------------------------


def test_a_model_changes_layers_and_lens_and_a_prompt_of_before_changes_nothing():
    state = ready()
    changed = state.take(ModelReady(model=info("other", 2)))
    assert changed.model
    assert changed.selection
    assert state.selection.layers == (EMBED, 0, 1)
    assert not state.ready, "its tokens are on their way"
    assert state.take(PromptTokens(prompt="another prompt", tokens=())) is NOTHING
    assert state.take(PromptTokens(prompt=PROMPT, tokens=words(PROMPT), stack="encoder")) is NOTHING
    assert state.take(PromptTokens(prompt=PROMPT, tokens=words(PROMPT))).tokens
    assert state.ready


def test_a_lens_is_asked_for_once_and_changes_what_is_shown_only_at_the_cursor():
    state = ready()
    assert state.lens() is None
    assert state.jobs.tasks[-1] == ReadLens(PROMPT, (3,), k=TOKENS)
    rows = (LensRow(Cell(0, 3), (LensToken("x", 0.5, 5),), 1.0, 0, 1.0),)
    assert state.take(LensRead(prompt=PROMPT, positions=(3,), rows=rows)) == Changed(lens=True)
    assert state.lens() == rows
    assert len(state.jobs.tasks) == 1
    assert state.take(LensRead(prompt=PROMPT, positions=(1,), rows=rows)) == Changed(lens=False)


def test_a_run_goes_from_waiting_to_its_outcome_which_stays_until_the_next_begins():
    state = ready()
    run = state.interpret(state.selection.cells())
    assert state.interpret(state.selection.cells()) is None, "the same is under way"
    assert outcome(state) == ()
    task = Interpret(run.request)
    assert state.take(JobStarted(job=run.number, task=task)) == Changed(status=True, run=run, header=True)
    assert state.runs_now
    assert state.take(PartialTexts(job=run.number, texts=((CONTROL, "a"), (0, " "), (1, "b")))).indices == (CONTROL, 1)
    ended = state.take(JobFinished(job=run.number, seconds=2.125))
    assert (ended.run, ended.ended, state.running) == (run, task, None)
    assert shown(outcome(state)) == "5 readings · 2.1 s"
    state.choose(InterpretSettings(max_new_tokens=3))
    second = state.interpret(state.selection.cells())
    assert shown(outcome(state)) == "5 readings · 2.1 s"
    state.take(JobStarted(job=second.number, task=Interpret(second.request)))
    assert outcome(state) == ()
    state.take(JobCancelled(job=second.number))
    assert shown(outcome(state)) == "cancelled · 0 of 5"


def test_a_run_says_from_its_beginning_what_it_does_and_with_its_first_cell_how_many_are_done():
    state = ready()
    run = state.interpret(state.selection.cells())
    assert shown(under_way(state, "esc", str)) == ""
    state.take(JobStarted(job=run.number, task=Interpret(run.request)))
    assert shown(under_way(state, "esc", str)) == "reading 5 states…  esc cancels"
    state.take(Progress(job=run.number, cells_done=0, cells=5, steps_done=0, steps=75))
    assert shown(under_way(state, "esc", str)) == "reading 5 states…  esc cancels"
    state.take(Progress(job=run.number, cells_done=0, cells=5, steps_done=60, steps=75, seconds_left=5.0))
    assert shown(under_way(state, "esc", str)) == "80 % · 0/5 cells  0:05 left  esc cancels"
    state.take(Progress(job=run.number, cells_done=3, cells=5, steps_done=65, steps=75, seconds_left=2.0))
    assert shown(under_way(state, "esc", str)) == "3/5 cells  0:02 left  esc cancels"


def test_the_clock_of_a_run_goes_on_while_nothing_is_heard_of_it():
    state, now = ready(), [100.0]
    state.clock = lambda: now[0]
    run = state.interpret(state.selection.cells())
    state.take(JobStarted(job=run.number, task=Interpret(run.request)))
    now[0] += 1.5
    assert shown(under_way(state, "esc", str)) == "reading 5 states…  esc cancels"
    now[0] += 62.5
    assert shown(under_way(state, "esc", str)) == "reading 5 states…  1:04  esc cancels"
    state.take(Progress(job=run.number, cells_done=0, cells=5, steps_done=60, steps=75, seconds_left=90.0))
    for passed, left in (0, "1:30"), (20, "1:10"), (69, "0:01"), (50, "0:01"):
        now[0] += passed
        assert shown(under_way(state, "esc", str)) == f"80 % · 0/5 cells  {left} left  esc cancels"
    state.take(Progress(job=run.number, cells_done=3, cells=5, steps_done=65, steps=75, seconds_left=2.0))
    assert shown(under_way(state, "esc", str)) == "3/5 cells  0:02 left  esc cancels"


def test_a_failure_is_the_problem_of_what_was_asked():
    state = ready()
    state.pending_view = "interpret"
    state.tokenize()
    changed = state.take(JobFailed(job=len(state.jobs.tasks), cause="No.", remedy="Try."))
    assert changed.tokens
    assert (state.prompt_problem, state.pending_view, state.selection.tokens) == ("No. Try.", "", ())
    state.preview()
    assert state.take(JobFailed(job=len(state.jobs.tasks), cause="No.", remedy="Try.")).preset
    assert state.preset_tokens == PresetTokens(preset=PRESETS[0], problem="No. Try.")


def test_a_failure_of_what_was_asked_of_a_prompt_of_before_is_stale():
    state = ready()
    state.tokenize()
    state.prompt = "another"
    changed = state.take(JobFailed(job=len(state.jobs.tasks), cause="No.", remedy="Try."))
    assert changed.stale
    assert isinstance(changed.ended, Tokenize)
    assert state.selection.tokens == words(PROMPT)


def test_blocks_that_were_named_for_a_model_are_named_whenever_it_is_loaded():
    state = ready()
    named = (("", ("first", "second")),)
    state.layer_paths["own"] = named
    for name, paths in (("own", named), ("other", ()), ("own", named)):
        state.load(name, "auto", "bf16")
        assert state.jobs.tasks[-1] == LoadModel(name, "auto", "bf16", paths)


def test_cancelling_forgets_the_runs_that_wait_and_a_load_that_waits():
    state = ready()
    run = state.interpret(state.selection.cells())
    state.take(JobStarted(job=run.number, task=Interpret(run.request)))
    state.load("other", "auto", "auto")
    state.choose(InterpretSettings(max_new_tokens=3))
    waiting = state.interpret(state.selection.cells())
    assert state.busy
    assert state.cancel() == [waiting]
    assert (state.cancelling, state.loading, waiting.state, state.jobs.cancelled) == (True, None, "cancelled", True)
    assert isinstance(state.jobs.tasks[-2], LoadModel)


def test_another_stack_has_tokens_cursor_and_marks_of_its_own():
    both = (StackInfo("encoder", 4), StackInfo("decoder", 2))
    state = ready(stacks=both)
    assert state.stack == "encoder"
    state.selection.move(position=1, layer=3)
    state.selection.toggle_position()
    assert state.turn_to("decoder").stack
    assert (state.selection.tokens, state.selection.layer, state.ready) == ((), 1, False)
    assert state.turn_to("decoder") is NOTHING
    state.turn_to("encoder")
    assert (state.selection.position, state.selection.layer, state.selection.marked_positions) == (1, 3, {1})


def test_runs_that_were_cancelled_while_they_waited_are_forgotten_and_the_next_task_is_not():
    state = ready()
    for layer in range(4):
        for strength in range(20):
            state.choose(InterpretSettings(strength=float(strength)))
            state.interpret((Cell(layer, 0),))
    assert len(state.cancel()) == 80
    number = state.submit(LoadModel("other"))
    assert state.take(JobFailed(job=number, cause="x", remedy="y")).ended == LoadModel("other")


def test_a_lens_is_asked_for_once_while_it_is_on_its_way_and_again_after_it_failed_or_another_was_asked_for():
    state = ready()
    lenses = [0]

    def asked(position: int) -> int:
        """How many times the lens at a position has been asked for since the last look."""
        state.selection.move(position=position)
        assert state.lens() is None
        before, lenses[0] = lenses[0], sum(isinstance(task, ReadLens) for task in state.jobs.tasks)
        return lenses[0] - before

    assert (asked(0), asked(0), asked(1), asked(1), asked(0)) == (1, 0, 1, 0, 1)
    state.take(JobFailed(job=len(state.jobs.tasks), cause="x", remedy="y"))
    assert (asked(0), asked(0)) == (1, 0)
    state.take(LensRead(prompt=PROMPT, positions=(0,), rows=()))
    assert state.has_lens()
    state.take(ModelReady(model=info("other", 4)))
    state.take(PromptTokens(prompt=PROMPT, tokens=words(PROMPT), stack=state.stack))
    assert (asked(0), asked(0)) == (1, 0)


def test_settings_are_the_states_own_a_new_preset_joins_those_to_choose_from_and_a_smaller_model_clamps_the_layer():
    state = ready(blocks=8)
    own = Preset("custom", "say _")
    assert state.choose(InterpretSettings(preset=own, injection_layer=7)) == Changed(settings=True)
    assert state.choose(state.settings) is NOTHING
    assert state.bounds.presets == (*PRESETS, own)
    assert state.take(ModelReady(model=info("other", 2))).settings
    assert (state.settings.injection_layer, state.bounds.blocks, state.settings.preset) == (1, 2, own)
