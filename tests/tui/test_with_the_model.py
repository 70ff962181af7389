"""The whole program with real models: the bundled one, and small random ones of the other kinds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from selfie_tui.jobs import default_engine
from selfie_tui.records import EMBED
from selfie_tui.results import sessions
from selfie_tui.results.entries import RunBegan
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.options import AppOptions
from selfie_tui.tui.pages.error import ErrorScreen
from tests.tui.driving import log_text, run_to_end, text_of, toasts, until

LOADING = 120.0
"""Seconds that importing torch and loading may take on a machine under load."""


async def test_the_first_run_reads_paris_at_the_last_token_and_the_control_does_not():
    app = SelfieApp(default_engine, AppOptions(theme="dusk", ascii=False))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: "will interpret when ready" in text_of(app) or log_text(app), LOADING)
        await until(pilot, lambda: len(log_text(app)) >= 11, LOADING)
        await run_to_end(app, pilot)
        lines = log_text(app)
        assert "control" in lines[1]
        assert "Paris" not in lines[1]
        assert any("Paris" in line for line in lines[2:])
        assert "Paris" not in lines[2], "the embedding of the last token knows nothing of Paris"
        assert "Paris" in text_of(app).split("4 Layers")[1], "the lens reads it too"
        assert text_of(app).count("[_]") == 5

        await pilot.press("g", "right", "right")
        await until(pilot, lambda: "▌2 " in text_of(app))
        await pilot.press("enter")
        await run_to_end(app, pilot)
        assert any("Eiffel" in line for line in log_text(app)[11:])

        await pilot.press("o", *"/no/such/folder", "enter")
        await until(pilot, lambda: isinstance(app.screen, ErrorScreen), LOADING)
        await pilot.press("escape", "2", "right", "enter")
        await run_to_end(app, pilot)
        assert len([line for line in log_text(app) if "control" in line]) == 3, toasts(app)


def saved(folder: Path, kind: Literal["seq2seq", "masked"], model_type: str) -> str:
    """A folder with a small random model whose tokenizer writes its mask token as most do."""
    from tests.sweep.small import small  # these bring torch in, which the other tests of the interface do without
    from tests.sweep.sweep import mask_tokenizer

    small(kind, model_type).save_pretrained(folder / model_type)
    mask_tokenizer().save_pretrained(folder / model_type)
    for file in (folder / model_type).glob("tokenizer*.json"):
        file.write_text(json.dumps(json.loads(file.read_text())).replace("<extra0>", "[MASK]"))
    return str(folder / model_type)


async def test_the_stacks_of_a_t5_are_read_and_the_masks_of_a_bert_are_filled(tmp_path: Path):
    t5, bert = saved(tmp_path, "seq2seq", "t5"), saved(tmp_path, "masked", "bert")
    prompt = "[INST]the Eiffel Tower[/INST] is in the"
    app = SelfieApp(
        default_engine, AppOptions(theme="dusk", ascii=False, model=t5, prompt=prompt, state_dir=tmp_path / "kept")
    )
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: len(app.main.state.runs) == 1, LOADING)
        await run_to_end(app, pilot)
        assert "encoder-decoder 4+4 layers · cpu · fp32 · verified" in text_of(app)
        assert "1 ·the 2 ·Eiffel▌3 ·Tower▐" in text_of(app)
        await pilot.press("s", "enter")
        await until(pilot, lambda: len(app.main.state.runs) == 2)
        await run_to_end(app, pilot)
        assert "0 <pad> 1 ·is 2 ·in▌3 ·the▐" in text_of(app)
        await until(pilot, lambda: len(app.main.layer_list.lens) == 5)
        encoders, decoders = app.main.state.runs.values()
        assert [run.request.stack for run in (encoders, decoders)] == ["encoder", "decoder"]
        assert [cell.layer for cell in decoders.request.cells] == [EMBED, 0, 1, 2, 3]
        assert {reading.token.text for reading in decoders.interpretations.values()} == {" the"}
        assert len({reading.norm for run in (encoders, decoders) for reading in run.interpretations.values()}) == 10

        await pilot.press("i", "ctrl+u", *"the Tower", "escape", "o", *bert, "enter", "2", "enter")
        await until(pilot, lambda: len(app.main.state.runs) == 3, LOADING)
        await run_to_end(app, pilot)
        await until(pilot, lambda: "the message: [MASK]×12" in text_of(app))
        assert "fills 12 masks" in text_of(app)
        assert "encoder 4 layers · cpu · fp32 · verified" in text_of(app)
        filled = list(app.main.state.runs.values())[-1]
        assert filled.request.stack == ""
        assert {len(reading.tokens) for reading in filled.interpretations.values()} == {12}
        (file,) = (tmp_path / "kept" / "sessions").iterdir()
        began = [entry for entry in sessions.read(file) if isinstance(entry, RunBegan)]
        assert [(entry.info.kind, entry.info.verdict) for entry in began if entry.info] == [
            ("encoder-decoder", "verified"),
            ("encoder-decoder", "verified"),
            ("encoder", "verified"),
        ]
