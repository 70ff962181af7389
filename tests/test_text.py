"""What reaches the screen is visible, safe, and as wide as it is said to be."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from itertools import groupby, pairwise
from unicodedata import category

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from wcwidth import wcwidth

from selfie_tui.text import clip, pad, prose, visible, width, wrap

FORBIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
AWKWARD = (
    "[/INST]", "[red]", "\\[", "[@click=app.quit]x[/]", "\x1b[31m", "\x1b]52;c;aGk=\x07", "\x9b2J", "\r\n", "\t",
    " ", "e\u0301", "\u0301\u0301\u0301\u0301", "\u200b", "\u202eabc\u202c", "\u2066", "\ufeff", "❤\ufe0f", "🇫🇷",
    "👨\u200d👩\u200d👧", "👍\U0001f3fd", "1\ufe0f\u20e3", "ᄒ\u1161\u11ab", "日本語", "हिन्दी", "ที่นี่", "שָׁלוֹם", "مرحبا",
    "\ud83d", "\ufffe", "\U000f0000", "\u3000", "\xa0", "↵", "·", "◌", "…", "\u3164", "_",
)  # fmt: skip
any_text = st.lists(
    st.one_of(st.text(st.characters(codec=None), max_size=6), st.sampled_from(AWKWARD)), max_size=8
).map("".join)
showings = pytest.mark.parametrize("show", [visible, prose])


def terminal_width(text: str) -> int:
    return sum(map(wcwidth, text))


@cache
def code_points() -> tuple[str, ...]:
    """Every code point that means something; of runs that mean nothing, a million in all, the ends and every 64th.

    Those are surrogates, private, or not assigned, and are shown by their category alone.
    """
    chosen: list[str] = []
    for kind, run in groupby(map(chr, range(0x110000)), category):
        chars = list(run)
        chosen += [*chars[::64], chars[-1]] if kind in ("Cs", "Co", "Cn") else chars
    return tuple(chosen)


@cache
def every_code_point(show) -> dict[str, str]:
    return {char: show(char) for char in code_points()}


@showings
def test_every_code_point_comes_out_in_an_alphabet_whose_width_rich_and_the_terminal_agree_on(show) -> None:
    alphabet = set().union(*every_code_point(show).values())
    assert len(alphabet) > 100_000  # scripts are shown, not escaped
    assert not {glyph for glyph in alphabet if category(glyph) in FORBIDDEN}
    assert not {glyph for glyph in alphabet if not width(glyph) == cell_len(glyph) == wcwidth(glyph)}


@showings
def test_every_code_point_takes_at_least_a_cell(show) -> None:
    assert not {char for char, shown in every_code_point(show).items() if not shown or width(shown) == 0}


def test_no_token_of_one_code_point_looks_blank() -> None:
    assert not {char for char, shown in every_code_point(visible).items() if not shown.strip()}


@showings
@given(text=any_text)
def test_shown_text_is_as_wide_for_rich_as_for_the_terminal(show, text: str) -> None:
    shown = show(text)
    assert width(shown) == cell_len(shown) == terminal_width(shown)


@showings
@given(text=any_text)
def test_nothing_that_controls_a_terminal_passes(show, text: str) -> None:
    assert not {char for char in show(text) if category(char) in FORBIDDEN}


@showings
@given(text=any_text)
def test_showing_twice_is_showing_once(show, text: str) -> None:
    assert show(show(text)) == show(text)
    assert show(show(text, ascii=True), ascii=True) == show(text, ascii=True)


@showings
@given(text=any_text)
def test_the_ascii_variant_is_printable_ascii(show, text: str) -> None:
    shown = show(text, ascii=True)
    assert shown.isascii()
    assert shown.isprintable()


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
def test_printable_ascii_is_unchanged(text: str) -> None:
    assert prose(text) == text
    assert not text.strip(" ") or visible(text).strip("·") == text.strip(" ")


@showings
@given(text=any_text)
def test_a_mark_never_sits_on_a_space_or_on_nothing(show, text: str) -> None:
    shown = " " + show(text)
    assert not [pair for pair in pairwise(shown) if pair[0] == " " and width(pair[1]) == 0]


@given(any_text, st.integers(0, 30))
def test_padded_text_has_exactly_the_width_asked_for(text: str, cells: int) -> None:
    for shown in (visible(text), prose(text), text):
        assert width(pad(shown, cells)) == cells


@given(any_text, st.integers(0, 30), st.sampled_from(["…", "...", "", "日"]))
def test_clipped_text_fits_and_is_a_beginning(text: str, cells: int, ellipsis: str) -> None:
    shown = prose(text)
    clipped = clip(shown, cells, ellipsis)
    assert width(clipped) <= cells
    if clipped != shown and width(ellipsis) <= cells:
        kept = clipped.removesuffix(ellipsis)
        assert shown.startswith(kept)
        assert cells - width(clipped) <= 1
        assert width(shown[len(kept)]) > 0  # no mark is torn from its base


@given(any_text, st.integers(2, 30))
def test_wrapped_lines_fit_and_leave_out_nothing_but_spaces(text: str, cells: int) -> None:
    shown = prose(text)
    lines = wrap(shown, cells)
    assert lines
    assert all(width(line) <= cells for line in lines)
    assert "".join(lines).replace(" ", "") == shown.replace(" ", "")
    assert not [line for line in lines if line and width(line[0]) == 0]
    assert len(lines) == 1 or all(line.strip() for line in lines)


@given(any_text, st.integers(-3, 1))
def test_a_column_of_one_cell_or_none_is_filled_and_never_overrun(text: str, cells: int) -> None:
    assert all(width(line) <= 1 for line in wrap(prose(text), cells))


@given(st.lists(st.text("abcdef", min_size=1, max_size=8), min_size=1, max_size=12), st.integers(8, 20))
def test_words_that_fit_are_not_broken_and_lines_are_full(words: list[str], cells: int) -> None:
    lines = wrap(" ".join(words), cells)
    assert " ".join(lines).split() == words
    for line, after in pairwise(lines):
        assert len(line) + 1 + len(after.split()[0]) > cells


@pytest.mark.parametrize(
    ("token", "shown", "in_ascii"),
    [
        (" a", "·a", "~a"),
        ("a", "a", "a"),
        ("a ", "a·", "a~"),
        (" ", "·", "~"),
        ("of the", "of the", "of the"),
        ("\n\n", "↵↵", r"\n\n"),
        ("\t", "⇥", r"\t"),
        ("\r\n", "␍↵", r"\r\n"),
        ("\x1b[0m", "␛[0m", r"\x1b[0m"),
        ("\x7f", "␡", r"\x7f"),
        ("\x00", "␀", r"\x00"),
        ("\x9b", r"\x9b", r"\x9b"),
        ("", "∅", '""'),
        ("\u0301", "◌\u0301", r"\u0301"),
        (" \u0301", "·◌\u0301", r"~\u0301"),
        ("e\u0301", "e\u0301", r"e\u0301"),
        ("\u200b", r"\u200b", r"\u200b"),
        ("\u202e", r"\u202e", r"\u202e"),
        ("\ufeff", r"\ufeff", r"\ufeff"),
        ("\xa0", r"\xa0", r"\xa0"),
        ("\u3164", r"\u3164", r"\u3164"),
        ("\ud83d", r"\ud83d", r"\ud83d"),
        ("\uffff", r"\uffff", r"\uffff"),
        ("🤗", "🤗", r"\U0001f917"),
        ("❤\ufe0f", "❤" + r"\ufe0f", r"\u2764\ufe0f"),
        ("🇫", r"\U0001f1eb", r"\U0001f1eb"),
        ("日本", "日本", r"\u65e5\u672c"),
        ("[/INST]", "[/INST]", "[/INST]"),
    ],
)
def test_a_token_is_shown_as_readers_know_it(token: str, shown: str, in_ascii: str) -> None:
    assert visible(token) == shown
    assert visible(token, ascii=True) == in_ascii


def test_running_text_keeps_its_spaces_and_marks_its_newlines() -> None:
    assert prose(" Sure,\xa0yes:\n\n1.\u3000日本 ") == " Sure, yes:↵↵1.  日本 "


def test_lines_break_at_spaces_after_newline_marks_and_between_wide_characters() -> None:
    assert wrap("the quick  brown 日本語 fooooooooooooooo x", 10) == [
        "the quick", "brown 日本", "語", "fooooooooo", "oooooo x",
    ]  # fmt: skip
    assert wrap("yes:↵↵no", 5) == ["yes:↵", "↵no"]
    assert wrap("", 5) == [""]


def test_a_wide_character_is_never_halved() -> None:
    assert clip("日本語", 4) == "日…"
    assert pad("日本語", 4) == "日… "
    assert clip("e\u0301e\u0301e\u0301", 2) == "e\u0301…"


@given(any_text)
def test_a_terminal_draws_the_next_column_where_the_width_says(text: str) -> None:
    # The emulator drops all after a mark of combining class 0, so those marks are left to the code point tests.
    drawn = "".join(char for char in prose(text) if wcwidth(char) > 0)
    screen = pyte.Screen(60, 3)
    pyte.Stream(screen).feed(pad(drawn, 40) + "|")
    assert screen.buffer[0][40].data == "|"
    assert screen.cursor.y == 0


def test_importing_it_loads_neither_torch_nor_the_interface() -> None:
    code = "import sys, selfie_tui.text; print(sorted({'torch', 'transformers', 'textual'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
