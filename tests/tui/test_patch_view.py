"""The view of patching: the pair, what is asked for, the map as it grows, going on, marks, measures, refusals."""

from __future__ import annotations

import csv
import math
import threading

import pytest
from msgspec.structs import replace

from selfie_tui.records import (
    AttributionFinished,
    LensToken,
    PatchActivations,
    PatchedRun,
    PatchedSite,
    PatchEnded,
    PatchProgress,
    SitesPatched,
)
from selfie_tui.results.entries import RunBegan
from selfie_tui.tui.views.patch.patching import Patching
from selfie_tui.tui.views.patch.scores import change, number, score_cell
from selfie_tui.tui.widgets.map.cells import MapCell
from tests.tui import fake_patching
from tests.tui.driving import run_to_end, running, text_of, toasts, until
from tests.tui.fake_engine import BLOCKS, FakeEngine, words

SIZES = [(120, 40), (80, 24), (60, 20), (200, 60)]
A, B = "The capital of France is", "The capital of Japan is"


class Capitals(FakeEngine):
    """Says a capital after each of the prompts, and the last token after any other."""

    def _read_lens(self, task):
        found = super()._read_lens(task)
        said = {"France": " Paris", "Japan": " Tokyo"}
        word = next((said[word] for word in said if word in task.prompt), None)
        return replace(found, answers=(LensToken(word, 0.75, 7),)) if word else found


def asked(engine: FakeEngine) -> list[PatchActivations]:
    """What was asked for so far."""
    return [task for task in engine.done if isinstance(task, PatchActivations)]


def lines_of(lines) -> list[str]:
    """What a widget shows, whether in sight or not."""
    return ["".join(piece.text for piece in lines.pieces(line)) for line in range(lines.count())]


async def pair(app, pilot, clean=A, corrupt=B) -> None:
    """Keep a prompt as A, show the view, and edit the prompt there into B."""
    await pilot.press("escape", "p", "P")
    await until(pilot, lambda: app.main.view.NAME == "patch" and app.main.view.map.size.height)
    await pilot.press("i", "ctrl+u")
    app.main.prompt_text.put(corrupt)
    await pilot.press("enter")
    await until(pilot, lambda: app.main.state.selection.prompt == corrupt)
    await until(pilot, lambda: all(app.main.view.patches.says(prompt) for prompt in (clean, corrupt)))


@pytest.mark.parametrize("size", SIZES)
async def test_a_pair_is_made_shown_and_patched_with_a_few_keys(size):
    engine = Capitals()
    async with running(engine, size, prompt=A) as (app, pilot):
        await pair(app, pilot)
        view = app.main.view
        rows = lines_of(view.pair_rows)
        assert "·France" in rows[0]
        assert "says ·Paris .75" in rows[0]
        assert "·Japan" in rows[1]
        assert "says ·Tokyo .75" in rows[1]
        if size[1] >= 30:
            assert rows[2].rstrip().endswith("5 = 5 tokens · 1 differs")
            assert rows[2].index("^") == rows[1].index("·Japan")
        await pilot.press("enter")
        await until(pilot, lambda: view.patches.here is not None and view.patches.here.state == "finished")
        await run_to_end(app, pilot)
        (task,) = asked(engine)
        assert (task.clean, task.corrupt, task.sites, task.kind) == (A, B, ("resid",), "each")
        assert (task.correct, task.wrong) == ('" Paris"', '" Tokyo"')
        assert view.patches.here.is_whole
        screen = text_of(app)
        assert "L0" in screen
        assert "▇.75" in screen
        assert "40 sites" in screen.splitlines()[0], "what the view did last, not how readings ended"
        assert view.source.cell(7, 3) == MapCell("negative", 0.125, "-.12")
        assert view.source.cell(-1, 3).state == "absent", "over the embeddings nothing is written"


async def patched(app, pilot, *keys: str) -> Patching:
    """Press keys, patch, and wait for the end."""
    await pilot.press(*keys, "enter")
    view = app.main.view
    await until(pilot, lambda: view.patches.here is not None and view.patches.here.state == "finished")
    await run_to_end(app, pilot)
    return view.patches.here


