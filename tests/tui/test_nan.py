"""A value that is not a number is drawn as `×` wherever a share is drawn."""

from __future__ import annotations

import math

import pytest

from selfie_tui.glyphs import ASCII_BARS, BARS, bar, level
from selfie_tui.records import Cell, GeneratedToken, LensRow, LensToken
from selfie_tui.tui.render.styles import HEAT, Look, heat, share
from selfie_tui.tui.selection import Selection
from selfie_tui.tui.views.interpret.details import token_lines
from selfie_tui.tui.widgets.layers import LayerList
from tests.tui.driving import run_to_end, running, text_of, until
from tests.tui.fake_engine import FakeEngine

NAN, INF = math.nan, math.inf


def test_bars_shares_and_heat_draw_what_is_not_a_number_and_clamp_what_is_not_finite():
    assert (bar(NAN), bar(NAN, ascii=True), share(NAN), heat(NAN), level(NAN)) == ("×", "x", " × ", "bad", 0)
    assert (bar(INF), bar(-INF), bar(INF, ascii=True)) == (BARS[-1], BARS[0], ASCII_BARS[-1])
    assert (share(INF), share(-INF), heat(INF), heat(-INF)) == ("1.0", ".00", HEAT[-1], HEAT[0])


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_the_line_of_a_generated_token_is_drawn(value):
    lines = token_lines((GeneratedToken("x", 0, value, value),), 80, Look())
    drawn = "".join(piece.text for piece in lines[1])
    assert len(lines) == 2
    assert ("×" in drawn) == math.isnan(value)


def test_a_row_of_the_lens_is_drawn():
    selection = Selection()
    selection.show_model(2, "")
    layers = LayerList(selection)
    layers.lens = {0: LensRow(Cell(0, 0), (LensToken("the", NAN, 5),), NAN, 0, NAN)}
    assert "".join(piece.text for piece in layers._lens_pieces(0, 20, numbered=True)) == "× the            ×  "


class NotNumbers(FakeEngine):
    """An engine all of whose numbers are NaN."""

    def _lens(self, text, position, blocks):
        return tuple(
            LensRow(row.cell, (LensToken("?", NAN, 5),), NAN, 0, NAN) for row in super()._lens(text, position, blocks)
        )

    def _interpretation(self, cell, source, request):
        made = super()._interpretation(cell, source, request)
        tokens = tuple(GeneratedToken(token.text, token.id, NAN, NAN) for token in made.tokens)
        return type(made)(cell, made.token, made.text, tokens, NAN, NAN, False, made.random)


async def test_a_model_all_of_whose_numbers_are_nan_is_shown_in_every_pane():
    async with running(NotNumbers()) as (app, pilot):
        assert "× ?" in text_of(app)
        await pilot.press("enter")
        await run_to_end(app, pilot)
        await pilot.press("5", "b", "G", "enter")
        await until(pilot, lambda: "+nan" in text_of(app).lower() or " nan" in text_of(app).lower())
        assert "×" in text_of(app)
        await pilot.press("escape", "y")
        assert app.is_running
