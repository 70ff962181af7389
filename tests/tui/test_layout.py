"""How lines are laid out, without an app: flow, bars, labels, heat, and strips of an exact width."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from selfie_tui import text
from selfie_tui.glyphs import BARS, bar
from selfie_tui.presets import PRESETS
from selfie_tui.records import Cell, Interpretation, ModelInfo, PromptToken, Request, Token
from selfie_tui.tui.render.flow import flow, flow_parts
from selfie_tui.tui.render.styles import Look, Piece, cells, clipped, heat, level, padded, share
from selfie_tui.tui.runs import Run
from selfie_tui.tui.status import clock
from selfie_tui.tui.views.interpret.details import details_lines
from selfie_tui.tui.widgets.preset_view import around, slot_pieces
from selfie_tui.tui.widgets.tokens import chips

ANY = st.text(st.characters(codec="utf-8"), max_size=20)
PLAIN = Look()


def plain(line) -> str:
    return "".join(piece.text for piece in line)


# Flow -----------------------------------------------------------------------------------------------------------------


@given(st.lists(ANY.map(text.prose), max_size=8), st.integers(2, 30))
def test_flowed_lines_fit_and_lose_nothing_but_spaces_at_breaks(texts, room):
    lines = flow_parts(texts, room)
    for line in lines:
        assert sum(text.width(part.text) for part in line) <= room
        assert [part.source for part in line] == sorted(part.source for part in line)
    kept = "".join(part.text for line in lines for part in line)
    assert kept.replace(" ", "") == "".join(texts).replace(" ", "")


def test_flow_breaks_at_spaces_and_not_between_the_tokens_of_a_word():
    assert [plain(line) for line in flow([Piece("Wash"), Piece("ington"), Piece(" is")], 11)] == ["Washington", "is"]


def test_flow_keeps_roles_and_joins_neighbours_of_one_role():
    assert flow([Piece("a b", "dim"), Piece(" c", "dim"), Piece(" d", "good")], 20) == [
        (Piece("a b c", "dim"), Piece(" d", "good"))
    ]


# Pieces and strips ----------------------------------------------------------------------------------------------------


@given(st.lists(ANY.map(text.prose), max_size=6), st.integers(0, 40))
def test_clipped_and_padded_pieces_have_the_width_that_is_asked(texts, room):
    pieces = [Piece(written) for written in texts]
    assert cells(clipped(pieces, room)) <= room
    assert cells(padded(pieces, room)) == room


@given(st.lists(ANY.map(text.prose), max_size=6), st.integers(0, 40), st.booleans())
def test_a_strip_is_as_wide_as_asked_whatever_is_in_it(texts, room, ascii):
    strip = Look(ascii=ascii).strip([Piece(written) for written in texts], room)
    assert strip.cell_length == room
    assert cell_len(strip.text) == room


def test_bars_and_heat_go_up_in_eight_steps_from_0_to_1():
    assert [bar(step / 8) for step in range(9)] == [*BARS, "█"]
    assert (level(-0.1), level(2.0)) == (0, 7)
    assert (heat(0.0), heat(1.0)) == ("heat1", "heat8")


def test_shares_take_three_characters():
    assert [share(value) for value in (0.0, 0.004, 0.07, 0.5, 0.994, 0.995, 1.0)] == [
        ".00", ".00", ".07", ".50", ".99", "1.0", "1.0",
    ]  # fmt: skip


def test_clocks_read_as_clocks():
    assert [clock(seconds) for seconds in (0, 1.6, 65, 3600 + 61)] == ["0:00", "0:02", "1:05", "1:01:01"]


def test_our_own_glyphs_have_ascii_stand_ins_of_their_width():
    own = "▌▐●○·…×∅─–—‹›“”↑↓←→│" + BARS
    shown = Look(ascii=True).glyphs(own)
    assert shown.isascii()
    assert len(shown) == len(own)


# Tokens ---------------------------------------------------------------------------------------------------------------


@given(st.lists(ANY, max_size=12), st.integers(8, 60))
def test_chips_do_not_overlap_and_stay_inside_their_lines(texts, room):
    tokens = [Token(position, 0, written) for position, written in enumerate(texts)]
    placed = chips(tokens, room, PLAIN)
    assert [chip.position for chip in placed] == [str(token.position) for token in tokens]
    for chip in placed:
        assert chip.cells == len(chip.position) + 1 + text.width(chip.token)
        assert chip.column >= 1
        assert chip.column + chip.cells < room or chip.column == 1
    for one, other in pairwise(placed):
        assert other.line == one.line + 1 or (other.line == one.line and other.column == one.column + one.cells + 1)


def test_overwritten_tokens_stand_in_brackets_of_their_own_role():
    tokens = [
        PromptToken(Token(0, 0, "Say"), False),
        PromptToken(Token(1, 0, " _"), True),
        PromptToken(Token(2, 0, "."), False),
    ]
    pieces = slot_pieces(tokens, PLAIN)
    assert plain(pieces) == "Say [_]."
    assert Piece("[_]", "slot") in pieces


def test_where_text_was_tokenised_apart_there_is_a_bar_and_system_text_is_dim():
    tokens = [
        PromptToken(Token(0, 0, "Be kind."), False, system=True),
        PromptToken(Token(1, 0, ' "'), False),
        PromptToken(Token(2, 0, "_"), True, cut=True),
        PromptToken(Token(3, 0, '"'), False, cut=True),
    ]
    pieces = slot_pieces(tokens, PLAIN)
    assert plain(pieces) == 'Be kind. "|[_]|"'
    assert [piece.text for piece in pieces if piece.role == "dim"] == ["Be kind.", "|", "|"]


def test_the_details_say_what_an_interpretation_is_worth_and_in_which_number_format_it_was_made():
    cell = Cell(2, 0)
    sink = Interpretation(
        cell, Token(0, 5, "The"), "a", (), 22304.0, 0.25, layer_norm=151.0, relevancy_floor=0.046, lead=0.124
    )
    request = Request("The city", (cell,), PRESETS[0])
    info = ModelInfo("m", "m", "llama", 8, 4, 5, 6, 7, "cpu", "bf16", "verified", False)
    run = Run(1, "m", request, {}, state="finished", info=info)
    run.interpretations[0] = sink
    shown = " ".join(plain(line).strip() for line in details_lines(run, 0, 70, PLAIN))
    for words in (
        "bf16 on cpu",
        "norm of the state 22,304, the layer's median 151: likely an attention sink",
        "treatment effect 0.250 (mean relevancy of the tokens that are shown)",
        "rounding alone gives up to 0.046",
        "the first token leads the second by 0.12 logits",
        "says more than the control, of a state whose norm is far from its layer's",
    ):
        assert words in shown


# The interpretation prompt --------------------------------------------------------------------------------------------


def prompt_pieces(before: str, after: str) -> list[Piece]:
    return [Piece(before), Piece("[_]", "slot"), Piece(" "), Piece("[_]", "slot"), Piece(after)]


def test_a_long_interpretation_prompt_is_shown_around_its_placeholders():
    line = plain(around(prompt_pieces("You are a helpful assistant. " * 3, " and so on" * 5), 30))
    assert text.width(line) == 30
    assert line[0] == line[-1] == "…"
    assert "[_] [_]" in line
    assert abs(line.index("[_] [_]") - (30 - 7) // 2) <= 1


def test_what_is_cut_off_is_marked_at_that_end_alone():
    assert plain(around(prompt_pieces("", " and so on" * 5), 20)) == "[_] [_] and so on a…"
    assert plain(around(prompt_pieces("and so on " * 5, ""), 20)) == "…n and so on [_] [_]"
    assert plain(around(prompt_pieces("a ", " b"), 20)) == "a [_] [_] b"


@given(ANY.map(text.prose), ANY.map(text.prose), st.integers(2, 40))
def test_the_window_on_an_interpretation_prompt_is_never_too_wide(before, after, room):
    assert cells(around(prompt_pieces(before, after), room)) <= room
