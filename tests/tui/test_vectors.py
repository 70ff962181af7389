"""The parts of the view of vectors by themselves: its list, its settings, its dial, the line for means."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from selfie_tui import text
from selfie_tui.errors import RequestError
from selfie_tui.records import (
    Cell,
    GeneratedToken,
    Head,
    KeepMeans,
    LensToken,
    Origin,
    Steered,
    SteeredSoFar,
    Token,
    VectorFileRead,
    VectorLooks,
)
from selfie_tui.tui.render.styles import Look
from selfie_tui.tui.views.vectors.comparing import Compared
from selfie_tui.tui.views.vectors.items import fitness, layers_words, made_of, of_file
from selfie_tui.tui.views.vectors.means_line import Known, parse_means
from selfie_tui.tui.views.vectors.result_lines import cosine_lines, cosine_text, table_lines, tokens_line
from selfie_tui.tui.views.vectors.shelf import MOST_LINES, Shelf
from selfie_tui.tui.views.vectors.steer_settings import FIELDS, SteerSettings, dial
from selfie_tui.tui.views.vectors.steer_view import answer_lines, steering_note, unsteered_lines
from selfie_tui.tui.views.vectors.view import name_for
from tests.tui import fake_vectors
from tests.tui.fake_engine import info

MODEL = info("demo", 8)


def said(lines) -> list[str]:
    return ["".join(piece.text for piece in line).rstrip() for line in lines]


# The list -------------------------------------------------------------------------------------------------------------


def test_layers_are_said_in_a_few_cells():
    assert [layers_words(layers) for layers in ((), (12,), (-1,), (8, 9, 10), (3, 5), (-1, 0, 1))] == [
        "–",
        "L12",
        "embed",
        "L8–10",
        "L3…5",
        "embed–1",
    ]


def test_what_a_vector_is_made_of_names_the_token_of_one_state():
    assert made_of(Origin(MODEL, "a man", (Cell(5, 1),), (Token(1, 7, " man"),))) == "1 man"
    assert made_of(Origin(MODEL, "a man", (Cell(5, 0), Cell(5, 1)), (Token(0, 1, "a"), Token(1, 7, " man")))) == (
        "mean of 2"
    )
    assert made_of(Origin(MODEL, line="a - b")) == "a - b"


def test_a_vector_of_another_model_says_so_and_one_of_another_width_is_of_no_use():
    other = replace(MODEL, name="other", title="Other")
    assert fitness(256, None, MODEL) == ("", True)
    assert fitness(256, Origin(MODEL), MODEL) == ("", True)
    assert fitness(256, Origin(other), MODEL) == ("of Other", True)
    assert fitness(576, Origin(other), MODEL) == ("of Other, 576 wide; demo is 256", False)
    assert fitness(576, None, None) == ("", True), "nothing is known before there is a model"
    same = replace(other, revision="1")
    assert fitness(256, Origin(same), replace(MODEL, revision="1")) == ("", True), "a revision names a model"
    read = VectorFileRead(file="/x/sae.safetensors", holds="directions", width=576, count=9)
    assert not of_file(read, "sae.safetensors", MODEL).is_vector


def test_the_list_has_lines_first_then_what_fits_and_the_rest_last(tmp_path: Path):
    fake_vectors.keep(tmp_path, "wide", width=576)
    fake_vectors.keep(tmp_path, "paris")
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    shelf = Shelf(tmp_path)
    shelf.model = MODEL
    shelf.list_kept()
    shelf.write_line("2 * paris")
    shelf.open_read(VectorFileRead(file="/x/happy.gguf", holds="vector", width=256, layers=(1, 2), count=2))
    assert [item.name for item in shelf.items][:3] == ["2 * paris", "paris", "happy.gguf"]
    assert {item.name for item in shelf.items[3:]} == {"wide", "broken"}
    assert shelf.names() == ("paris", "happy.gguf")
    assert [item.is_vector for item in shelf.items] == [True, True, True, False, False]
    assert shelf.resolved("paris - happy.gguf@2") == 'paris - "/x/happy.gguf"@2'
    shelf.write_line("3 * paris", instead="2 * paris")
    assert shelf.lines == ["3 * paris"]
    for number in range(MOST_LINES + 5):
        shelf.write_line(f"{number} * paris")
    assert len(shelf.lines) == MOST_LINES
    assert shelf.lines[0] == f"{MOST_LINES + 4} * paris"


def test_what_was_dropped_comes_back_in_turn_and_a_file_that_is_gone_says_so(tmp_path: Path):
    file = fake_vectors.keep(tmp_path, "paris")
    content = file.read_bytes()
    shelf = Shelf(tmp_path)
    shelf.list_kept()
    shelf.write_line("-paris")
    shelf.drop(shelf.named("paris"))
    shelf.drop(shelf.named("-paris"))
    assert shelf.items == ()
    assert shelf.bring_back().name == "-paris"
    fake_vectors.keep(tmp_path, "paris", norm=1.0)
    with pytest.raises(RequestError, match="There is a vector “paris” again"):
        shelf.bring_back()
    file.unlink()
    assert shelf.bring_back().name == "paris"
    assert file.read_bytes() == content
    assert shelf.bring_back() is None
    file.unlink()
    with pytest.raises(RequestError, match="cannot be read"):
        shelf.drop(shelf.named("paris"))


def test_a_proposed_name_can_be_the_name_of_a_file():
    assert name_for("paris - 0.5 * italy") == "paris-0.5xitaly"
    assert name_for('"/x/sae.safetensors"[7]') == "xsae.safetensors7"
    assert name_for("((()))") == "vector"


# Settings -------------------------------------------------------------------------------------------------------------


def test_settings_are_changed_in_steps_and_stay_inside_what_there_is():
    settings = SteerSettings(1.2)
    assert settings.changed("strength", 1, 8).strength == 1.5
    assert settings.changed("strength", -3, 8).strength == -0.5
    assert settings.changed("where", -1, 8).where == "prompt"
    assert settings.changed("where", 5, 8).where == "all"
    assert settings.changed("layers", 1, 8).layers == (-1,)
    assert settings.changed("layers", 99, 8).layers == (7,)
    assert settings._replace(layers=(3, 4)).changed("layers", 2, 8).layers == (0,)
    assert settings.changed("mode", -1, 8).mode != settings.mode
    assert settings.changed("max_new_tokens", -99, 8).max_new_tokens == 4


@pytest.mark.parametrize(
    ("field", "typed", "wanted"),
    [
        ("strength", "4.2", SteerSettings(4.2)),
        ("where", "-3", SteerSettings(-3.0)),
        ("strength", "L4-6", SteerSettings(layers=(4, 5, 6))),
        ("layers", "4-6", SteerSettings(layers=(4, 5, 6))),
        ("layers", "embed,2", SteerSettings(layers=(-1, 2))),
        ("max_new_tokens", "7", SteerSettings(max_new_tokens=7)),
        ("where", "generated", SteerSettings(where="generated")),
        ("mode", "replace", SteerSettings(mode="replace")),
        ("strength", "paris", None),
        ("strength", "london", None),
    ],
)
def test_values_are_typed(field: str, typed: str, wanted: SteerSettings | None):
    assert SteerSettings().typed(field, typed, 8) == wanted


@pytest.mark.parametrize(("typed", "blocks"), [("L9", 8), ("L3", 0)])
def test_layers_that_are_not_there_are_refused(typed: str, blocks: int):
    with pytest.raises(RequestError):
        SteerSettings().typed("strength", typed, blocks)


def test_strengths_are_written_as_they_are():
    written = [SteerSettings(value).text("strength") for value in (0.0, 1.0, -2.5, 4.25, 10.0)]
    assert written == ["0.0", "1.0", "-2.5", "4.25", "10.0"]
    assert all(SteerSettings().text(field) for field in FIELDS)


@given(st.floats(-1e6, 1e6), st.integers(4, 80))
def test_the_dial_has_its_width_and_the_strength_on_the_side_of_its_sign(strength: float, cells: int):
    shown = dial(strength, cells)
    assert len(shown) in (0, cells - 1, cells)
    if shown and abs(strength) > 5:
        assert (shown.index("●") > shown.find("│")) == (strength > 0)
        assert "│" in shown


def test_the_dial_shows_zero_and_the_ends():
    assert dial(0.0, 21) == "-10 ──────●────── 10"
    assert dial(10.0, 21) == "-10 ──────│─────● 10"
    assert dial(-40.0, 23).startswith("-100 ")
    assert dial(1.0, 8) == ""


# Answers and cosines --------------------------------------------------------------------------------------------------


def tokens(*texts: str) -> tuple[GeneratedToken, ...]:
    return tuple(GeneratedToken(each, number, 0.5) for number, each in enumerate(texts))


def answers(*steered: Steered, finished: bool = True) -> SteeredSoFar:
    return SteeredSoFar(
        prompt="p", line="v", layers=(5,), plain=tokens(" Rome", " is", " old"), steered=steered, finished=finished
    )


def test_answers_stand_one_above_the_other_and_are_marked_where_they_part():
    found = answers(Steered(4.0, tokens(" Rome", " was", " old"), 1, 0.34))
    lines = answer_lines(found, 40, Look(), stale=False)
    assert said(lines) == ["plain    Rome is old", "steered  Rome was old"]
    assert [piece.role for piece in lines[1]] == ["dim", "text", "accent"]
    assert steering_note(found, 80) == "differs from token 1 · states moved by .34 of their norm"
    assert steering_note(found, 40) == "differs from token 1 · moved .34"
    growing = answers(Steered(4.0, tokens(" Rome"), None, 1.5), finished=False)
    assert said(answer_lines(growing, 40, Look(), stale=False))[1] == "steered  Rome▏"
    assert steering_note(growing, 99).endswith("moved 1.5 of the norm: longer than the stream")
    assert steering_note(answers(Steered(0.0, tokens(" Rome"))), 99).startswith("no difference")
    assert steering_note(answers(), 99) == ""


def test_of_a_long_steered_answer_a_step_shows_the_beginning():
    steered = tokens(" Rome", *(f" is{number}" for number in range(99)))
    found = answers(Steered(4.0, steered, 1, 0.34))
    whole = answer_lines(found, 60, Look(), stale=False)
    brief = answer_lines(found, 60, Look(), stale=False, brief=True)
    assert len(brief) < len(whole)
    assert brief[:2] == whole[:2]
    assert said(brief)[-1].endswith("…")


def test_the_plain_answer_stands_where_it_is_for_a_vector_that_was_not_steered_with():
    found = answers(Steered(4.0, tokens(" Rome", " was", " old"), 1, 0.34))
    plain, how = unsteered_lines(found.plain, 60, Look())
    assert plain == answer_lines(found, 60, Look(), stale=False)[0]
    assert said([how]) == ["steered  + and - steer with this vector"]
    assert len(unsteered_lines(found.plain, 32, Look())) == 3, "it is wrapped, not cut"
    (only,) = unsteered_lines((), 60, Look())
    assert said([only])[0].startswith("+ and - steer")


def test_of_the_nearest_tokens_as_many_stand_as_fit_whole():
    near = [LensToken(" Paris", 0.41), LensToken(" French", 0.12)]
    assert said([tokens_line("nearest", near, 80, Look())]) == ["nearest  ·Paris .41  ·French .12"]
    assert said([tokens_line("nearest", near, 32, Look())]) == ["nearest  ·Paris .41  ·French .12"]
    assert said([tokens_line("nearest", near, 31, Look())]) == ["nearest  ·Paris .41"]
    assert said([tokens_line("nearest", near, 14, Look())])[0].startswith("nearest  ·"), "the first one at any width"


def test_answers_of_several_strengths_have_them_before_them():
    found = answers(Steered(-2.0, tokens(" a")), Steered(2.0, tokens(" b")))
    assert said(answer_lines(found, 40, Look(), stale=False))[1:] == ["× -2     a", "× 2      b"]


@given(st.floats(-1, 1))
def test_a_cosine_has_its_sign_and_four_cells_at_most(value: float):
    shown = cosine_text(value)
    assert text.width(shown) <= 4
    assert shown.startswith("−") == (value < -0.005)


def test_cosines_go_into_lines_and_into_a_table_without_the_vector_under_the_cursor():
    looks = {
        name: VectorLooks(line=name, layers=(5,), width=4, norm=1.0, cosines=cosines)
        for name, cosines in (("a", (1.0, 1.0, -0.5)), ("b", (-0.5, -0.5, 1.0)))
    }
    compared = Compared(looks["a"], (("a", looks["a"]), ("b", looks["b"])), centred=False)
    (line,) = said(cosine_lines(compared, 60, Look()))
    assert line == "cosine   b −.50 ▽"
    assert said(table_lines(compared.others, 60, Look()))[1:] == [
        " 1 a                1.0  −.50",
        " 2 b               −.50   1.0",
    ]
    assert len(cosine_lines(compared, 12, Look())) == 1
    alone = replace(looks["a"], cosines=(1.0,))
    assert cosine_lines(Compared(alone, (), centred=False), 60, Look()) == []


# Means ----------------------------------------------------------------------------------------------------------------

KNOWN = Known("the prompt", "the source", 5, 8)


def test_means_are_asked_for_in_a_line(tmp_path: Path):
    (tmp_path / "warm ones.txt").write_text('one\n\n{"prompt": "two"}\n')
    assert parse_means(f"'{tmp_path}/warm ones.txt' - A at 2-3 mean as warm", KNOWN) == KeepMeans(
        prompts=("one", "two"), against=("the source",), layers=(2, 3), average="mean", name="warm"
    )
    assert parse_means("this", KNOWN) == KeepMeans(prompts=("the prompt",), layers=(5,), name="this")
    assert parse_means("this - A", KNOWN).name == "this-A"
    assert parse_means("this heads 5.3,L6.1", KNOWN).heads == (Head(5, 3), Head(6, 1))


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("", "Prompts are missing"),
        ("at 3", "Prompts are missing"),
        ("this - A - this", "Prompts are missing"),
        ("this - ", "Prompts are missing|There is no file"),
        ("nothing.txt", "There is no file nothing.txt"),
        ("this at", "Invalid “at”"),
        ("this at 9", "9"),
        ("this heads 3", "Invalid head"),
        ("this as a b", "Invalid “b”"),
        ("'this", "not closed"),
    ],
)
def test_a_line_for_means_that_cannot_be_read_says_why(typed: str, problem: str):
    with pytest.raises(RequestError, match=problem):
        parse_means(typed, KNOWN)


def test_without_a_pair_there_is_no_a():
    with pytest.raises(RequestError, match="There is no file A"):
        parse_means("this - A", KNOWN._replace(pair=""))
