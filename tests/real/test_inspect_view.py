"""The view of modules with the published model, whose heads share keys and whose thirty blocks are equal."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfie_tui.jobs import default_engine
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.options import AppOptions
from tests.tui.driving import run_to_end, text_of, until
from tests.tui.test_inspect_with_the_model import LOADING, answered, looked_at, view_of

pytestmark = pytest.mark.real


async def test_the_modules_of_a_grouped_query_model_are_looked_at_and_an_edit_changes_what_it_says(
    smollm2_file: Path, tmp_path: Path
) -> None:
    options = AppOptions(theme="dusk", ascii=False, model=str(smollm2_file), state_dir=tmp_path)
    app = SelfieApp(default_engine, options)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("f6")
        view = view_of(app)
        await until(pilot, lambda: app.main.state.model is not None and view.modules.outline.rows, LOADING)
        await looked_at(app, pilot)
        await pilot.press("colon", *"layers.29.self_attn", "enter")
        await looked_at(app, pilot)
        assert view.inspection.node is not None
        assert view.inspection.node.layer == app.main.state.selection.layer == 29
        peeked = view.inspection.peeked
        assert peeked is not None
        assert peeked.is_stream
        assert len(peeked.layers) == 30
        await pilot.press("a")
        await until(pilot, lambda: "9 heads, 3 of keys and values" in text_of(app), LOADING)

        await pilot.press("colon", *"layers.0.mlp", "enter", "e", *"zero", "enter")
        await until(pilot, lambda: view.inspection.edits, LOADING)
        plain, edited = await answered(app, pilot)
        assert plain != edited
        assert "differs from token" in text_of(app)
        await pilot.press("d", "d")
        await until(pilot, lambda: not view.inspection.edits, LOADING)
        await run_to_end(app, pilot)
        again, _ = await answered(app, pilot)
        assert again == plain