async def test_what_was_cancelled_is_gone_on_with_and_equals_what_was_not():
    whole, engine = Capitals(), Capitals()
    async with running(whole, prompt=A) as (app, pilot):
        await pair(app, pilot)
        expected = (await patched(app, pilot)).runs
    async with running(engine, prompt=A) as (app, pilot):
        await pair(app, pilot)
        view = app.main.view
        engine.step.clear()
        engine.pause = 0.3
        await pilot.press("enter")
        await until(pilot, lambda: view.patches.here and view.patches.here.began)
        assert "patch 0 of 40" in text_of(app)
        assert view.source.cell(0, 0).state == "waiting"
        assert view.other_source.cell(0, 3).state == "read", "the attribution is there at once"
        engine.step.set()
        await until(pilot, lambda: view.patches.here.done >= 5)
        await pilot.press("escape")
        await until(pilot, lambda: view.patches.here.state == "cancelled")
        stopped = view.patches.here
        assert 0 < stopped.done < 40
        left = next(index for index in range(40) if index not in stopped.runs)
        site = stopped.site(left)
        assert math.isnan(view.source.cell(site.layer, site.positions[0]).heat), "what was not run is no 0"
        await until(pilot, lambda: f"cancelled · {stopped.done} of 40" in text_of(app))
        assert f"cancelled · {stopped.done} of 40 sites" in text_of(app).splitlines()[0]
        engine.pause = 0.0
        here = await patched(app, pilot)
        again = asked(engine)[-1]
        assert {run.index: run for run in again.earlier.runs} == stopped.runs
        assert again.earlier.attribution == stopped.estimates
        assert here.runs == expected
        assert "of 40 ──" not in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: any("All sites of this map are patched" in toast for toast in toasts(app)))
        assert len(asked(engine)) == 2
        await pilot.press("ctrl+r")
        await until(pilot, lambda: len(asked(engine)) == 3)
        assert asked(engine)[-1].earlier is None
        await run_to_end(app, pilot)


async def test_marked_sites_are_written_together_and_those_of_the_embeddings_left_out():
    engine = Capitals()
    async with running(engine, prompt=A) as (app, pilot):
        await pair(app, pilot)
        view = app.main.view
        await pilot.press("left", "space", "down", "space", "down", "space", "enter")
        await until(pilot, lambda: asked(engine))
        await run_to_end(app, pilot)
        (task,) = asked(engine)
        assert task.chosen == (PatchedSite("resid", 0, (3,)), PatchedSite("resid", 1, (3,)))
        assert not task.attribution
        score = number(fake_patching.score_of(task.chosen, frozenset({3}), 5, BLOCKS))
        await until(pilot, lambda: f"2 marked together: {score}" in text_of(app))
        await pilot.press("space")
        await until(pilot, lambda: "marked together" not in text_of(app))
        assert view.patches.here is None, "the map itself was not asked for"


@pytest.mark.parametrize("size", SIZES)
async def test_heads_are_layers_by_heads_at_the_token_and_c_goes_through_q_k_v_o(size):
    engine = Capitals()
    async with running(engine, size, prompt=A) as (app, pilot):
        await pair(app, pilot)
        view = app.main.view
        await pilot.press("s", "s", "s")
        assert view.patches.choices.site == "heads"
        assert view.map.note == "enter patches heads q at 4 is, of every layer."
        here = await patched(app, pilot)
        assert (here.task.sites, here.task.kind, here.task.positions) == (("q",), "custom", (4,))
        assert list(view.map.column_numbers()) == list(range(fake_patching.HEADS))
        assert "q3" in lines_of(view.map)[0]
        await pilot.press("g", "home", "down", "down", "right", "right")
        assert view.patches.cursor == ("q", 1, 4, 2)
        assert app.main.state.selection.position == 4, "heads are beside each other, not tokens"
        score = here.runs[here.index("q", 1, 4, 2)].score
        assert view.source.cell(1, 2).text == number(score)
        for name in ("k", "v", "o"):
            await pilot.press("c")
            assert view.patches.choices.head == name
        await pilot.press("c")
        assert view.patches.here is here
        await pilot.press("2", "left", "4")
        assert view.patches.here is None, "at another token they are others"
        await pilot.press("s")
        assert view.map.cursor == (1, 3)


