"""The grid with the bundled model, driven by the keyboard in a terminal: cancelled half way, gone on with, in bytes."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from selfie_tui.jobs import default_engine
from selfie_tui.records import EMBED, Cell
from selfie_tui.results.history import StoredRun, stored_runs
from selfie_tui.results.resuming import contents
from selfie_tui.results.run_kinds.readings import interpretations_in
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.options import AppOptions
from tests.tui.driving import run_to_end, text_of, until
from tests.tui.ptys import PtyProgram
from tests.tui.test_with_the_model import LOADING

LIVE = 8 * 1024
"""Bytes in a second that a run may send while it is drawn."""

VIEW_CHANGE = 12 * 1024
"""Bytes of another view whose cells have colour."""

PROMPT = " ".join(["The Eiffel Tower is located in the city of Paris."] * 4)
DONE = re.compile(r"(\d+)/(\d+) cells")


def environment(folder: Path, **more: str) -> dict[str, str]:
    folders = {f"XDG_{name}_HOME": str(folder / name.lower()) for name in ("STATE", "CONFIG", "CACHE")}
    return {**folders, "HOME": str(folder), "LC_ALL": "C.UTF-8", **more}


def said(run: StoredRun) -> dict[int, tuple[str, float | None]]:
    found = interpretations_in(contents(run)[1])
    return {index: (each.text, each.treatment_effect) for index, each in found.items()}


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
def test_a_grid_that_is_cancelled_half_way_is_gone_on_with_and_says_what_a_whole_one_does(size, tmp_path: Path):
    sessions, cache = tmp_path / "state" / "selfie-tui" / "sessions", tmp_path / "index"
    arguments = ("-m", "selfie_tui.cli", "--prompt", PROMPT)
    with PtyProgram(*arguments, size=size, env=environment(tmp_path)) as program:

        def some_done() -> bool:
            found = DONE.search(program.text())
            return found is not None and int(found[1]) > 0

        assert program.until(lambda: program.shows("reads this token"), LOADING)
        before = program.received
        program.send("#")
        assert program.shows("4 Grid")
        assert 0 < program.received - before <= VIEW_CHANGE
        program.send("\r")
        assert program.until(lambda: some_done() or "readings" in program.text(), LOADING)
        program.send("\x1b")
        assert program.shows("left: enter goes on"), program.text()
        left = int(re.search(r"(\d+) left: enter", program.text())[1])
        before, began = program.received, time.monotonic()
        program.send("\r")
        assert program.until(lambda: "readings" in program.text().splitlines()[0], LOADING), program.text()
        took = time.monotonic() - began
        assert "left: enter goes on" not in program.text()
        assert program.received - before <= LIVE * max(took, 1.0)
        program.send("\x12\r")  # everything again, in one go
        assert program.until(lambda: len(stored_runs(sessions, cache)) == 2, LOADING)
        assert program.until(lambda: all(run.ending == "finished" for run in stored_runs(sessions, cache)), LOADING)
        program.send("q")
    whole, resumed = stored_runs(sessions, cache)
    assert resumed.began.resumes
    assert 0 < left < resumed.cells == whole.cells
    assert said(resumed) == said(whole)


def test_a_word_is_tracked_over_the_readings_of_a_real_model_until_escape(tmp_path: Path):
    with PtyProgram("-m", "selfie_tui.cli", size=(120, 40), env=environment(tmp_path)) as program:
        assert program.until(lambda: program.shows("reads this token"), LOADING)
        program.send("#\r")
        assert program.until(lambda: "81 readings" in program.text(), LOADING)
        program.send("tParis\r")
        assert program.shows("track Paris"), program.text()
        program.send("G")
        assert program.until(lambda: re.search(r"Paris (\.\d\d|1\.0) {2}effect", program.text()) is not None)
        saying, all = map(int, re.search(r"(\d+) of (\d+) say Paris", program.text()).groups())

        def barred() -> int:
            cells = [line for line in program.text().splitlines() if line[2:].startswith(("embed", "L"))]
            return sum(len(re.findall("[▁▂▃▄▅▆▇█]", line)) for line in cells)

        assert (all, 0 < saying < all) == (81, True)
        assert program.until(lambda: barred() == saying), "a bar wherever it is said, and nowhere else"
        program.send("\x1b")
        assert program.shows("· effect")
        program.send("q")


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "linux"}], ids=["NO_COLOR", "linux"])
def test_without_colours_and_in_ascii_heat_and_words_are_told_all_the_same(env, tmp_path: Path):
    with PtyProgram("-m", "selfie_tui.cli", size=(80, 24), env=environment(tmp_path, **env)) as program:
        assert program.until(lambda: program.shows("reads this token"), LOADING)
        program.send("#\r")
        assert program.until(lambda: "81 readings" in program.text(), LOADING)
        text = program.text()
        (line,) = [line for line in text.splitlines() if line[2:].startswith("L7")]
        assert "Paris," in line
        if env.get("TERM") == "linux":
            assert text.isascii()
            assert ", 0 ~ @ 1" in text, "the scale, in the glyphs of the terminal"
        else:
            assert {(look.foreground, look.background) for row in program.terminal.looks() for look in row} <= {
                ("", "default"), ("default", "default"),
            }  # fmt: skip
        program.send("q")


async def test_the_grid_of_the_first_prompt_says_paris_where_read_does_and_beside_it_what_lens_and_embedding_say():
    app = SelfieApp(default_engine, AppOptions(theme="dusk", ascii=False))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("f3", "enter")
        await until(pilot, lambda: len(app.main.state.runs) == 1, LOADING)
        await run_to_end(app, pilot)
        view = app.main.view
        await until(pilot, lambda: view.map_pane.settled)
        last = len(app.main.state.selection.tokens) - 1
        found = {layer: view.maps.shown.interpretation(Cell(layer, last)) for layer in app.main.state.selection.layers}
        assert "Paris" not in found[EMBED].text
        assert [layer for layer, each in found.items() if "Paris" in each.text] == [2, 3, 4, 5, 6, 7]
        await pilot.press("G")
        await pilot.pause(0.1)
        shown = text_of(app)
        assert f"lens     {app.look.visible(found[7].lens.text)}" in shown
        assert f"embed alone {found[7].bare.strip()}" in shown
        one = view.maps.shown.at(Cell(7, last)).run
        await pilot.press("R", "4", "a", "enter")
        await until(pilot, lambda: len(app.main.state.runs) == 2)
        await run_to_end(app, pilot)
        alone = app.main.state.last_run
        assert alone is not one
        assert alone.request.cells == (Cell(7, last),)
        assert alone.interpretations[0].text == found[7].text, "a cell of the grid has the words of the cell run alone"
        await pilot.press("number_sign")
        assert view.maps.shown.at(Cell(7, last)).run is alone, "what Read has read since stands in the map"
