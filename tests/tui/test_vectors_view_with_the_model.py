"""The view of vectors with the bundled model: what it shows is what the engine computes from the same files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from selfie_tui import paths
from selfie_tui.engine.methods.vectors import kept_line
from selfie_tui.engine.vectors.compare import compare
from selfie_tui.engine.vectors.lines import line_value
from selfie_tui.jobs import default_engine
from selfie_tui.kept_vectors import entry_of
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.options import AppOptions
from selfie_tui.tui.views.vectors.view import VectorsView
from tests.tui.driving import run_to_end, text_of, toasts, until
from tests.tui.test_with_the_model import LOADING

PROMPT = "The capital of France is"
LINE = "paris - france + japan"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SelfieApp:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    options = AppOptions(theme="dusk", ascii=False, state_dir=paths.state_dir(), prompt=PROMPT, dtype="fp32")
    return SelfieApp(default_engine, options)


def view_of(app: SelfieApp) -> VectorsView:
    view = app.main.opened["vectors"]
    assert isinstance(view, VectorsView)
    return view


async def keep(app: SelfieApp, pilot, prompt: str, name: str) -> None:
    """Keep the state of the last token of a prompt at layer 2, by keys in Lens."""
    await pilot.press("i", "ctrl+u", *prompt, "enter")
    state = app.main.state
    await until(pilot, lambda: state.selection.tokens and state.selection.prompt == prompt, LOADING)
    state.selection.move(position=len(state.selection.tokens) - 1, layer=2)
    await pilot.press("v", "ctrl+u", *name, "enter")
    await until(pilot, lambda: (paths.vectors_dir() / f"{name}.safetensors").is_file(), 30.0)


async def looked_at(app: SelfieApp, pilot) -> VectorsView:
    view = view_of(app)
    await until(pilot, lambda: view.comparison.compared or view.comparison.problem, LOADING)
    return view


async def steered(app: SelfieApp, pilot) -> tuple[str, str]:
    """Both answers, once they are finished."""
    view = view_of(app)
    await until(pilot, lambda: view.steering.answers and view.steering.answers.finished, LOADING)
    await run_to_end(app, pilot)
    answers = view.steering.answers
    return tuple("".join(token.text for token in part) for part in (answers.plain, answers.steered[0].tokens))


async def test_vectors_are_kept_computed_read_and_steered_with(app: SelfieApp, demo, tmp_path: Path):
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: app.main.tokens.tokens, LOADING)
        await pilot.press("escape", "L")
        for prompt, name in (("Paris", "paris"), ("France", "france"), ("Japan", "japan")):
            await keep(app, pilot, prompt, name)
        await pilot.press("V", "e", "ctrl+u", *LINE)
        view = await looked_at(app, pilot)

        looks, *_ = compare(demo, [line_value(line) for line in (LINE, "paris", "france", "japan")], 5)
        here = view.comparison.compared.here
        assert here.cosines == pytest.approx(looks.cosines, abs=1e-6)
        assert here.norm == pytest.approx(looks.norm, rel=1e-6)
        assert [token.text for token in here.nearest] == [token.text for token in looks.nearest]
        assert str(view.line_pane.border_subtitle) == f"L2 · norm {looks.norm:.4g} · 256"

        await pilot.press("enter")
        await until(pilot, lambda: view.readings.of(LINE) and view.readings.of(LINE).state == "finished", LOADING)
        assert "Tokyo" in view.readings.of(LINE).text(0), "the capital of Japan"
        assert "control" in text_of(app)

        await pilot.press("v", "ctrl+u", *"tokyo", "enter")
        file = paths.vectors_dir() / "tokyo.safetensors"
        await until(pilot, lambda: file.is_file() and view.list.here.name == "tokyo", 30.0)
        assert torch.equal(load_file(file)["vector"], line_value(LINE).rows[0])
        entry = entry_of(file)
        assert entry.origin.made_of == LINE
        assert (entry.layers, entry.origin.model.name) == ((2,), "demo")

        await pilot.press("i", "ctrl+u", *PROMPT, "enter", "+", *":0", "enter")
        plain, same = await steered(app, pilot)
        assert same == plain, "strength 0 is the plain answer"
        assert "Paris" in plain
        assert "no difference" in text_of(app)


async def test_a_line_of_texts_is_looked_at_read_and_steered_with_and_nothing_need_be_kept(app: SelfieApp, demo):
    line = "'Paris'@2 - 'France'@2 + 'Japan'@2"
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: app.main.tokens.tokens, LOADING)
        await pilot.press("escape", "V")
        assert "'The king'@4" in text_of(app), "what can be done without a vector"
        await pilot.press("e", "ctrl+u", *line)
        view = await looked_at(app, pilot)
        looks, *_ = compare(demo, [line_value(each, demo) for each in (line, "'Paris'@2", "'France'@2", "'Japan'@2")])
        assert view.comparison.compared.here.cosines == pytest.approx(looks.cosines, abs=1e-6)
        assert [name for name, _ in view.comparison.compared.others] == ["'Paris'@2", "'France'@2", "'Japan'@2"]

        await pilot.press("enter")
        await until(pilot, lambda: view.readings.of(line) and view.readings.of(line).state == "finished", LOADING)
        assert "Tokyo" in view.readings.of(line).text(0)
        await pilot.press("+")
        plain, turned = await steered(app, pilot)
        assert turned != plain
        assert "Tokyo" in turned


async def test_a_mean_of_prompts_turns_an_answer_and_a_file_of_directions_is_looked_through(
    app: SelfieApp, demo, tmp_path: Path
):
    rows = torch.randn(300, 256, generator=torch.Generator().manual_seed(0))
    save_file({"W_dec": rows}, tmp_path / "sae.safetensors")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: app.main.tokens.tokens, LOADING)
        await pilot.press("escape", "p", "i", "ctrl+u", *"The capital of Japan is", "enter", "V")
        await pilot.press("m", *" at 5 as toward", "enter")
        view = view_of(app)
        await until(pilot, lambda: view.list.here and view.list.here.name == "toward", LOADING)
        await pilot.press("i", "ctrl+u", *PROMPT, "enter", *":1", "enter")
        plain, turned = await steered(app, pilot)
        assert "Paris" in plain
        assert "Tokyo" in turned
        await pilot.press("5", "5")
        assert "differs from token 0" in text_of(app)

        await pilot.press("o", *str(tmp_path / "sae.safetensors"), "enter")
        await until(pilot, lambda: view.list.here.kind == "directions", LOADING)
        await pilot.press("4", "enter", *":7", "enter")
        await looked_at(app, pilot)
        assert view.comparison.compared.here.norm == pytest.approx(float(rows[7].norm()), rel=1e-5)
        await pilot.press("enter")
        await until(pilot, lambda: view.readings.of(view.title).state == "finished", LOADING)
        assert view.readings.of(view.title).text(0)


async def test_what_the_engine_refuses_is_said_in_the_panes_and_the_view_goes_on(app: SelfieApp, tmp_path: Path):
    save_file({"vector": torch.ones(256)}, tmp_path / "ones.safetensors")
    save_file({"vector": torch.ones(2, 3)}, tmp_path / "matrix.safetensors")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: app.main.tokens.tokens, LOADING)
        await pilot.press("escape", "V")
        view = view_of(app)
        await pilot.press("o", *str(tmp_path / "matrix.safetensors"), "enter")
        await until(pilot, lambda: "does not hold one vector" in " ".join(toasts(app)), LOADING)
        await pilot.press("o", *str(tmp_path / "ones.safetensors"), "enter")
        await until(pilot, lambda: view.list.here is not None, LOADING)
        await looked_at(app, pilot)
        await pilot.press("+")
        await until(pilot, lambda: "is of no layer" in text_of(app), LOADING)
        await pilot.press("e", *" / 0", "enter")
        await until(pilot, lambda: "Division by 0" in text_of(app), LOADING)
        await pilot.press("k" if view.list.cursor else "j")
        await pilot.press(*":L4", "enter", *":3", "enter")
        kept = kept_line(f'"{tmp_path / "ones.safetensors"}"', "")
        assert kept.norm == pytest.approx(16.0)
        await until(pilot, lambda: view.line.endswith('ones.safetensors"'), LOADING)
        plain, turned = await steered(app, pilot)
        assert plain
        assert turned
