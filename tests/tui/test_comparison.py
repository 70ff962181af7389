"""The current model compared with another in the app: asked for in a line, shown on a page, exported."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from textual.pilot import Pilot

from selfie_tui.errors import LoadError
from selfie_tui.jobs import default_engine
from selfie_tui.records import (
    EMBED,
    Cell,
    CellPair,
    CellsCompared,
    ComparedCell,
    ComparedReading,
    CompareModels,
    ComparisonBegan,
    ComparisonProgress,
    Event,
    Interpretation,
    LensToken,
    ModelProgress,
    ReadingsCompared,
    Task,
)
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.options import AppOptions
from selfie_tui.tui.pages.comparison import ComparisonScreen
from tests.tui.driving import drawn_when_looked_at, running, text_of, toasts, until
from tests.tui.fake_engine import FakeEngine, info, wait

LOADING = 120.0
"""Seconds that importing torch and loading may take on a machine under load."""


@dataclass
class ComparingEngine(FakeEngine):
    """A scripted engine whose other model reads other words from L1 on, the further the later the layer."""

    refused: LoadError | None = None
    said: str = "other"
    same: bool = False

    def run(self, task: Task, cancelled: Callable[[], bool], post: Callable[[Event], object]) -> Iterator[Event]:
        if not isinstance(task, CompareModels):
            yield from super().run(task, cancelled, post)
            return
        self.done.append(task)
        post(ModelProgress(step="reading the weights", fraction=0.5))
        wait(self.step, cancelled)
        if self.refused is not None:
            raise self.refused
        yield from self._compare_models(task, cancelled)

    def _compare_models(self, task: CompareModels, cancelled: Callable[[], bool]) -> Iterator[Event]:
        tokens = tuple(self._source(task.prompt, task.stack)[position] for position in task.positions)
        model = info(self.name, self.blocks)
        yield ComparisonBegan(
            prompt=task.prompt, model=model, other=model, tokens=tokens, other_tokens=tokens,
            layers=tuple((layer, layer) for layer in task.layers or ()), same_vocabulary=True,
        )  # fmt: skip
        pairs = [CellPair(*[Cell(layer, at)] * 2) for at in task.positions for layer in task.layers or ()]
        cells = tuple(map(self._compared, pairs))
        yield CellsCompared(cells=cells, next=tuple(cell for cell in cells if cell.pair.cell.layer == self.blocks - 1))
        if task.request is None:
            return
        yield ComparisonProgress(step="reading with other", done=1, total=4)
        texts = [("same", "same") if pair.cell.layer < 1 else ("one", self.said) for pair in pairs]
        by_position = {token.position: token for token in tokens}
        readings = [
            tuple(Interpretation(pair.cell, by_position[pair.cell.position], text, (), 1.0) for text in both)
            for pair, both in zip(pairs, texts, strict=True)
        ]
        yield ReadingsCompared(readings=tuple(ComparedReading(p, *r) for p, r in zip(pairs, readings, strict=True)))

    def _compared(self, pair: CellPair) -> ComparedCell:
        layer = pair.cell.layer
        differs = layer >= 1 and not self.same
        top = LensToken(f" one{layer}", 0.5, 7)
        other = LensToken(f" {self.said if differs else 'one'}{layer}", 0.25, 8)
        apart = layer / self.blocks if differs else 0.0
        return ComparedCell(pair, (top,), (other,), 1.0, 1.0, apart, 2 * apart)


async def asked(app: SelfieApp, pilot: Pilot[None], name: str) -> None:
    """Ask for the comparison with a model, and wait for its page."""
    await pilot.press("equals_sign")
    assert "compare with the model" in text_of(app)
    app.main.ask_line.field.value = name
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, ComparisonScreen))


async def compared(app: SelfieApp, pilot: Pilot[None]) -> None:
    await until(pilot, lambda: not app.main.state.compared.step)
    await pilot.pause()


def tasks(engine: FakeEngine) -> list[CompareModels]:
    return [task for task in engine.done if isinstance(task, CompareModels)]


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 20)])
async def test_one_key_and_a_name_show_where_two_models_differ_the_furthest_first(size):
    engine = ComparingEngine()
    async with running(engine, size=size) as (app, pilot):
        await asked(app, pilot, "noisy")
        await compared(app, pilot)
        (task,) = tasks(engine)
        selection = app.main.state.selection
        assert (task.other.name, task.prompt, task.request) == ("noisy", selection.prompt, None)
        assert task.positions == tuple(token.position for token in selection.tokens if not token.special)
        assert task.layers == (EMBED, *range(engine.blocks))
        lines = app.screen.page.text().splitlines()
        listed = [line for line in lines if " ≠ " in line]
        last = f"L{engine.blocks - 1}"
        assert lines[0].startswith("A  demo")
        assert listed[0].split()[0] == str(task.positions[0]), "the next tokens come first"
        cells = [line for line in listed if line.startswith("L")]
        assert cells[0].startswith(last)
        assert cells[-1].startswith("L1 ")
        assert not any(line.startswith(("embed", "L0")) for line in cells)
        assert "esc close" in text_of(app)


async def test_what_is_marked_is_compared():
    engine = ComparingEngine()
    async with running(engine) as (app, pilot):
        app.main.state.selection.mark(positions=(2, 4))
        app.main.state.selection.mark(layers=(1, 3))
        await asked(app, pilot, "noisy")
        await compared(app, pilot)
        (task,) = tasks(engine)
        assert (task.positions, task.layers) == ((2, 4), (1, 3))


async def test_words_are_asked_for_by_a_key_with_the_settings_and_those_that_differ_are_shown():
    engine = ComparingEngine(said="[red]other\x1b[31m")
    async with running(engine) as (app, pilot):
        app.main.state.selection.mark(positions=(2,))
        app.main.state.selection.mark(layers=(0, 1))
        await asked(app, pilot, "noisy")
        await compared(app, pilot)
        await pilot.press("w")
        await compared(app, pilot)
        first, second = tasks(engine)
        assert first.request is None
        assert second.request is not None
        assert second.request.preset == app.main.state.settings.preset
        text = app.screen.page.text()
        assert "Other words in 1 of 2 cells." in text
        assert "A  one\nB  [red]other" in text
        assert "\x1b" not in text
        await pilot.press("w")
        await pilot.pause()
        assert len(tasks(engine)) == 2
        assert any("Both have said these cells in words" in toast for toast in toasts(app))


async def test_the_page_opens_again_by_the_same_key_until_the_prompt_is_another():
    engine = ComparingEngine()
    async with running(engine) as (app, pilot):
        await asked(app, pilot, "noisy")
        await compared(app, pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is app.main
        await pilot.press("equals_sign")
        await pilot.pause()
        assert isinstance(app.screen, ComparisonScreen)
        assert len(tasks(engine)) == 1
        await pilot.press("n")
        await pilot.pause()
        assert app.main.ask_line.field.value == "noisy"
        await pilot.press("escape")
        app.main.prompt_text.hold("another prompt")
        await until(pilot, lambda: app.main.state.ready and app.main.state.selection.prompt == "another prompt")
        await pilot.press("equals_sign")
        await pilot.pause()
        assert app.screen is app.main
        assert app.main.asking


async def test_what_is_done_is_said_and_can_be_cancelled():
    engine = ComparingEngine()
    engine_step = engine.step
    async with running(engine) as (app, pilot):
        engine_step.clear()
        await asked(app, pilot, "noisy")
        await until(pilot, lambda: "reading the weights 50%…" in text_of(app))
        assert app.main.state.load_step is None, "the current model stays"
        await pilot.press("escape")
        await pilot.pause()
        assert "comparing with noisy: reading the weights 50%  esc cancels" in text_of(app)
        await pilot.press("escape")
        await compared(app, pilot)
        assert app.main.state.compared.problem == "It was cancelled."
        await pilot.press("equals_sign")
        await pilot.pause()
        assert "It was cancelled." in text_of(app)


async def test_a_model_that_there_is_no_room_for_is_refused_on_the_page():
    engine = ComparingEngine(refused=LoadError("The weights need 9.0 GiB and cpu has 1.0 GiB free.", "Close some."))
    async with running(engine) as (app, pilot):
        await asked(app, pilot, "huge")
        await compared(app, pilot)
        assert "The weights need 9.0 GiB and cpu has 1.0 GiB free. Close some." in app.screen.page.text()
        assert app.main.state.model is not None


async def test_models_that_are_equal_are_said_to_be():
    async with running(ComparingEngine(same=True)) as (app, pilot):
        await asked(app, pilot, "demo")
        await compared(app, pilot)
        assert "No bit differs in " in app.screen.page.text()


async def test_a_comparison_is_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    async with running(ComparingEngine()) as (app, pilot):
        await asked(app, pilot, "noisy")
        await compared(app, pilot)
        await pilot.press("x")
        await until(pilot, lambda: app.main.asking)
        app.main.ask_line.field.value = str(tmp_path / "found.jsonl")
        await pilot.press("enter")
        await until(pilot, lambda: (tmp_path / "found.jsonl").exists())
        rows = [json.loads(line) for line in (tmp_path / "found.jsonl").read_text().splitlines()]
        assert [row["differs"] for row in rows] == [row["layer"] >= 1 for row in rows]


async def test_it_is_drawn_with_ascii_alone():
    async with running(ComparingEngine(), ascii=True) as (app, pilot):
        await asked(app, pilot, "noisy")
        await compared(app, pilot)
        assert text_of(app).isascii()


async def test_the_bundled_model_beside_itself_in_another_number_format():
    with drawn_when_looked_at():
        app = SelfieApp(default_engine, AppOptions(theme="dusk", ascii=False, prompt="The capital of France is"))
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, lambda: bool(app.main.tokens.tokens), LOADING)
            app.main.models.dtype = "fp32"
            app.main.state.selection.mark(layers=(3, 7))
            await asked(app, pilot, "demo")
            await until(pilot, lambda: not app.main.state.compared.step, LOADING)
            await pilot.pause()
            found = app.main.state.compared.found
            assert found is not None
            assert found.began.model.dtype == "bf16"
            assert found.began.other.dtype == "fp32"
            assert 0 < max(cell.bits or 0 for cell in found.cells) < 0.05
            assert "B  demo · cpu · fp32" in app.screen.page.text()
