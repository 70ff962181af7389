"""The grid over a published model of thirty layers: its words are those of a cell alone, its baselines beside them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from selfie_tui.jobs import default_engine
from selfie_tui.records import EMBED, Cell
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.options import AppOptions
from tests.tui.driving import run_to_end, text_of, until

pytestmark = pytest.mark.real

LOADING = 300.0
LAYERS = 31


async def test_every_layer_of_a_prompt_is_read_and_a_cell_says_what_it_says_alone(smollm2_file: Path):
    options = AppOptions(theme="dusk", ascii=False, model=str(smollm2_file), dtype="fp32", prompt="Paris, France")
    app = SelfieApp(default_engine, options)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: app.main.state.ready, LOADING)
        state = app.main.state
        app.main.show(state.choose(msgspec.structs.replace(state.settings, max_new_tokens=4)))
        await pilot.press("f3", "enter")
        await until(pilot, lambda: len(state.runs) == 1)
        await until(pilot, lambda: not state.busy, LOADING)
        view = app.main.view
        await until(pilot, lambda: view.map_pane.settled)
        count = len(state.selection.tokens)
        cells = [Cell(layer, position) for layer in range(EMBED, LAYERS - 1) for position in range(count)]
        found = {cell: view.maps.shown.interpretation(cell) for cell in cells}
        assert all(each is not None and each.lens is not None and each.bare is not None for each in found.values())
        assert found[Cell(EMBED, 0)].bare == found[Cell(EMBED, 0)].text, "at embed the state is the bare embedding"
        assert f"{count} tokens" in text_of(app)
        assert "of 31" in text_of(app), "the window is on a part of the layers"
        await pilot.press("G", "w")
        lines = [line for line in text_of(app).splitlines() if line[4:].startswith(("L29", "L28"))]
        assert len(lines) == 2, "the end of the column, a line a layer"
        await pilot.press("escape", "space", "enter")
        await until(pilot, lambda: len(state.runs) == 2)
        await run_to_end(app, pilot)
        last = Cell(LAYERS - 2, state.selection.position)
        assert state.last_run.request.cells == (last,)
        assert state.last_run.interpretations[0].text == found[last].text
