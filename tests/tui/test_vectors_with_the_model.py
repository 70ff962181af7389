"""A state that is kept from the lens is the state that the library reads at that cell of the bundled model."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file

from selfie_tui.engine.loading.load import load
from selfie_tui.engine.prompts.source import source_of
from selfie_tui.jobs import default_engine
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.options import AppOptions
from tests.tui.driving import until
from tests.tui.test_with_the_model import LOADING

PROMPT = "The Eiffel Tower is located in the city of"


async def test_a_state_and_the_mean_of_two_are_kept_as_they_are(tmp_path: Path):
    app = SelfieApp(default_engine, AppOptions(theme="dusk", ascii=False, state_dir=tmp_path, prompt=PROMPT))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: app.main.tokens.tokens, LOADING)
        await pilot.press("tab", "L")
        app.main.state.selection.move(position=len(app.main.state.selection.tokens) - 1, layer=5)
        await pilot.press("v", "enter")
        file = tmp_path / "vectors" / "of@L5.safetensors"
        await until(pilot, lambda: file.is_file() and app.main.hints.confirmed, 30.0)
        await pilot.press("space", "k", "space", "v", "ctrl+u", *"both", "enter")
        mean = tmp_path / "vectors" / "both.safetensors"
        await until(pilot, lambda: mean.is_file(), 30.0)
    model = load("demo")
    ids = source_of(model, PROMPT, "").ids
    states = model.read(ids, (4, 5), (len(ids) - 1,))
    assert torch.equal(load_file(file)["vector"], states[5][0].float())
    kept, wanted = load_file(mean)["vector"], (states[4][0].float() + states[5][0].float()) / 2
    assert torch.allclose(kept, wanted, rtol=1e-2, atol=1e-2 * float(wanted.abs().max()))
