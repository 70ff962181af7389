"""What is sent for one update of the compositor looks as what Textual sends for it, on terminals of all kinds."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from selfie_tui.tui.terminal.cells import ControlCharacters
from selfie_tui.tui.terminal.repeats import ANSWER, QUESTION, shortened
from selfie_tui.tui.terminal.wire import Wire, erases_to_background
from tests.tui.terminals import NO_WRAP, Terminal, differences, render_without_caches
from tests.tui.wire_sample import ATTRIBUTES, CLUSTERS, GLYPHS, random_segments


@pytest.fixture(autouse=True)
def _no_sequences_of_other_apps(monkeypatch: pytest.MonkeyPatch) -> None:
    render_without_caches(monkeypatch)


def full(lines: list[list[Segment]], width: int) -> LayoutUpdate:
    return LayoutUpdate([[Strip(line)] for line in lines], Region(0, 0, width, len(lines)))


def partial(chance: random.Random, width: int, height: int) -> ChopsUpdate:
    """Chops of some lines, and some spans within them, as the compositor makes them."""
    chops: list[dict[int, Strip | None]] = []
    chop_ends: list[list[int]] = []
    spans: list[tuple[int, int, int]] = []
    for y in range(height):
        cuts = sorted({0, width, *(chance.randrange(width) for _ in range(3))})
        chops.append({x: Strip(random_segments(chance, end - x)) for x, end in pairwise(cuts)})
        chop_ends.append(cuts[1:])
        if chance.random() < 0.5 or y == height - 1:
            first = chance.randrange(width)
            spans.append((y, first, chance.randrange(first, width) + 1))
    return ChopsUpdate(chops, spans, chop_ends)


def updates(chance: random.Random, width: int, height: int, count: int) -> list[CompositorUpdate]:
    made: list[CompositorUpdate] = []
    glyphs = GLYPHS + CLUSTERS
    lines = [random_segments(chance, width, glyphs) for _ in range(height)]
    for _ in range(count):
        for y in chance.sample(range(height), chance.randrange(height)):
            lines[y] = random_segments(chance, width, glyphs)
        made.append(full(lines, width) if chance.random() < 0.5 else partial(chance, width, height))
    return made


@given(
    seed=st.integers(0, 2**32),
    width=st.integers(1, 40),
    height=st.integers(1, 8),
    system=st.sampled_from([ColorSystem.STANDARD, ColorSystem.EIGHT_BIT, ColorSystem.TRUECOLOR]),
    bce=st.booleans(),
    repeats=st.booleans(),
    feeds=st.booleans(),
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_sequence_of_updates_looks_as_textual_draws_it(
    seed: int, width: int, height: int, system: ColorSystem, bce: bool, repeats: bool, feeds: bool
) -> None:
    console = Console(color_system=None, force_terminal=True)
    console._color_system = system
    # Rich keeps the pieces it cut, and in their styles the codes of the colours they were last drawn in.
    Segment._split_cells.cache_clear()
    wire = Wire(system, erases=bce, repeats=repeats, feeds=feeds)
    ours = Terminal(width, height, bce=bce, repeats="any" if repeats else "none")
    stock = Terminal(width, height, bce=bce)
    for terminal in (ours, stock):
        terminal.feed(NO_WRAP)
    for update in updates(random.Random(seed), width, height, 5):
        ours.feed(wire.sequence(update, (0, 0)))
        stock.feed(update.render_segments(console) + "\x1b[H")
        assert differences(ours.looks(), stock.looks()) == []
        assert (ours.cursor.x, ours.cursor.y) == (0, 0)
        assert not any(mark.startswith("link ") for mark in ours.cursor.attrs.blink or ())
    ours.feed(wire.reset())
    assert not ours.cursor.attrs.blink
    assert ours.cursor.attrs._replace(blink=False) == ours.default_char


def test_what_is_shown_already_is_not_sent() -> None:
    chance = random.Random(5)
    lines = [random_segments(chance, 60) for _ in range(9)]
    wire = Wire(ColorSystem.TRUECOLOR, erases=True)
    assert wire.sequence(full(lines, 60), (0, 0))
    assert wire.sequence(full(lines, 60), (0, 0)) == ""
    assert wire.sequence(full(lines, 60), (7, 3)) == "\x1b[4;8H"


def test_a_change_of_one_cell_sends_a_move_a_glyph_and_a_move() -> None:
    wire = Wire(ColorSystem.TRUECOLOR, erases=True)
    wire.sequence(full([[Segment("abcdef")]], 6), (0, 0))
    assert wire.sequence(full([[Segment("abXdef")]], 6), (0, 0)) == "\x1b[1;3HX\x1b[H"


def test_a_line_feed_goes_down_where_it_leaves_the_column() -> None:
    for feeds, down in ((True, "\n"), (False, "\x1bD")):
        wire = Wire(ColorSystem.TRUECOLOR, erases=True, feeds=feeds)
        wire.sequence(full([[Segment("abcdef")], [Segment("abcdef")]], 6), (0, 0))
        update = full([[Segment("abXdef")], [Segment("abcXef")]], 6)
        assert wire.sequence(update, None) == f"\x1b[1;3HX{down}X"


def test_the_colour_of_letters_is_not_sent_for_spaces() -> None:
    wire = Wire(ColorSystem.TRUECOLOR, erases=True)
    wire.sequence(full([[Segment("a" + " " * 9, Style.parse("red"))]], 10), (0, 0))
    assert wire.sequence(full([[Segment("a" + " " * 9, Style.parse("bold blue"))]], 10), (0, 0)) == (
        "\x1b[H\x1b[1;34ma\x1b[H"
    )


ATTRIBUTE = st.sampled_from(ATTRIBUTES)


@given(before=st.sets(ATTRIBUTE), after=st.sets(ATTRIBUTE), color=st.sampled_from(["red", "default", "#010203"]))
@settings(deadline=None)
def test_any_style_may_follow_any_other(before: set[str], after: set[str], color: str) -> None:
    colors = {"color": "blue", "bgcolor": color}
    styles = [Style(**colors, **dict.fromkeys(names, True)) for names in (before, after)]
    terminal = Terminal(4, 1)
    terminal.feed(
        NO_WRAP
        + Wire(ColorSystem.TRUECOLOR, erases=True).sequence(
            full([[Segment("ab", styles[0]), Segment("cd", styles[1])]], 4), (0, 0)
        )
    )
    alone = Terminal(4, 1)
    alone.feed(NO_WRAP + "".join(style.render(text) for style, text in zip(styles, ("ab", "cd"), strict=True)))
    assert differences(terminal.looks(), alone.looks()) == []


def test_spaces_are_erased_where_the_terminal_erases_to_their_background_and_drawn_elsewhere() -> None:
    line = [Segment("ab", Style.parse("on red")), Segment(" " * 30, Style.parse("on blue")), Segment("cd")]
    before = full([[Segment("x" * 34)], [Segment("x" * 34)]], 34)
    for erases in (True, False):
        wire = Wire(ColorSystem.TRUECOLOR, erases=erases)
        wire.sequence(before, (0, 0))
        sent = wire.sequence(full([line, [Segment("x"), Segment(" " * 33)]], 34), (0, 0))
        assert ("\x1b[30X" in sent) is erases
        assert (" " * 30 in sent) is not erases
        assert "\r\n\x1b[C\x1b[K" in sent


def test_a_part_drawn_on_an_unknown_screen_leaves_the_rest_as_it_is() -> None:
    wire = Wire(ColorSystem.TRUECOLOR, erases=True)
    terminal = Terminal(40, 6)
    terminal.feed(NO_WRAP + wire.sequence(full([[Segment("x" * 40)]] * 6, 40), (0, 0)))
    wire.forget()
    chops = [{0: Strip([Segment(" " * 20)]), 20: None} for _ in range(6)]
    terminal.feed(wire.sequence(ChopsUpdate(chops, [(y, 0, 20) for y in range(6)], [[20, 40]] * 6), (0, 0)))
    assert ["".join(look.glyph for look in line) for line in terminal.looks()] == [" " * 20 + "x" * 20] * 6


def test_a_link_is_one_link_wherever_it_is_drawn_and_cannot_carry_a_sequence() -> None:
    wire = Wire(ColorSystem.TRUECOLOR, erases=True)
    drawn = wire.sequence(
        full([[Segment("ab", Style(link="http://x"))], [Segment("cd", Style(link="http://x"))]], 2), (0, 0)
    )
    assert drawn.count("id=") == 1
    unsafe = wire.sequence(full([[Segment("ab", Style(link="http://x\x07\x1b[2J"))], [Segment("cd")]], 2), (0, 0))
    assert "\x07" not in unsafe
    assert "[2J" not in unsafe


class DisputingTerminal(Terminal):
    """A terminal that draws every code point by itself, emoji of two code points as wide or as narrow as it likes."""

    def __init__(self, columns: int, lines: int, cells: Callable[[str], int]) -> None:
        super().__init__(columns, lines)
        self._cells = cells

    def draw(self, data: str) -> None:
        for char in data:
            row, cells, x = self.buffer[self.cursor.y], self._cells(char), self.cursor.x
            if cells:
                self._cut(x)
                self._cut(x + cells)
                for column in range(x, min(x + cells, self.columns)):
                    row[column] = self.cursor.attrs._replace(data=char if column == x else "")
                self.cursor.x = x + cells


@pytest.mark.parametrize("glyph", ["👨\u200d👩\u200d👧", "❤\ufe0f", "👍🏽", "🇫🇷", "🎉"])
@pytest.mark.parametrize("emoji_cells", [1, 2])
def test_a_glyph_whose_width_is_disputed_moves_nothing_after_it(glyph: str, emoji_cells: int) -> None:
    terminal = DisputingTerminal(
        20, 1, lambda char: 0 if char in "\u200d\ufe0f" else 1 if char.isascii() else emoji_cells
    )
    terminal.feed(NO_WRAP)
    wire = Wire(ColorSystem.TRUECOLOR, erases=True)
    for text in (
        "abcdefghijklmnopqrst",
        f"ab{glyph}efghijklmnopqrst",
        f"ab{glyph}efghijklmnopq{glyph}t",
        "abXdefghij" * 2,
    ):
        terminal.feed(wire.sequence(full([[Segment(text)]], 20), (0, 0)))
        shown = "".join(look.glyph for look in terminal.looks()[0])
        assert shown.startswith("ab")
        assert [terminal.buffer[0][x].data for x in range(4, 16)] == list(
            "efghijklmnop" if "X" not in text else "efghijabXdef"
        )


def test_control_characters_are_refused_and_leave_what_is_known() -> None:
    wire = Wire(ColorSystem.TRUECOLOR, erases=True)
    wire.sequence(full([[Segment("abc")]], 3), (0, 0))
    for text in ("a\tc", "\x1b[2J", "漢\x07", "a\u2028c", "\ud800ab", "a\x9bc"):
        with pytest.raises(ControlCharacters):
            wire.sequence(full([[Segment(text)]], 3), (0, 0))
    assert wire.sequence(full([[Segment("abc")]], 3), (0, 0)) == ""


@pytest.mark.parametrize(
    ("environ", "erases"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "tmux-256color"}, True),
        ({"TERM": "linux"}, True),
        ({"TERM": "screen-256color", "TMUX": "/tmp/tmux-0/default,1,0"}, True),
        ({"TERM": "screen-256color"}, False),
        ({"TERM": "xterm-256color", "STY": "1.pts-0"}, False),
        ({"TERM": "dumb"}, False),
        ({}, False),
    ],
)
def test_only_terminals_known_for_it_are_taken_to_erase_to_a_background(environ: dict[str, str], erases: bool) -> None:
    assert erases_to_background(environ) is erases


# Repeated characters, and pens in turn -------------------------------------------------------------------------------


@pytest.mark.parametrize("repeats", [True, False])
def test_a_run_of_one_character_is_repeated_where_the_terminal_does_that(repeats: bool) -> None:
    wire = Wire(ColorSystem.TRUECOLOR, erases=True, repeats=repeats)
    sent = wire.sequence(full([[Segment("╭" + "─" * 30 + "╮"), Segment("aaaabbb漢漢漢漢漢")]], 49), (0, 0))
    assert ("╭─\x1b[29b╮" in sent) is repeats
    assert "aaaabbb漢漢漢漢漢" in sent, "what is as short in full is sent in full, and wide characters always are"


def test_neither_a_letter_with_a_mark_nor_a_sequence_is_repeated() -> None:
    assert shortened("xxxxxxxxx\u0301y") == "x\x1b[7bx\u0301y"
    assert shortened("\u0301" * 20) == "\u0301" * 20
    link = f"\x1b]8;id=1111111111;http://x/{'a' * 40}\x1b\\"
    assert shortened(f"\x1b[11111111;1H{link}{'b' * 10}\x1b[0;0;0;0;0;0m") == (
        f"\x1b[11111111;1H{link}b\x1b[9b\x1b[0;0;0;0;0;0m"
    )


@given(st.text(st.sampled_from("a b─漢\u0301\ufe0f"), max_size=40))
@settings(deadline=None)
def test_what_is_shortened_is_drawn_as_it_was(text: str) -> None:
    terminals = Terminal(90, 1), Terminal(90, 1)
    for terminal, drawn in zip(terminals, (text, shortened(text)), strict=True):
        terminal.feed(NO_WRAP + drawn)
    assert differences(terminals[1].looks(), terminals[0].looks()) == []
    assert terminals[1].cursor.x == terminals[0].cursor.x


def test_the_question_tells_terminals_that_repeat_any_character_from_all_others() -> None:
    for repeats, x in (("any", ANSWER), ("ascii", 2), ("last ascii", 11), ("none", 2)):
        terminal = Terminal(80, 24, repeats=repeats)
        terminal.feed(f"a shell{NO_WRAP}{QUESTION}")
        assert terminal.taken_answers() == f"\x1b[1;{x + 1}R"
        assert {look.glyph for line in terminal.looks() for look in line} == {" "}


def test_pens_that_are_dear_to_change_are_each_used_once() -> None:
    number, word, strong = Style.parse("#123456"), Style.parse("#abcdef"), Style.parse("bold #abcdef")
    line = [Segment(f"{column:<7}", style) for column in range(8) for style in (number, word if column % 3 else strong)]
    lines = [[Segment(text[: 6 - y] + " " * (1 + y), style) for text, style, _ in line] for y in range(3)]
    wire, terminal, stock = Wire(ColorSystem.TRUECOLOR, erases=True), Terminal(112, 3), Terminal(112, 3)
    sent = wire.sequence(full(lines, 112), (0, 0))
    assert sent.count("\x1b[38;2;18;52;86m") == 1
    assert sent.count("38;2;171;205;239m") == 1, "a turn to bold and back is cheap"
    terminal.feed(NO_WRAP + sent)
    console = Console(color_system="truecolor", force_terminal=True)
    stock.feed(NO_WRAP + full(lines, 112).render_segments(console))
    assert differences(terminal.looks(), stock.looks()) == []


def test_an_update_goes_on_with_the_rendition_of_the_one_before_and_never_with_its_link() -> None:
    style = Style.parse("bold #123456 on #abcdef")
    wire = Wire(ColorSystem.TRUECOLOR, erases=True)
    wire.sequence(full([[Segment("a", style), Segment("b", style)]], 2), (0, 0))
    assert wire.sequence(full([[Segment("a", style), Segment("c", style)]], 2), (0, 0)) == "\x1b[1;2Hc\x1b[H"
    linked = wire.sequence(full([[Segment("a", style), Segment("d", style + Style(link="http://x"))]], 2), (0, 0))
    assert linked.count("\x1b]8;") == 2
    assert wire.reset() == "\x1b[m"
    assert "38;2;18;52;86" in wire.sequence(full([[Segment("e", style), Segment("f", style)]], 2), (0, 0))


@pytest.mark.parametrize("bce", [True, False])
@pytest.mark.parametrize("kept", ["", "\x1b[m", "\x1b[1;3;7;9;31;44m"], ids=["the pen", "none", "another"])
def test_what_is_drawn_on_an_unknown_screen_looks_right_whichever_rendition_the_terminal_has(
    bce: bool, kept: str
) -> None:
    chance = random.Random(7)
    wire = Wire(ColorSystem.EIGHT_BIT, erases=bce)
    terminal, fresh = (Terminal(30, 4, bce=bce) for _ in range(2))
    lines = [random_segments(chance, 30, GLYPHS + CLUSTERS) for _ in range(4)]
    terminal.feed(NO_WRAP + wire.sequence(full(lines, 30), (0, 0)) + kept)
    wire.forget()
    lines = [*lines[2:], *lines[:2]]
    sequence = wire.sequence(full(lines, 30), (0, 0))
    assert sequence.startswith("\x1b[m")
    terminal.feed(sequence)
    fresh.feed(NO_WRAP + Wire(ColorSystem.EIGHT_BIT, erases=bce).sequence(full(lines, 30), (0, 0)))
    assert differences(terminal.looks(), fresh.looks()) == []


def test_a_screen_most_of_which_changes_is_cleared_first_where_that_is_shorter() -> None:
    full_of_words = [[Segment(f"{'word ' * 20}")]] * 20
    few_words = [[Segment(f"{'a':<30}{'b':<70}")]] * 20
    other_words = [[Segment(f"{'Word ' * 20}")]] * 20
    for lines, cleared in ((few_words, True), (other_words, False)):
        wire, terminal = Wire(ColorSystem.TRUECOLOR, erases=True), Terminal(100, 20)
        terminal.feed(NO_WRAP + wire.sequence(full(full_of_words, 100), (0, 0)))
        sent = wire.sequence(full(lines, 100), (0, 0))
        assert ("\x1b[2J" in sent) is cleared
        terminal.feed(sent)
        assert ["".join(look.glyph for look in line) for line in terminal.looks()] == [lines[0][0].text] * 20
        assert wire.sequence(full(lines, 100), (0, 0)) == ""