async def test_prompts_of_unequal_lengths_have_no_map_but_at_the_last_token():
    engine = Capitals()
    async with running(engine, prompt=A) as (app, pilot):
        await pair(app, pilot, corrupt="The capital of old Japan is")
        view = app.main.view
        screen = text_of(app)
        assert "5 ≠ 6 tokens" in "\n".join(lines_of(view.pair_rows))
        assert "5 and 6 tokens, of which the first that differ are 3 ·France 4 ·is | 3 ·old" in view.map.note
        assert "L0" not in screen.split("Patching")[1], "no map is faked"
        await pilot.press("enter")
        await until(pilot, lambda: any("5 and 6 tokens" in toast for toast in toasts(app)))
        assert not asked(engine)
        await pilot.press("3", "right", "right", "right", "down")
        assert view.patches.choices.kind == "last"
        rows = lines_of(view.pair_rows)
        assert rows[0].index("·is") == rows[1].index("·is"), "aligned at their ends"
        here = await patched(app, pilot, "4")
        assert here.task.kind == "last"
        assert view.source.cell(7, 5).text == ".88"
        assert view.source.cell(7, 4).state == "absent"


async def test_noise_goes_the_other_way_and_is_another_map():
    engine = Capitals()
    async with running(engine, prompt=A) as (app, pilot):
        await pair(app, pilot)
        view = app.main.view
        first = await patched(app, pilot)
        await pilot.press("3", "right", "down", "4")
        assert view.patches.here is None
        assert "B → A" in text_of(app)
        noised = await patched(app, pilot)
        assert noised.task.noise
        assert noised.target == noised.began.clean
        await pilot.press("3", "down", "4")
        assert view.patches.here is first


async def test_answers_are_what_the_model_says_unless_others_are_written():
    engine = Capitals()
    async with running(engine, prompt=A) as (app, pilot):
        await pair(app, pilot)
        view = app.main.view
        await pilot.press("t", "ctrl+u", *"Lyon", "enter")
        await until(pilot, lambda: view.patches.choices.correct == "Lyon")
        here = await patched(app, pilot)
        assert (here.task.correct, here.task.wrong) == ("Lyon", '" Tokyo"')
        await pilot.press("3", "end")
        await pilot.press(*["right"] * 4, "up")
        assert view.patches.choices.correct == "", "what the model says again"


async def test_prompts_answered_alike_are_told_plainly_and_kl_needs_no_answers():
    engine = Capitals()
    async with running(engine, prompt="One Japan is") as (app, pilot):
        await pair(app, pilot, "One Japan is", "Two Japan is")
        await pilot.press("enter")
        await until(pilot, lambda: any("Both prompts are answered with ·Tokyo" in toast for toast in toasts(app)))
        assert not asked(engine)
        await pilot.press(":", *"KL", "enter")
        here = await patched(app, pilot)
        assert (here.task.metric, here.task.correct, here.task.wrong) == ("kl", "", "")
        assert "Both prompts are answered alike: 1 and 1." in text_of(app)


async def test_without_a_pair_the_pane_says_what_to_do_and_the_cell_is_shared():
    engine = Capitals()
    async with running(engine, prompt=A) as (app, pilot):
        await pilot.press("escape", "P")
        await until(pilot, lambda: "There is no pair yet: p keeps this prompt as A" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: any("There is no pair yet" in toast for toast in toasts(app)))
        assert not asked(engine)
        await pilot.press("backspace", "escape")
        await pair(app, pilot)
        await pilot.press("L", "down", "down", "left")
        here = app.main.state.selection.layer, app.main.state.selection.position
        await pilot.press("P")
        assert app.main.view.map.cursor == here
        await pilot.press("down", "#")
        assert (app.main.state.selection.layer, app.main.state.selection.position) == (here[0] + 1, here[1])


async def test_the_source_is_edited_in_its_row():
    async with running(Capitals(), prompt=A) as (app, pilot):
        await pair(app, pilot)
        await pilot.press("2", "up", "i", "ctrl+u", *"The capital of Spain is", "enter")
        await until(
            pilot, lambda: app.main.state.pair.prompt == "The capital of Spain is" and app.main.state.pair.tokens
        )
        await until(pilot, lambda: "·Spain" in lines_of(app.main.view.pair_rows)[0])


