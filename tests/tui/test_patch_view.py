"""The view of patching: the pair, what is asked for, the map as it grows, going on, marks, measures, refusals."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from selfie_tui.records import LensToken, PatchActivations
from selfie_tui.tui.widgets.map.cells import MapCell
from tests.tui.driving import run_to_end, running, text_of, until
from tests.tui.fake_engine import FakeEngine

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
        assert view.source.cell(7, 3) == MapCell("negative", 0.125, "-.12")
        assert view.source.cell(-1, 3).state == "absent", "over the embeddings nothing is written"
