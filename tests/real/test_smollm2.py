"""A published instruction-tuned model of 30 layers: its readings are those of plain PyTorch hooks, the app holds it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.engine.methods.lens import logit_lens
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.target import build_target
from selfie_tui.engine.unembed import lens_logits
from selfie_tui.jobs import default_engine
from selfie_tui.presets import PRESETS, preset_called
from selfie_tui.records import EMBED, Cell, CellFinished, ControlFinished, Request
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.options import AppOptions
from tests.engine.reference import decoded, interpreted, run, state_at
from tests.tui.driving import drawn_when_looked_at, log_text, run_to_end, text_of, until

pytestmark = pytest.mark.real

LAYERS = 30
PROMPT = "The Eiffel Tower is located in the city of"
LAST = 9
"""Position of the last token of the prompt, ` of`; SmolLM2 has no token that begins a text."""

SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
CLOSE = 5e-5
"""Probabilities that float32 sums in another order over 30 layers of width 576; seen up to 2e-6."""

LOADING = 120.0
"""Seconds that the app may take to import torch and load the file on a machine under load."""


def test_its_file_opens_as_a_verified_model(smollm2: Model) -> None:
    info = smollm2.info()
    assert smollm2.verdict == "verified"
    assert not smollm2.notices
    assert (info.family, info.layers, info.hidden, info.vocabulary) == ("llama", LAYERS, 576, 49152)
    assert (info.context, info.dtype, info.chat) == (8192, "fp32", True)
    assert info.parameters == pytest.approx(134.5e6, rel=0.01)


def test_it_answers_as_it_was_trained_to(smollm2: Model) -> None:
    """The weights are unpacked and the turn is written as they should be, or it would write nonsense."""
    turn = [{"role": "user", "content": "What is the capital of France?"}]
    inputs = smollm2.tokenizer.apply_chat_template(
        turn, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    with torch.no_grad():
        ids = smollm2.module.generate(**inputs, max_new_tokens=10, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    assert smollm2.tokenizer.decode(ids) == "The capital of France is Paris.<|im_end|>"


@pytest.mark.parametrize(
    ("preset", "injection_layer", "cells"),
    [
        ("summarize", EMBED, (Cell(EMBED, 1), Cell(12, LAST))),
        ("identity", 3, (Cell(20, LAST), Cell(29, 4))),
    ],
)
def test_its_readings_are_those_of_plain_hooks(
    smollm2: Model, preset: str, injection_layer: int, cells: tuple[Cell, ...]
) -> None:
    request = Request(PROMPT, cells, preset_called(preset), injection_layer=injection_layer, max_new_tokens=4)
    events = list(interpret(smollm2, request))
    (control,) = [event.control for event in events if isinstance(event, ControlFinished)]
    assert [token.id for token in control.tokens] == decoded(smollm2, request, None).ids
    found = {event.index: event.interpretation for event in events if isinstance(event, CellFinished)}
    assert sorted(found) == list(range(len(cells)))
    for index, cell in enumerate(cells):
        expected, interpretation = interpreted(smollm2, request, cell), found[index]
        assert [token.id for token in interpretation.tokens] == expected.ids
        assert interpretation.text == smollm2.tokenizer.decode(expected.ids).strip()
        assert [token.probability for token in interpretation.tokens] == pytest.approx(
            expected.probabilities, abs=CLOSE
        )
        assert [token.effect for token in interpretation.tokens] == pytest.approx(expected.effects, abs=CLOSE)


def test_an_interpretation_prompt_is_its_own_chat_turn_with_every_placeholder_overwritten(smollm2: Model) -> None:
    target = build_target(smollm2, preset_called("summarize"), 8)
    answer = "Sure, I will summarize the message:"
    assert target.text == (
        f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n_ _ _ _ _<|im_end|>\n"
        f"<|im_start|>assistant\n{answer}"
    )
    turn = [{"role": "user", "content": "_ _ _ _ _"}]
    rendered = smollm2.tokenizer.apply_chat_template(turn, add_generation_prompt=True, tokenize=False)
    assert target.text == rendered + answer
    assert list(target.ids) == smollm2.tokenizer(rendered + answer, add_special_tokens=False)["input_ids"]
    assert [target.tokens[position].strip() for position in target.positions] == ["_"] * 5
    assert [index for index, token in enumerate(target.tokens) if "_" in token.replace("<|im_", "")] == list(
        target.positions
    )


def test_every_preset_can_be_used_and_the_meaning_of_a_state_is_asked_in_pieces(smollm2: Model) -> None:
    """Its tokenizer has the tokens `_"` and `"?`; the placeholder is cut off the former."""
    targets = {preset.name: build_target(smollm2, preset, 4) for preset in PRESETS}
    assert [name for name, target in targets.items() if target.cuts] == ["meaning"]
    target = targets["meaning"]
    assert [target.tokens[position] for position in target.positions] == ["_", "_"]
    assert "".join(target.tokens) == target.text
    together = smollm2.tokenizer(target.text, add_special_tokens=False)["input_ids"]
    assert smollm2.tokenizer.decode(list(target.ids)) == smollm2.tokenizer.decode(together)


def test_the_system_text_of_its_chat_template_is_known_and_can_be_left_out(smollm2: Model) -> None:
    kept, left_out = (build_target(smollm2, preset_called("summarize"), 8, system=system) for system in (True, False))
    assert "".join(kept.tokens[at] for at in kept.system) == f"<|im_start|>system\n{SYSTEM}<|im_end|>\n"
    assert left_out.text == kept.text.removeprefix(f"<|im_start|>system\n{SYSTEM}<|im_end|>\n")
    assert left_out.text.startswith("<|im_start|>user\n_ _ _ _ _<|im_end|>")
    assert len(left_out.positions) == 5


def test_the_lens_of_its_last_layer_is_its_logits(smollm2: Model) -> None:
    ids = smollm2.tokenizer(PROMPT)["input_ids"]
    assert len(ids) == LAST + 1
    logits = run(smollm2, ids)[-1]
    state = state_at(smollm2, PROMPT, Cell(LAYERS - 1, LAST))
    lens = lens_logits(smollm2, state[None])[0]
    assert smollm2.tokenizer.decode(int(logits.argmax())) == " Paris"
    torch.testing.assert_close(lens, logits, atol=1e-4, rtol=1e-5)


def test_the_lens_of_every_cell_is_that_of_whole_logits(smollm2: Model) -> None:
    """In slices of 2,048 of its 49,152 tokens, all layers and positions at once, as the app and the command read it."""
    ids = smollm2.tokenizer(PROMPT)["input_ids"]
    (paris,) = smollm2.tokenizer(" Paris")["input_ids"]
    (block,) = logit_lens(smollm2, ids, range(len(ids)), k=3, track=paris)
    assert len(block.rows) == (LAYERS + 1) * len(ids)
    assert block.answers[-1].text == " Paris"
    last = run(smollm2, ids).double().log_softmax(-1)
    for position in (3, LAST):
        assert block.answers[position].id == int(last[position].argmax())
        for layer in (EMBED, 0, 15, LAYERS - 1):
            row = next(each for each in block.rows if each.cell == Cell(layer, position))
            logits = lens_logits(smollm2, state_at(smollm2, PROMPT, row.cell)[None])[0].double()
            own = logits.log_softmax(-1)
            assert [token.id for token in row.top] == own.topk(3).indices.tolist()
            assert row.entropy == pytest.approx(float(-(own.exp() * own).sum()), rel=1e-4, abs=1e-4)
            assert row.kl == pytest.approx(
                float((last[position].exp() * (last[position] - own)).sum()), rel=1e-3, abs=1e-4
            )
            assert row.answer_rank == int((logits > logits[block.answers[position].id]).sum())
            assert row.tracked == pytest.approx(float(own[paris].exp()), rel=1e-3, abs=1e-9)


async def test_the_app_opens_it_and_every_layer_is_reached_on_a_large_and_a_small_screen(
    smollm2_file: Path, smollm2: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def load(name: str, **options: object) -> Model:
        opened.append(name)
        return smollm2

    monkeypatch.setattr("selfie_tui.engine.service.load", load)
    app = SelfieApp(default_engine, AppOptions(theme="dusk", ascii=False, model=str(smollm2_file), prompt=PROMPT))
    with drawn_when_looked_at():
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await until(pilot, lambda: len(app.main.layer_list.lens) == LAYERS + 1, LOADING)
            assert "fp32 · verified" in text_of(app)
            for size in ((120, 40), (80, 24)):
                await pilot.resize_terminal(*size)
                await pilot.press("alt+4", "g")
                seen: set[str] = set()
                for _ in range(LAYERS + 1):
                    await pilot.pause()
                    seen |= set(re.findall(r"(?<!\w)(?:embed|L\d+)(?!\w)", text_of(app)))
                    await pilot.press("j")
                assert {"embed", *(f"L{layer}" for layer in range(LAYERS))} <= seen, size
                assert re.search(r"L29\b.*Paris", text_of(app)), text_of(app)
            await pilot.press("a", "space", "enter")
            await run_to_end(app, pilot)
            assert any("L29" in line for line in log_text(app)), log_text(app)
            assert not any("L28" in line for line in log_text(app)), "the mark of the cursor's layer alone"
    assert opened == [str(smollm2_file)]
