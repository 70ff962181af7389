"""How lines are laid out, without an app: flow, bars, labels, heat, and strips of an exact width."""

from __future__ import annotations

from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from selfie_tui import text
from selfie_tui.glyphs import BARS, bar
from selfie_tui.presets import PRESETS
from selfie_tui.records import EMBED, Cell, Control, GeneratedToken, Interpretation, PromptToken, Request, Token
from selfie_tui.tui.render.flow import flow, flow_parts
from selfie_tui.tui.render.styles import Look, Piece, cells, clipped, heat, level, padded, share
from selfie_tui.tui.runs import CONTROL, Run
from selfie_tui.tui.status import clock
from selfie_tui.tui.views.interpret.interpretation_lines import (
    Layout,
    folded,
    header_line,
    highlighted,
    interpretation_lines,
    label_cells,
)
from selfie_tui.tui.views.interpret.settings_line import slot_pieces
from selfie_tui.tui.widgets.tokens import chips

ANY = st.text(st.characters(codec="utf-8"), max_size=20)
PLAIN = Look()


def plain(line) -> str:
    return "".join(piece.text for piece in line)


def run_of(texts: list[str], effects: list[float], *, layers=(3,), tokens: int = 12) -> Run:
    request = Request("a prompt", tuple(Cell(layer, 1) for layer in layers), PRESETS[0], max_new_tokens=tokens)
    run = Run(1, "demo", request, {1: Token(1, 5, " prompt")}, state="finished")
    made = tuple(GeneratedToken(piece, 1, 0.9, effect) for piece, effect in zip(texts, effects, strict=True))
    for index, cell in enumerate(request.cells):
        run.interpretations[index] = Interpretation(
            cell, Token(1, 5, " prompt"), "".join(texts).strip(), made, 1.0, 0.5
        )
    run.control = Control("none", "nothing", (GeneratedToken(" nothing", 1, 0.9),))
    return run


def lines_of(run: Run, room: int, *, below: bool = False, look: Look = PLAIN) -> list[str]:
    return [
        plain(line) for line in interpretation_lines(run, 0, Layout(room, label_cells(run, room, look), below, look))
    ]


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


# Readings -------------------------------------------------------------------------------------------------------------


def test_a_short_reading_is_one_line_cell_text_bars_effect_and_mark():
    run = run_of([" Paris", ",", " the", " capital"], [0.9, 0.2, -0.5, 0.0])
    assert lines_of(run, 80) == ["L3 · 1 prompt  Paris, the capital                      █▂▅▁                .50 +"]


def test_the_bars_of_a_runs_readings_begin_in_one_column():
    short, long = run_of([" a"], [1.0]), run_of([" a", " longer", " one"], [1.0] * 3)
    assert lines_of(short, 80)[0].index("█") == lines_of(long, 80)[0].index("█")


def test_bars_below_stand_under_their_own_words():
    run = run_of([" Paris", ",", " the"], [0.9, 0.2, -0.5])
    words, bars = lines_of(run, 80, below=True)
    at = words.index("Paris")
    assert bars[at : at + 10] == "█████▂ ▅▅▅"


def test_a_reading_that_says_no_more_than_the_control_is_marked_and_has_no_heat():
    run = run_of([" nothing"], [0.9])
    run.interpretations[0] = msgspec.structs.replace(run.interpretations[0], equals_control=True)
    (line,) = interpretation_lines(run, 0, Layout(80, 10, False, PLAIN))
    assert plain(line).endswith("=")
    assert not [piece for piece in line if "nothing" in piece.text and piece.role.startswith("heat")]


def test_blank_tokens_at_the_ends_are_left_out_with_their_bars():
    run = run_of(["\n\n", " Paris", "\n"], [0.1, 0.9, 0.1])
    (line,) = lines_of(run, 80)
    assert "↵" not in line
    assert line.count("█") == 1
    assert "▁" not in line


def test_a_reading_without_relevancy_has_no_bars():
    run = run_of([" Paris"], [0.0])
    reading = msgspec.structs.replace(
        run.interpretations[0], tokens=(GeneratedToken(" Paris", 1, 0.9),), treatment_effect=None
    )
    run.interpretations[0] = reading
    (line,) = lines_of(run, 80)
    assert not set(line) & set(BARS)
    assert line.endswith("+")


@given(st.lists(ANY, min_size=1, max_size=10), st.integers(20, 100), st.booleans(), st.booleans())
def test_no_line_of_a_reading_is_wider_than_its_room(texts, room, below, ascii):
    run = run_of(texts, [0.5] * len(texts), layers=(EMBED, 10))
    look = Look(ascii=ascii)
    for line in lines_of(run, room, below=below, look=look):
        assert text.width(line) <= max(room, label_cells(run, room, look) + 8 + 6 + 2)


@given(ANY, st.integers(20, 100))
def test_a_header_fits_its_room_whatever_the_prompt_is(prompt, room):
    run = run_of([" a"], [0.5])
    run.request = msgspec.structs.replace(run.request, prompt=prompt)
    line = header_line(run, Layout(room, 10, False, PLAIN))
    assert PLAIN.strip(line, room).cell_length == room
    if room > 60:
        assert plain(line).endswith("1 reading · 0.0 s")


def test_the_control_is_called_control_and_has_no_bars():
    run = run_of([" a"], [0.5])
    assert run.label(CONTROL, PLAIN) == "control"
    (line,) = interpretation_lines(run, CONTROL, Layout(80, 10, False, PLAIN))
    assert plain(line).split() == ["control", "nothing"]


# Search ---------------------------------------------------------------------------------------------------------------


def test_matches_are_marked_across_pieces_and_without_case():
    line = (Piece("the Pa", "dim"), Piece("RIS of", "good"))
    assert highlighted(line, "paris") == (Piece("the ", "dim"), Piece("PaRIS", "match"), Piece(" of", "good"))


@given(ANY.map(text.prose), ANY.map(text.prose).filter(bool))
def test_highlighting_changes_no_text(written, query):
    line = (Piece(written[:3]), Piece(written[3:]))
    assert plain(highlighted(line, folded(query))) == written


@given(ANY)
def test_folding_keeps_the_place_of_every_character(written):
    assert len(folded(written)) == len(written)
