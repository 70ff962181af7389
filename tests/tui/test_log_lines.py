"""How a run is drawn in the log: its header, its readings in one line or as a whole, what is found in them."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from selfie_tui import text
from selfie_tui.glyphs import BARS
from selfie_tui.presets import PRESETS
from selfie_tui.records import EMBED, Cell, Control, GeneratedToken, Interpretation, Request, Token
from selfie_tui.tui.render.styles import Look, Piece, cells
from selfie_tui.tui.render.words import cut, folded, spans_of, words
from selfie_tui.tui.runs import CONTROL, Run
from selfie_tui.tui.views.interpret.details import token_lines
from selfie_tui.tui.widgets.interpretation_lines import (
    Layout,
    columns_of,
    header_line,
    label_of,
    one_line,
    surely_one_line,
    whole_lines,
)
from tests.tui.fake_engine import info

ANY = st.text(st.characters(codec="utf-8"), max_size=20)
PLAIN = Look()


def plain(line) -> str:
    return "".join(piece.text for piece in line)


def run_of(texts: list[str], effects: list[float | None], *, layers=(3,), position: int = 1) -> Run:
    request = Request("a prompt", tuple(Cell(layer, position) for layer in layers), PRESETS[0])
    token = Token(position, 5, " prompt")
    run = Run(1, "demo", request, {position: token}, state="finished")
    made = tuple(GeneratedToken(piece, 1, 0.9, effect) for piece, effect in zip(texts, effects, strict=True))
    for index, cell in enumerate(request.cells):
        run.interpretations[index] = Interpretation(cell, token, "".join(texts).strip(), made, 1.0, 0.5)
    run.control = Control("none", "nothing", (GeneratedToken(" nothing", 1, 0.9),))
    return run


def layout_of(run: Run, width: int, *, look: Look = PLAIN, query: str = "") -> Layout:
    return Layout(width, columns_of(run, width, look), look, query)


def line_of(run: Run, width: int, index: int = 0, **options) -> str:
    return plain(one_line(run, index, layout_of(run, width, **options)))


# One line -------------------------------------------------------------------------------------------------------------


def test_a_reading_is_one_line_its_bars_beside_the_words_they_belong_to():
    run = run_of([" Par", "is", ",", " the", " capital"], [0.2, 0.9, 0.3, -0.5, 0.0])
    assert line_of(run, 80) == "L3 · 1 prompt  Paris,█ the▅ capital" + " " * 40 + ".50 +"


def test_a_relevancy_that_is_near_0_draws_no_bar():
    run = run_of([" Paris", " is", " it"], [0.06, 0.0, -0.07])
    assert [bar for bar in line_of(run, 80) if bar in BARS] == ["▁"]
    assert "it▁" in line_of(run, 80)


def test_a_relevancy_that_is_no_number_draws_no_bar():
    assert not set(line_of(run_of([" Paris"], [float("nan")]), 80)) & set(BARS)


def test_a_newline_stands_in_the_line_without_a_bar_of_its_own():
    assert "Paris.█↵Rome▅" in line_of(run_of([" Paris", ".", "\n", "Rome"], [0.9, 0.1, 0.9, 0.5]), 80)


def test_a_text_that_is_too_long_is_cut_and_says_so():
    run = run_of([" word"] * 40, [0.0] * 40)
    line = line_of(run, 80)
    assert text.width(line) == 80
    assert line[:74].rstrip().endswith("wor…")


def test_a_match_in_what_would_be_cut_off_is_brought_into_the_line():
    run = run_of([" word"] * 40 + [" Paris"], [0.0] * 41)
    line = one_line(run, 0, layout_of(run, 80, query="paris"))
    assert Piece("Paris", "match") in line
    assert plain(line).split()[4].startswith("…")
    assert cells(line) == 80


def test_layers_and_positions_of_a_run_are_right_aligned_and_its_texts_begin_in_one_column():
    run = run_of([" a"], [0.5], layers=(EMBED, 3, 12), position=7)
    lines = [line_of(run, 80, index) for index in range(3)]
    assert [line[:11] for line in lines] == ["embed · 7 p", "   L3 · 7 p", "  L12 · 7 p"]
    assert len({line.index(" a▅") for line in lines}) == 1


def test_a_reading_that_says_no_more_than_the_control_is_marked_and_has_no_heat():
    run = run_of([" nothing"], [0.9])
    run.interpretations[0] = msgspec.structs.replace(run.interpretations[0], equals_control=True)
    line = one_line(run, 0, layout_of(run, 80))
    assert plain(line).endswith("=")
    assert not set(plain(line)) & set(BARS)
    assert not [piece for piece in line if piece.role.startswith("heat")]


def test_an_empty_reading_says_so_and_has_neither_heat_nor_number():
    run = run_of(["\n", " "], [0.9, 0.9])
    line = one_line(run, 0, layout_of(run, 80))
    assert plain(line).split() == ["L3", "·", "1", "prompt", "no", "text", "∅"]
    assert not [piece for piece in line if piece.role.startswith("heat")]


def test_an_empty_reading_of_a_state_far_from_its_layers_says_so_in_place_of_its_text():
    run = run_of(["\n"], [0.9])
    run.interpretations[0] = msgspec.structs.replace(run.interpretations[0], norm=22304.0, layer_norm=151.0)
    assert "no text · norm of the state 22,304, the layer's median 151: likely an attention sink" in line_of(run, 120)
    assert line_of(run, 120).endswith("∅")
    assert not surely_one_line(run, 0, layout_of(run, 40))
    assert len(whole_lines(run, 0, layout_of(run, 40))) > 1


def test_a_reading_that_could_not_be_made_says_why_in_place_of_its_text():
    run = run_of([" x"], [0.9])
    problem = "The state is not finite in fp16."
    run.interpretations[0] = msgspec.structs.replace(run.interpretations[0], text="", tokens=(), problem=problem)
    line = line_of(run, 80)
    assert problem in line
    assert line.endswith("     !")


def test_a_reading_of_a_state_far_from_its_layers_has_heat_and_a_mark_of_its_own():
    run = run_of([" Paris"], [0.9])
    run.interpretations[0] = msgspec.structs.replace(run.interpretations[0], norm=22304.0, layer_norm=151.0)
    line = one_line(run, 0, layout_of(run, 80))
    assert "Paris█" in plain(line)
    assert line[-1] == Piece(" ^", "warn")


def test_no_bar_is_drawn_up_to_the_noise_of_the_number_format():
    run = run_of([" Paris", " is"], [0.2, 0.3])
    run.interpretations[0] = msgspec.structs.replace(run.interpretations[0], relevancy_floor=0.25)
    assert "Paris is▃" in line_of(run, 80)


def test_blank_tokens_at_the_ends_are_left_out_with_their_bars():
    line = line_of(run_of(["\n\n", " Paris", "\n"], [0.8, 0.9, 0.8]), 80)
    assert "↵" not in line
    assert [bar for bar in line if bar in BARS] == ["█"]


def test_a_reading_without_relevancy_has_no_bars():
    run = run_of([" Paris"], [None])
    run.interpretations[0] = msgspec.structs.replace(run.interpretations[0], treatment_effect=None)
    line = line_of(run, 80)
    assert not set(line) & set(BARS)
    assert line.endswith("+")


def test_the_text_of_a_random_direction_stands_behind_where_there_are_cells_for_it():
    run = run_of([" Paris"], [0.9])
    random = Control("random", "Picasso, painter", (), Cell(3, 1))
    run.interpretations[0] = msgspec.structs.replace(run.interpretations[0], random=random)
    assert "~ Picasso, painter" in line_of(run, 80)
    assert "Picasso" not in line_of(run, 40)


# Whole ----------------------------------------------------------------------------------------------------------------


def test_as_a_whole_a_text_goes_on_below_where_it_began_and_its_random_direction_after_it():
    run = run_of([" word"] * 30, [0.5] * 30)
    random = Control("random", "Picasso, painter", (), Cell(3, 1))
    run.interpretations[0] = msgspec.structs.replace(run.interpretations[0], random=random)
    lines = [plain(line).rstrip() for line in whole_lines(run, 0, layout_of(run, 80))]
    assert "".join(lines).count("word▅") == 30
    assert lines[1].index("word") == lines[0].index("word")
    assert lines[-1].split() == ["~", "random", "Picasso,", "painter"]


@given(st.lists(ANY, min_size=1, max_size=10), st.integers(20, 100), st.booleans(), st.text(max_size=2))
def test_no_line_of_a_reading_is_wider_than_asked(texts, width, ascii, query):
    run = run_of(texts, [0.5] * len(texts), layers=(EMBED, 10))
    look = Look(ascii=ascii)
    layout = layout_of(run, width, look=look, query=folded(look.prose(query)))
    widest = max(width, layout.columns.label + 8 + 6 + 2)
    assert cells(one_line(run, 0, layout)) <= widest
    for line in whole_lines(run, 0, layout):
        assert cells(line) <= widest


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=8), max_size=12), st.integers(20, 60), st.booleans())
def test_what_is_surely_one_line_is_one_line(texts, width, ascii):
    run = run_of(texts, [0.5] * len(texts))
    layout = layout_of(run, width, look=Look(ascii=ascii))
    if surely_one_line(run, 0, layout):
        assert len(whole_lines(run, 0, layout)) == 1


def test_a_short_plain_text_is_surely_one_line():
    run = run_of([" Paris", ",", " the", " capital"], [0.9] * 4)
    assert surely_one_line(run, 0, layout_of(run, 80))
    assert not surely_one_line(run, 0, layout_of(run, 30))


# Headers --------------------------------------------------------------------------------------------------------------


@given(ANY, st.integers(20, 100))
def test_a_header_fits_its_width_whatever_the_prompt_is(prompt, width):
    run = run_of([" a"], [0.5])
    run.request = msgspec.structs.replace(run.request, prompt=prompt)
    line = header_line(run, layout_of(run, width))
    assert cells(line) == width
    assert plain(line).endswith("1 reading · 0.0 s")


def test_a_header_names_the_model_by_its_title_and_a_long_one_without_its_middle():
    run = run_of([" a"], [0.5])
    run.model = "/models/of/mine/a-model-with-a-rather-long-name.gguf"
    run.info = info("a-title", 8)
    assert plain(header_line(run, layout_of(run, 80))).startswith("── a-title · summarize")


def test_a_header_names_the_model():
    assert plain(
        header_line(run_of([" a"], [0.5]), Layout(80, columns_of(run_of([" a"], [0.5]), 80, PLAIN), PLAIN))
    ).startswith("── demo · summarize at embed, replace")


def test_the_control_is_called_control_and_has_no_bars():
    run = run_of([" a"], [0.5])
    assert label_of(run, CONTROL, layout_of(run, 80)) == "control"
    assert line_of(run, 80, CONTROL).split() == ["control", "nothing"]


# Search ---------------------------------------------------------------------------------------------------------------


def test_matches_are_marked_across_tokens_and_bars_and_without_case():
    pieces = words(["the Pa", "RIS", " of"], [0.0, 0.9, 0.0], "paris o", 0.1, "text")
    assert pieces == [Piece("the "), Piece("PaRIS", "match"), Piece("█", "heat8"), Piece(" o", "match"), Piece("f")]


@given(ANY.map(text.prose), ANY.map(text.prose).filter(bool))
def test_marking_matches_changes_no_text(written, query):
    pieces = words([written[:3], written[3:]], (), folded(query), 0.0, "text")
    assert plain(pieces) == written
    marked = "".join(piece.text for piece in pieces if piece.role == "match")
    assert len(marked) == len(spans_of(folded(query), written)) * len(query)


def test_a_cut_line_has_one_sign_of_it_wherever_it_is_cut():
    for width in range(2, 12):
        shown = plain(cut([Piece("Paris"), Piece("█"), Piece(" the capital")], width))
        assert shown == f"{'Paris█ the capital'[: width - 1]}…"


@given(st.lists(ANY.map(text.prose)), st.integers(4, 30))
def test_a_cut_line_has_no_more_cells_than_asked_and_says_that_it_is_cut(texts, width):
    pieces = [Piece(written) for written in texts]
    line = cut(pieces, width)
    assert cells(line) <= width
    assert (cells(pieces) > width) is (line != tuple(pieces))


@given(ANY)
def test_folding_keeps_the_place_of_every_character(written):
    assert len(folded(written)) == len(written)


def test_the_details_have_no_bar_for_what_is_no_more_than_noise():
    tokens = tuple(
        GeneratedToken(piece, 1, 0.9, effect) for piece, effect in ((" a", 0.52), (" b", -0.04), (" c", 0.0))
    )
    assert [plain(line).split()[-1] for line in token_lines(tokens, 80, PLAIN, 0.03)][1:] == ["█████", "▁", "+0.000"]
    assert [plain(line).split()[-1] for line in token_lines(tokens, 80, PLAIN, 0.05)][1:] == [
        "█████",
        "-0.040",
        "+0.000",
    ]