async def test_a_kept_run_is_shown_as_if_just_run_and_gone_on_with():
    engine = Capitals()
    async with running(engine, prompt="Hello there") as (app, pilot):
        task = PatchActivations(clean=A, corrupt=B, correct="Paris", wrong="Tokyo", sites=("resid", "attn"))
        gate = threading.Event()
        gate.set()
        events = list(fake_patching.patched(task, words(A), words(B), BLOCKS, lambda: False, gate))
        kept = [event for event in events if not isinstance(event, PatchProgress | PatchEnded)][:6]
        began = RunBegan(run=1, model="demo", began="2026-11-24T11:34:00", task=task)
        await pilot.press("escape", "P")
        await until(pilot, lambda: app.main.view.NAME == "patch")
        view = app.main.view
        view.open_kept(began, kept, "from 24 Nov 11:34", "a session#1")
        await until(pilot, lambda: view.patches.here is not None and view.map.columns.blocks == 5)
        assert app.main.prompt_text.value == B
        assert app.main.state.pair.prompt == A
        assert view.patches.here.state == "cancelled"
        assert "from 24 Nov 11:34" in text_of(app)
        await pilot.press("s")
        assert view.patches.here is not None, "it has what attention adds too"
        here = await patched(app, pilot)
        again = asked(engine)[-1]
        assert again.sites == ("resid", "attn")
        assert len(again.earlier.runs) == 20
        assert again.earlier.run == "a session#1", "the run that goes on names the one that was opened"
        assert here.is_whole


async def test_another_model_knows_nothing_of_what_was_patched():
    engine = Capitals()
    async with running(engine, prompt=A) as (app, pilot):
        await pair(app, pilot)
        await patched(app, pilot)
        app.main.load("other")
        await until(pilot, lambda: app.main.state.model.name == "other" and app.main.state.ready)
        assert app.main.view.patches.here is None


def test_scores_are_written_in_four_cells_with_their_sign():
    written = {0.84: ".84", -0.12: "-.12", 1.0: "1.0", 0.999: "1.0", -2.34: "-2.3", 12.3: "12", -0.001: ".00",
               -123.4: "-123", 0.0: ".00", 98765.0: "1e5"}  # fmt: skip
    assert {score: number(score) for score in written} == written
    assert number(math.nan) == "×"
    assert change(3.14) == "+3.1"
    assert change(-0.4) == "-.40"
    assert score_cell(-2.0) == MapCell("negative", 1.0, "-2.0")
    assert score_cell(math.nan).heat != score_cell(0.0).heat


async def test_what_is_shown_is_exported_and_read_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with running(Capitals(), prompt=A) as (app, pilot):
        await pair(app, pilot)
        here = await patched(app, pilot)
        await pilot.press("x", "ctrl+u", *"scores.csv", "enter")
        await until(pilot, lambda: "Exported" in app.main.hints.confirmed)
        rows = list(csv.DictReader((tmp_path / "scores.csv").open()))
        assert len(rows) == here.sites
        assert {round(float(row["score"]), 6) for row in rows} == {round(run.score, 6) for run in here.runs.values()}


async def test_marked_sites_that_were_kept_are_marked_again():
    async with running(Capitals(), prompt="Hello there") as (app, pilot):
        chosen = (PatchedSite("attn", 1, (3,)), PatchedSite("attn", 2, (4,)))
        task = PatchActivations(
            clean=A, corrupt=B, correct="Paris", wrong="Tokyo", sites=("attn",), chosen=chosen, attribution=False
        )
        gate = threading.Event()
        gate.set()
        events = list(fake_patching.patched(task, words(A), words(B), BLOCKS, lambda: False, gate))
        await pilot.press("escape", "P")
        await until(pilot, lambda: app.main.view.NAME == "patch")
        view = app.main.view
        began = RunBegan(run=1, model="demo", began="2026-11-24T11:34:00", task=task)
        view.open_kept(began, events, "from 24 Nov 11:34")
        await until(pilot, lambda: view.map.marked_sites() == chosen)
        await until(pilot, lambda: "2 marked together: " in text_of(app))
        assert view.patches.here is None, "there is no map of it"


