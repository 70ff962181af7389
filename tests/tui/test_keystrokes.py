"""The keystrokes that the README promises, pressed as they stand there, in the whole program on the bundled model."""

from __future__ import annotations

import re
from pathlib import Path

from selfie_tui.jobs import default_engine
from selfie_tui.records import EMBED, Cell
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.options import AppOptions
from tests.tui.driving import log_text, run_to_end, until
from tests.tui.test_with_the_model import LOADING

README = (Path(__file__).parents[2] / "README.md").read_text()
TABLE = re.search(r"<!-- keystrokes -->\n(.*)\n<!-- /keystrokes -->", README, re.DOTALL)
ROWS = [line.strip("| ").split(" | ") for line in (TABLE[1] if TABLE else "").splitlines()[2:]]
NAMES = {":": "colon", "/": "slash"}
LAYERS = (EMBED, *range(8))


def keys(number: int, *, at_most: int) -> list[str]:
    """The keys of a row of the README's table, which are as many as it says, and few enough."""
    _, written, count = ROWS[number]
    found = re.findall(r"`([^`]+)`", written)
    assert len(found) == int(count) <= at_most
    return [NAMES.get(key, key) for key in found]


def program(folder: Path) -> SelfieApp:
    return SelfieApp(default_engine, AppOptions(theme="dusk", ascii=False, state_dir=folder))


def last_cells(app: SelfieApp) -> set[Cell]:
    run = app.main.state.last_run
    return set(run.request.cells) if run else set()


async def test_what_the_readme_counts_takes_these_keys(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    state = tmp_path / "state"
    app = program(state)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.main.layer_list.lens, LOADING)
        assert app.main.tokens.has_focus

        await pilot.press(*keys(0, at_most=6))
        await until(pilot, lambda: app.main.state.last_run)
        await run_to_end(app, pilot)
        assert last_cells(app) == {Cell(layer, 3) for layer in LAYERS}

        await pilot.press("2", *keys(1, at_most=6))
        await until(pilot, lambda: len(app.main.state.runs) == 2)
        await run_to_end(app, pilot)
        assert last_cells(app) == {Cell(7, position) for position in range(1, 10)}, "all but the begin token"

        await pilot.press("4", "a", "enter")  # all tokens are marked still, and now all layers
        await until(pilot, lambda: len(app.main.state.runs) == 3)
        await until(pilot, lambda: not app.main.state.busy, LOADING)
        await pilot.pause()
        assert len(last_cells(app)) == 81
        await pilot.press("2", *keys(2, at_most=4))
        await pilot.pause()
        log = app.main.view.log_view
        assert "Paris" in log.copyable()
        await pilot.press("escape", "escape", "2")

        await pilot.press(*keys(3, at_most=3))
        await until(pilot, lambda: list(tmp_path.glob("selfie-demo-*.jsonl")))
        (file,) = tmp_path.glob("selfie-demo-*.jsonl")
        assert file.read_text().count("Paris") >= 1

        await pilot.press(*keys(4, at_most=1))
        assert app.main.zoomed is app.main.prompt_pane
        shown = len([line for line in log_text(app) if line.strip()])
        await app.action_quit()

    app = program(state)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.main.layer_list.lens, LOADING)
        assert not any("Paris" in line for line in log_text(app))
        await pilot.press(*keys(5, at_most=3))
        await until(pilot, lambda: any("Paris" in line for line in log_text(app)))
        assert app.main.view.NAME == "interpret"
        assert app.main.view.log_view.has_focus
        assert 82 < len(log_text(app)) <= shown
