"""The view of vectors with the published model, and with vectors of another one beside its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from selfie_tui import paths
from selfie_tui.engine.inspecting.vector_file import read_vectors, write_vector
from selfie_tui.jobs import default_engine
from selfie_tui.records import Origin
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.options import AppOptions
from tests.tui.driving import run_to_end, text_of, until
from tests.tui.test_vectors_view_with_the_model import LOADING, looked_at, steered, view_of

pytestmark = pytest.mark.real


async def test_a_difference_of_two_prompts_steers_the_model_and_a_vector_of_another_width_says_why_it_cannot(
    smollm2_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    write_vector("paris", torch.ones(256), Origin(None, layers=(5,)))
    options = AppOptions(
        theme="dusk", ascii=False, model=str(smollm2_file), state_dir=paths.state_dir(), prompt="I hate this so much"
    )
    app = SelfieApp(default_engine, options)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: app.main.state.model is not None and app.main.tokens.tokens, LOADING)
        await pilot.press("escape", "tab", "V", "p", "i", "ctrl+u", *"I love this so much", "enter")
        view = view_of(app)
        here = view.list.here
        assert here is not None
        assert not here.usable
        assert here.why == f"256 wide; {app.main.state.model.title} is 576"
        assert "".join(piece.text for piece in view.result.pieces(0)).startswith(" paris is 256 wide;")
        await pilot.press("m", *" at 12-16 as love", "enter")
        await until(pilot, lambda: view.list.here is not None and view.list.here.name == "love", LOADING)
        assert view.list.here.layers == (12, 13, 14, 15, 16)
        await looked_at(app, pilot)
        kept = read_vectors("love")
        assert view.comparison.compared.here.norm == pytest.approx(float(kept.rows.norm(dim=-1).mean()), rel=1e-5)

        await pilot.press("i", "ctrl+u", *"My sister and I", "enter", *":0", "enter")
        plain, same = await steered(app, pilot)
        assert same == plain
        await pilot.press(*":4", "enter")
        again, turned = await steered(app, pilot)
        assert again == plain
        assert turned != plain
        assert view.steering.answers.layers == (12, 13, 14, 15, 16)

        await pilot.press("enter")
        await until(pilot, lambda: view.readings.of("love").state == "finished", LOADING)
        assert len(view.readings.of("love").interpretations) == 5, "one for each layer"
        assert "L14 says" in text_of(app)
        await run_to_end(app, pilot)