async def test_the_cursor_stands_on_what_is_patched_and_then_on_the_strongest_site_unless_it_was_moved():
    engine = Capitals()
    async with running(engine, prompt=A) as (app, pilot):
        await pair(app, pilot)
        view, selection = app.main.view, app.main.state.selection
        assert (selection.layer, selection.position) == (-1, 4)
        here = await patched(app, pilot)
        index = max(range(here.sites), key=lambda index: abs(here.estimates[index]))
        assert index > 0, "or the first layer would do"
        assert here.site(index) == PatchedSite("resid", selection.layer, (selection.position,))
        assert f"recovered {number(here.runs[index].score)}" in text_of(app)
        await pilot.press("s")
        here = await patched(app, pilot)
        assert here.site(view.patches.run_here()[1]).name == "attn"
        await pilot.press("up", "left")
        chosen = selection.layer, selection.position
        await patched(app, pilot, "s")
        assert (selection.layer, selection.position) == chosen, "where the user went it stays"


async def test_of_a_token_that_was_chosen_the_cursor_goes_to_a_layer_and_of_heads_to_the_strongest_there():
    engine = Capitals()
    async with running(engine, prompt=A) as (app, pilot):
        await pair(app, pilot)
        view, selection = app.main.view, app.main.state.selection
        await pilot.press("2", "left", "left", "4")
        here = await patched(app, pilot)
        at_token = [index for index in range(here.sites) if here.site(index).positions == (2,)]
        best = max(at_token, key=lambda index: abs(here.estimates[index]))
        assert (selection.position, selection.layer) == (2, here.site(best).layer)
        await pilot.press("2", "right", "4", "s", "s", "s")
        here = await patched(app, pilot)
        best = max(range(here.sites), key=lambda index: abs(here.estimates[index]))
        assert (selection.position, selection.layer, view.patches.head) == (
            3,
            here.site(best).layer,
            here.site(best).head,
        )


async def test_before_anything_is_estimated_the_cursor_is_at_the_first_layer_that_is_patched():
    engine = Capitals()
    async with running(engine, prompt=A) as (app, pilot):
        await pair(app, pilot)
        view, selection = app.main.view, app.main.state.selection
        shown = Patching(view.patches.wanted)
        began = fake_patching.patched(
            shown.task, selection.tokens, selection.tokens, BLOCKS, lambda: False, threading.Event()
        )
        shown.take(next(began))
        view.patches.take_in(shown)
        view.show_all()
        assert (selection.layer, selection.position) == (0, 4), "the token stays, over embed nothing is written"
        shown.take(next(began))
        view.show_all()
        assert shown.cursor_placed == "estimated"


@pytest.mark.parametrize("moved", [False, True])
async def test_where_the_run_disagrees_with_the_estimate_the_cursor_goes_to_the_strongest_unless_moved(moved: bool):
    engine = Capitals()
    async with running(engine, prompt=A) as (app, pilot):
        await pair(app, pilot)
        view, selection = app.main.view, app.main.state.selection
        shown = Patching(view.patches.wanted)
        view.patches.take_in(shown)
        steps = fake_patching.patched(
            shown.task, selection.tokens, selection.tokens, BLOCKS, lambda: False, threading.Event()
        )
        shown.take(next(steps))
        estimated, strongest = shown.index("resid", 1, 2), shown.index("resid", 3, 1)
        shown.take(AttributionFinished(scores=tuple(float(each == estimated) for each in range(shown.sites))))
        view.show_all()
        assert (selection.layer, selection.position) == (1, 2)
        if moved:
            await pilot.press("k")
        for index in range(shown.sites):
            shown.take(SitesPatched(runs=(PatchedRun(index, 0.9 * (index == strongest), 1.0, ()),)))
            if index == strongest:
                view.show_all()
                assert (selection.layer, selection.position) != (3, 1), "not before all are run"
        before = selection.layer, selection.position
        view.show_all()
        assert (selection.layer, selection.position) == (before if moved else (3, 1))
