"""The view of modules with the bundled model: it shows what the model computes, and what it changes is undone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace
from safetensors.torch import load_file

from selfie_tui.jobs import default_engine
from selfie_tui.paths import model_path
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.options import AppOptions
from selfie_tui.tui.views.inspect.view import InspectView
from tests.tui.driving import confirmed, run_to_end, text_of, toasts, until
from tests.tui.test_with_the_model import LOADING

PARIS = "Paris"


def view_of(app: SelfieApp) -> InspectView:
    view = app.main.opened["inspect"]
    assert isinstance(view, InspectView)
    return view


def said(app: SelfieApp) -> tuple[str, str]:
    answers = view_of(app).inspection.answers
    assert answers is not None
    return tuple("".join(token.text for token in part) for part in (answers.plain, answers.edited))


async def answered(app: SelfieApp, pilot) -> tuple[str, str]:
    """Both answers, once they are finished and nothing else is under way."""
    view = view_of(app)
    await until(pilot, lambda: view.inspection.answers and view.inspection.answers.finished, LOADING)
    await run_to_end(app, pilot)
    return said(app)


async def looked_at(app: SelfieApp, pilot) -> None:
    view = view_of(app)
    await until(pilot, lambda: view.inspection.look(), LOADING)


async def test_modules_are_looked_at_edited_kept_and_read_and_the_model_is_as_before(tmp_path: Path):
    app = SelfieApp(default_engine, AppOptions(theme="dusk", ascii=False, state_dir=tmp_path))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("f6")
        view = view_of(app)
        await until(pilot, lambda: view.modules.outline.rows, LOADING)
        await looked_at(app, pilot)
        position = app.main.state.selection.position

        await pilot.press("colon", *"layers.6", "enter")
        await looked_at(app, pilot)
        peeked = view.inspection.peeked
        assert peeked is not None
        assert len(peeked.tokens) == len(app.main.state.selection.tokens)
        assert [layer for layer, _ in peeked.layers] == list(range(8))
        norm = peeked.tokens[position].norm
        assert dict(peeked.layers)[6] == pytest.approx(norm, rel=1e-3)
        assert peeked.nearest[0].text.strip() == PARIS, "the lens reads it in a late layer"

        await pilot.press("v", "ctrl+u", *"paris", "enter")
        file = tmp_path / "vectors" / "paris.safetensors"
        await until(pilot, lambda: file.is_file() and confirmed(app), 20.0)
        (vector,) = load_file(file).values()
        assert float(vector.float().norm()) == pytest.approx(norm, rel=1e-2)

        await pilot.press("a", "5", "G")
        await until(pilot, lambda: view.inspection.attention, LOADING)
        attention = view.inspection.attention
        assert attention is not None
        assert all(sum(pattern.rows[0]) == pytest.approx(1, abs=0.02) for pattern in attention.patterns)
        await pilot.press("G", "enter")
        await until(pilot, lambda: view.source.probability(position, position) is not None, LOADING)
        assert view.source.probability(position, 0) == pytest.approx(attention.patterns[-1].rows[0][0], abs=1e-3)
        assert view.source.probability(0, position) == 0
        await pilot.press("escape", "4")

        await pilot.press("ctrl+r")
        plain, edited = await answered(app, pilot)
        assert PARIS in plain
        assert edited == ""
        await pilot.press("e", *"zero", "enter")
        await until(pilot, lambda: "EDITED 1" in text_of(app), LOADING)
        again, edited = await answered(app, pilot)
        assert again == plain, "the plain answer is that of the model without the edit"
        assert PARIS not in edited
        assert "differs from token 0" in text_of(app)
        await looked_at(app, pilot)
        assert view.inspection.peeked is not None
        assert view.inspection.peeked.tokens[position].norm == 0

        await pilot.press("e", "ctrl+u", *f"= vec:paris at {position}", "enter")
        await until(pilot, lambda: len(view.inspection.edits) == 2, LOADING)
        await answered(app, pilot)
        await pilot.press("d", "d")
        await until(pilot, lambda: not view.inspection.edits, LOADING)
        await run_to_end(app, pilot)
        await looked_at(app, pilot)
        assert view.inspection.peeked == peeked_again(peeked, view)
        await pilot.press("u")
        await until(pilot, lambda: len(view.inspection.edits) == 2, LOADING)
        await run_to_end(app, pilot)

        await pilot.press("R")
        assert "EDITED 2" in text_of(app).splitlines()[0]


def peeked_again(before, view: InspectView):
    """The values that were read first, as the job that read them again has them."""
    now = view.inspection.peeked
    assert now is not None
    return replace(before, job=now.job)


async def test_an_edit_that_the_engine_refuses_is_told_and_nothing_stands(tmp_path: Path):
    """A vector of another width."""
    import torch
    from safetensors.torch import save_file

    (tmp_path / "vectors").mkdir()
    save_file({"vector": torch.ones(7)}, tmp_path / "vectors" / "short.safetensors")
    app = SelfieApp(default_engine, AppOptions(theme="dusk", ascii=False, state_dir=tmp_path))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.press("f6")
        view = view_of(app)
        await until(pilot, lambda: view.modules.outline.rows, LOADING)
        await looked_at(app, pilot)
        await pilot.press("e", *"= vec:short", "enter")
        await until(pilot, lambda: any("7" in toast for toast in toasts(app)), LOADING)
        await run_to_end(app, pilot)
        assert view.inspection.edits == ()
        assert "EDITED" not in text_of(app)


async def test_the_modules_of_a_model_whose_weights_are_damaged_can_be_read(tmp_path: Path):
    folder = tmp_path / "damaged"
    shutil.copytree(model_path(), folder)
    (weights,) = folder.glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    app = SelfieApp(default_engine, AppOptions(theme="dusk", ascii=False, state_dir=tmp_path, model=str(folder)))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: "Delete that file and download it again" in text_of(app), LOADING)
        await pilot.press("escape", "I")
        view = view_of(app)
        await until(pilot, lambda: view.inspection.failed is not None, LOADING)
        await pilot.press("slash", *"3.mlp.down", "enter")
        assert view.modules.here == "model.layers.3.mlp.down_proj"
        await pilot.press("escape")
        assert "damaged was not loaded" in text_of(app)
        await pilot.press("5")
        assert "model.safetensors of" in text_of(app)
