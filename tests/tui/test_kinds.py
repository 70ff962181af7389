"""Models of other kinds on the screen: which stack is read, what an encoder fills in, and what the proof says."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfie_tui.records import EMBED, Interpret, PreviewPreset, PromptToken, StackInfo, Token, Tokenize
from selfie_tui.results import sessions
from selfie_tui.tui.catalog import gpus
from selfie_tui.tui.pages.about import AboutScreen
from selfie_tui.tui.palette import commands
from selfie_tui.tui.render.styles import Look, Piece, cells
from selfie_tui.tui.status import model_pieces
from selfie_tui.tui.widgets.bars import fitting
from selfie_tui.tui.widgets.preset_view import slot_pieces
from tests.tui.driving import log_text, run_to_end, running, text_of, toasts, until
from tests.tui.fake_engine import FakeEngine, encoder_decoder, info

TURN = "[INST]the Eiffel Tower[/INST] is in the"
BOTH = (StackInfo("encoder", 6), StackInfo("decoder", 6))


def requests(engine: FakeEngine):
    return [task.request for task in engine.done if isinstance(task, Interpret)]


def plain(pieces) -> str:
    return "".join(piece.text for piece in pieces)


async def press_and_wait(app, pilot, *keys):
    """Press keys after which the tokens and the lens of a stack are on their way."""
    await pilot.press(*keys)
    await until(pilot, lambda: bool(app.main.state.selection.prompt and app.main.layer_list.lens))


# Which stack is read --------------------------------------------------------------------------------------------------


async def test_s_turns_tokens_layers_lens_and_runs_to_the_decoder_and_back():
    engine = encoder_decoder(6, 4)
    async with running(engine, prompt=TURN) as (app, pilot):
        shown = text_of(app)
        assert "2 Prompt · encoder" in shown
        assert "4 Layers · encoder" in shown
        assert "▌2 ·Tower▐" in shown
        assert "reads this token × 7 encoder layers" in shown
        await press_and_wait(app, pilot, "escape", "s")
        shown = text_of(app)
        assert "2 Prompt · decoder" in shown
        assert "4 Layers · decoder" in shown
        assert "0 <pad> 1 ·is" in shown
        assert "reads this token × 5 decoder layers" in shown
        assert "·the3" in shown, "the lens is the decoder's"
        await pilot.press("enter")
        await run_to_end(app, pilot)
        await press_and_wait(app, pilot, "s")
        assert "4 Layers · encoder" in text_of(app)
        await pilot.press("enter")
        await run_to_end(app, pilot)
        decoders, encoders = requests(engine)
        assert (decoders.stack, {cell.layer for cell in decoders.cells}) == ("decoder", {EMBED, 0, 1, 2, 3})
        assert (encoders.stack, {cell.layer for cell in encoders.cells}) == ("encoder", {EMBED, *range(6)})
        assert encoders.cells[0].position == 2


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_the_other_stack_is_in_the_hints_and_the_one_that_is_read_in_the_title(size):
    async with running(encoder_decoder(), size=size, prompt=TURN) as (app, pilot):
        await press_and_wait(app, pilot, "i")
        assert "alt+s decoder" in text_of(app).splitlines()[-1]
        await press_and_wait(app, pilot, "escape", "4")
        assert "s decoder" in text_of(app).splitlines()[-1]
        assert "encoder" in text_of(app).split("4 ")[1]
        await press_and_wait(app, pilot, "alt+s")
        assert "s encoder" in text_of(app).splitlines()[-1]
        assert "? help" in text_of(app).splitlines()[-1]
        await pilot.press("5")
        assert "s encoder" not in text_of(app).splitlines()[-1]


async def test_from_the_text_alt_s_turns_and_s_is_a_letter():
    async with running(encoder_decoder(), prompt=TURN) as (app, pilot):
        await press_and_wait(app, pilot, "i", "s", "alt+s")
        assert app.main.prompt_text.value == TURN + "s"
        assert app.main.state.stack == "decoder"
        assert app.main.tokens.tokens[-1].text == " thes"


async def test_marks_come_back_with_their_stack_and_those_that_do_not_exist_are_dropped():
    async with running(encoder_decoder(6, 3), prompt=TURN) as (app, pilot):
        main = app.main
        await pilot.press("escape", "g", "space", "4", "a", "down", "space", "G", "space")
        assert (main.tokens.marks, main.state.selection.selected_layers) == ({0}, (0, 5))
        await press_and_wait(app, pilot, "s")
        assert (main.tokens.marks, main.state.selection.selected_layers) == (frozenset(), (0,))
        assert main.layer_list.cursor == 3
        await pilot.press("G", "space", "2", "G", "space")
        await press_and_wait(app, pilot, "s")
        assert (main.tokens.marks, main.state.selection.selected_layers) == ({0}, (0, 5))
        assert main.layer_list.cursor == 6
        await press_and_wait(app, pilot, "s")
        assert (main.tokens.marks, main.state.selection.selected_layers) == ({3}, (0, 2))


async def test_a_run_that_is_asked_for_right_after_the_turn_waits_for_the_decoders_tokens():
    engine = encoder_decoder()
    async with running(engine, prompt=TURN) as (app, pilot):
        await pilot.press("escape", "s", "enter")
        await run_to_end(app, pilot)
        (request,) = requests(engine)
        assert request.stack == "decoder"
        assert {cell.position for cell in request.cells} == {3}
        assert [token.text for token in app.main.state.runs.popitem()[1].sources.values()] == [" the"]


async def test_a_decoder_that_has_written_nothing_says_how_it_gets_words():
    async with running(encoder_decoder(), prompt="the Tower") as (app, pilot):
        await press_and_wait(app, pilot, "escape", "s")
        assert "▌0 <pad>▐ write [INST]encoder's text[/INST] decoder's text" in text_of(app)
        await press_and_wait(app, pilot, "s")
        assert "write [INST]" not in text_of(app)


async def test_log_details_and_copies_name_the_stack_that_was_read():
    async with running(encoder_decoder(), prompt=TURN) as (app, pilot):
        await pilot.press("escape", "s", "enter")
        await run_to_end(app, pilot)
        assert "decoder · summarize at embed, replace" in log_text(app)[0]
        await pilot.press("5", "Y")
        assert app.copied.startswith("# demo (verified) · decoder · summarize at embed")
        await pilot.press("enter")
        assert "read from the decoder:" in text_of(app)


async def test_another_model_of_two_stacks_stays_with_the_decoder_and_one_of_one_stack_has_no_choice():
    engine = encoder_decoder()
    async with running(engine, prompt=TURN) as (app, pilot):
        await press_and_wait(app, pilot, "escape", "s")
        await pilot.press("o", "ctrl+u", *"again", "enter")
        await until(pilot, lambda: app.main.state.model.name == "again")
        await press_and_wait(app, pilot)
        assert app.main.state.stack == "decoder"
        assert "0 <pad> 1 ·is" in text_of(app)
        engine.kind, engine.stacks = "decoder", ()
        await pilot.press("o", "ctrl+u", *"one", "enter")
        await until(pilot, lambda: app.main.state.model.name == "one")
        await press_and_wait(app, pilot)
        assert "4 Layers ─" in text_of(app)
        assert "Tokenize" in str(engine.done[-3:])
        assert [task.stack for task in engine.done if isinstance(task, Tokenize)][-1] == ""
        await pilot.press("2", "s", "enter")
        await run_to_end(app, pilot)
        await until(pilot, lambda: any("one stack" in toast for toast in toasts(app)))
        assert requests(engine)[-1].stack == ""
        engine.kind, engine.stacks = "encoder-decoder", BOTH
        await pilot.press("o", "ctrl+u", *"two", "enter")
        await until(pilot, lambda: app.main.state.model.name == "two")
        assert app.main.state.stack == "encoder"


async def test_what_was_asked_of_a_stack_that_is_gone_neither_fails_nor_forgets_the_run_that_waits():
    engine = encoder_decoder()
    async with running(engine, prompt=TURN) as (app, pilot):
        await press_and_wait(app, pilot, "escape", "s")
        engine.loaded.clear()
        await pilot.press("o", "ctrl+u", *"bert", "enter")
        await until(pilot, lambda: app.main.state.load_step is not None)
        await pilot.press("i", "x", "enter")
        await pilot.pause(0.15)
        engine.kind, engine.stacks = "encoder", ()  # what is asked while it loads, the model before answers
        engine.loaded.set()
        await until(pilot, lambda: len(requests(engine)) == 1)
        await run_to_end(app, pilot)
        assert requests(engine)[0].stack == ""
        assert not any("no decoder" in toast for toast in toasts(app))


async def test_the_injection_layer_goes_up_to_the_last_of_the_larger_stack():
    async with running(encoder_decoder(3, 6)) as (app, pilot):
        await pilot.press("escape", "3", "right", "G")
        assert app.main.view.settings.values.injection_layer == 5


async def test_the_palette_offers_the_stacks_by_name_where_there_are_two():
    async with running(encoder_decoder(), prompt=TURN) as (app, pilot):
        names = {command.name: command for command in commands(app, app.main)}
        assert "Other stack  [s alt+s]" in names
        names["Stack: decoder"].run()
        await until(pilot, lambda: "4 Layers · decoder" in text_of(app))


# What an encoder fills in ---------------------------------------------------------------------------------------------


async def test_the_masks_that_will_be_filled_are_shown_and_follow_the_number_that_is_asked():
    engine = FakeEngine(kind="encoder")
    async with running(engine) as (app, pilot):
        await until(pilot, lambda: "the message: [MASK]×12" in text_of(app))
        assert "fills 12 masks" in text_of(app)
        await pilot.press("escape", "3", "right", "right", "right", "right", "down", "down")
        await until(pilot, lambda: "the message: [MASK]×10" in text_of(app))
        assert "mask tokens to fill in" in text_of(app)
        assert PreviewPreset(app.main.view.settings.values.preset, 10) in engine.done
        await pilot.press("e", "ctrl+u", *"_ is ", *"[MASK]", "enter", "2")
        await until(pilot, lambda: "[_] is [MASK]" in text_of(app))
        assert "fills 1 mask" in text_of(app)


async def test_of_a_decoder_no_mask_is_told():
    async with running() as (app, _):
        assert "fills" not in text_of(app)
        assert "4 Layers ─" in text_of(app)


def test_masks_of_a_row_are_one_with_their_number_and_spaces_between_them_are_not_shown():
    texts = ("say", " _", " ", "<mask>", " ", "<mask>", " of", " a mask", "[MASK]")
    tokens = [
        PromptToken(Token(place, place, shown), shown == " _", shown in ("<mask>", "[MASK]"))
        for place, shown in enumerate(texts)
    ]
    pieces = slot_pieces(tokens, Look())
    assert plain(pieces) == "say [_] <mask>×2 of a mask [MASK]"
    assert Piece("<mask>×2", "accent") in pieces
    unfilled = [PromptToken(token.token, token.overwritten) for token in tokens]
    assert plain(slot_pieces(unfilled, Look())) == "say [_] <mask> <mask> of a mask[MASK]"


# Kind and verdict -----------------------------------------------------------------------------------------------------

VERDICTS = {
    "verified": ("good", "verified"),
    "logit lens at the last layer differs by 3e-04": ("bad", "! logit lens at the last layer differs by 3e-04"),
    "not verifiable: RuntimeError: [x]": ("warn", "! not verifiable: RuntimeError: [x]"),
    "not verified": ("warn", "! not verified"),
}


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_the_verdict_stands_in_the_status_line_and_in_full_behind_one_key(size, verdict):
    engine = FakeEngine(verdict=verdict, kind="encoder-decoder", stacks=BOTH)
    async with running(engine, size=size, prompt=TURN) as (app, pilot):
        role, told = VERDICTS[verdict]
        status = text_of(app).splitlines()[0]
        assert told in status
        assert app.main.status.left[0][-1] == Piece(told, role)
        if size[0] == 120:
            assert "encoder-decoder 6+6 layers" in status
        await pilot.press("escape", "m")
        assert isinstance(app.screen, AboutScreen)
        assert f"the verdict: {told}" in text_of(app)
        assert "encoder-decoder 6+6 layers" in text_of(app)


def test_what_does_not_fit_is_left_out_in_the_order_of_its_worth_and_the_verdict_is_clipped_last():
    t5 = info("t5", 6, "verified", "encoder-decoder", BOTH)
    odd = info("odd", 6, "logit lens at the last layer differs by 3e-04")
    long = info("a-model-of-t5", 6, f"not verifiable: {'x' * 100}", "encoder-decoder", BOTH)
    for model, room, told in (
        (t5, 60, "t5 · encoder-decoder 6+6 layers · cpu · bfloat16 · verified"),
        (t5, 50, "t5 · encoder-decoder · cpu · bfloat16 · verified"),
        (t5, 40, "t5 · cpu · bfloat16 · verified"),
        (t5, 22, "t5 · verified"),
        (t5, 8, "verified"),
        (odd, 75, "odd · cpu · bfloat16 · m ! logit lens at the last layer differs by 3e-04"),
        (odd, 55, "odd · m ! logit lens at the last layer differs by 3e-04"),
        (odd, 29, "odd · m ! logit lens at the …"),
        (odd, 12, "m ! logit l…"),
    ):
        assert plain(fitting(list(model_pieces(model, str, "m")), room)) == told
    for room in (120, 90, 70, 50, 20):
        shown = fitting([(Piece(" "), *version) for version in model_pieces(long, str, "m")], room)
        assert cells(shown) <= room
        assert room < 50 or "not verifiable: xxxxx" in plain(shown)


async def test_a_saved_run_and_its_details_carry_the_verdict(tmp_path: Path):
    engine = FakeEngine(verdict="logit lens at the last layer differs by 3e-04", kind="encoder-decoder", stacks=BOTH)
    async with running(engine, state_dir=tmp_path, prompt=TURN) as (app, pilot):
        await pilot.press("escape", "s", "enter")
        await run_to_end(app, pilot)
        (file,) = (tmp_path / "sessions").iterdir()
        began = sessions.read(file)[0]
        assert began.info.verdict == "logit lens at the last layer differs by 3e-04"
        assert (began.info.kind, began.info.device, began.request.stack) == ("encoder-decoder", "cpu", "decoder")
        await pilot.press("5", "enter")
        assert "the hooks: ! logit lens at the last layer differs by 3e-04" in text_of(app)


# Devices and precisions -----------------------------------------------------------------------------------------------


async def test_8_and_4_bit_can_be_chosen_and_all_gpus_where_there_are_several():
    async with running() as (app, pilot):
        models = app.main.models
        await pilot.press("escape", "1", "G", "left")
        assert models.dtype == "4bit"
        await pilot.press("left")
        assert models.dtype == "8bit"
        await pilot.press("up", "left")
        assert models.device == "mps"
        models.show_gpus(2)
        await pilot.press("right", "left", "left", "right", "right")
        assert models.device == "all"


async def test_a_device_of_the_command_line_can_be_gone_back_to():
    async with running(device="cuda:1") as (app, pilot):
        await pilot.press("escape", "1", "G", "up", "right")
        assert app.main.models.device == "auto"
        await pilot.press("left")
        assert app.main.models.device == "cuda:1"


def test_gpus_are_counted_by_their_device_files_and_cudas_own_list(tmp_path: Path):
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    assert gpus(tmp_path) == 2
    assert gpus(tmp_path, "1") == 1
    assert gpus(tmp_path, "") == 0
    assert gpus(tmp_path / "nowhere") == 0
