"""Control of a layer that stays, with the bundled model: listed, opened on its page, made again."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from selfie_tui.engine.model import Model
from selfie_tui.tui.pages.control import ControlScreen
from tests.results.test_kept_controls import TASK, both
from tests.results.test_kept_patching import to_disk
from tests.tui.driving import text_of, until
from tests.tui.test_kept_comparison_with_the_model import app_in, listed
from tests.tui.test_with_the_model import LOADING


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_a_control_is_opened_on_its_page_and_made_again(demo: Model, tmp_path: Path, size: tuple[int, int]):
    to_disk(tmp_path / "sessions", demo, msgspec.structs.replace(TASK, steps=15))
    (kept,) = listed(tmp_path)
    app = app_in(tmp_path)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.main.state.ready, LOADING)
        await pilot.press("H")
        await until(pilot, lambda: "1  L5 → “The Colosseum" in text_of(app))
        if size[0] < 100:
            await pilot.press("5")
        await until(pilot, lambda: "of the way left" in text_of(app))
        assert "15 steps" in text_of(app)
        assert "before  " in text_of(app)
        assert "after   " in text_of(app)
        await pilot.press("4", "enter")
        await until(pilot, lambda: isinstance(app.screen, ControlScreen))
        text = app.screen.page.text()
        assert "towards the state of “The Colosseum is located in the city of”" in " ".join(text.split())
        assert "way left" in text
        assert "after" in text
        assert "from today" in text
        assert not app.screen.controlled.running
        assert app.screen.controlled.done == both(kept)[1]
        await pilot.press("escape", "H")
        await until(pilot, lambda: app.main.view.NAME == "history")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: len(runs := listed(tmp_path)) == 2 and runs[0].ending == "finished", LOADING)
        again, _ = listed(tmp_path)
        assert again.began.task == kept.began.task
        await until(pilot, lambda: isinstance(app.screen, ControlScreen) and app.screen.controlled.done is not None)
        assert "from today" not in app.screen.page.text()
        await pilot.press("escape", "H")
        await until(pilot, lambda: "2 runs" in text_of(app))
