"""What the wire sends, shown on an emulated terminal, is what Textual's own drawing shows there, in far fewer bytes."""

from __future__ import annotations

import gc
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Region, Size
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import DataTable, OptionList, Static

from selfie_tui.tui.wire import WORTH_SYNCHRONISING, Wire, erases_to_background
from selfie_tui.tui.wire_cells import ControlCharacters
from tests.tui.ptys import PtyProgram
from tests.tui.terminals import Look, Terminal
from tests.tui.wire_sample import ATTRIBUTES, CLUSTERS, GLYPHS, Quilt, RecordingDriver, SampleApp, random_segments

NO_WRAP = "\x1b[?7l"
PLACES = {
    "256 colours": {"TERM": "xterm-256color"},
    "all colours": {"TERM": "xterm-kitty", "COLORTERM": "truecolor"},
    "16 colours": {"TERM": "linux"},
    "no colours": {"TERM": "xterm-256color", "NO_COLOR": "1"},
    "erasing to the default background": {"TERM": "screen-256color"},
}
KEYS = [
    *["tab", "tab", "tab", "shift+tab", "down", "down", "up", "pagedown", "right", "left", "r", "r", "r", "r"],
    *["m", "escape", "n", "t", "d", "z", "x", "space", "enter", "ctrl+l", "resize"],
]


def differences(ours: list[list[Look]], stock: list[list[Look]]) -> list[tuple[int, int, Look, Look]]:
    """Line, column, our look and the stock look of the cells that are not alike."""
    return [
        (y, x, one, other)
        for y, (line, other_line) in enumerate(zip(ours, stock, strict=True))
        for x, (one, other) in enumerate(zip(line, other_line, strict=True))
        if one != other
    ]


@pytest.fixture(autouse=True)
def _no_codes_of_other_colours() -> None:
    """Styles and strips keep the sequences they were first drawn with, whatever the colours of the app drawn next."""
    for thing in gc.get_objects():
        if isinstance(thing, Style):
            thing._ansi = None
        elif isinstance(thing, Strip):
            thing._render_cache = None


# Updates by themselves -----------------------------------------------------------------------------------------------


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
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_sequence_of_updates_looks_as_textual_draws_it(
    seed: int, width: int, height: int, system: ColorSystem, bce: bool
) -> None:
    console = Console(color_system=None, force_terminal=True)
    console._color_system = system
    # Rich keeps the pieces it cut, and in their styles the codes of the colours they were last drawn in.
    Segment._split_cells.cache_clear()
    wire = Wire(system, erases=bce)
    ours, stock = Terminal(width, height, bce=bce), Terminal(width, height, bce=bce)
    for terminal in (ours, stock):
        terminal.feed(NO_WRAP)
    for update in updates(random.Random(seed), width, height, 5):
        ours.feed(wire.sequence(update, (0, 0)))
        stock.feed(update.render_segments(console) + "\x1b[H")
        assert differences(ours.looks(), stock.looks()) == []
        assert (ours.cursor.x, ours.cursor.y) == (0, 0)
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


def test_the_colour_of_letters_is_not_sent_for_spaces() -> None:
    wire = Wire(ColorSystem.TRUECOLOR, erases=True)
    wire.sequence(full([[Segment("a" + " " * 9, Style.parse("red"))]], 10), (0, 0))
    assert wire.sequence(full([[Segment("a" + " " * 9, Style.parse("bold blue"))]], 10), (0, 0)) == (
        "\x1b[H\x1b[1;34ma\x1b[m\x1b[H"
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
        assert sent.endswith("\r\n\x1b[C\x1b[K\x1b[H")


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


# A whole app ---------------------------------------------------------------------------------------------------------

Step = str | tuple[int, int]


@dataclass
class Shown:
    """What a terminal showed after a step, and what it took."""

    step: Step | None
    sent: int
    looks: list[list[Look]]
    cursor: tuple[int, int]


async def settle(pilot: Pilot[None]) -> None:
    """Wait until the app has had nothing to send for a while."""
    written = pilot.app._driver.written
    quiet = 0
    while quiet < 4:
        before = len(written)
        await pilot.pause(0.02)
        quiet = quiet + 1 if len(written) == before else 0


class Session:
    """A running app and the terminal it draws on."""

    def __init__(self, app: SampleApp, pilot: Pilot[None], terminal: Terminal) -> None:
        self.app, self.pilot, self.terminal = app, pilot, terminal
        self.driver = app._driver
        self._fed = 0

    async def take(self, step: Step | None = None) -> Shown:
        """Press a key, or resize the terminal, wait, and look."""
        if isinstance(step, tuple):
            self.terminal.resize(step[1], step[0])
            self.driver._size = step
            self.app.post_message(events.Resize(Size(*step), Size(*step)))
        elif step is not None:
            await self.pilot.press(step)
        await settle(self.pilot)
        return self.look(step)

    def look(self, step: Step | None = None) -> Shown:
        """What the terminal shows of all that has been sent."""
        new, self._fed = self.driver.written[self._fed :], len(self.driver.written)
        for data in new:
            self.terminal.feed(data)
        cursor = self.terminal.cursor.x, self.terminal.cursor.y
        return Shown(step, sum(len(data.encode()) for data in new), self.terminal.looks(), cursor)

    def truth(self) -> list[list[Look]]:
        """What Textual would draw on an empty screen now."""
        terminal = Terminal(self.terminal.columns, self.terminal.lines)
        update = self.app.screen._compositor.render_update(full=True, screen_stack=self.app._background_screens)
        terminal.feed(NO_WRAP + update.render_segments(self.app.console))
        return terminal.looks()


async def with_app(
    use: Callable[[Session], Awaitable[object]],
    *,
    stock: bool = False,
    size: tuple[int, int] = (80, 24),
    bce: bool = True,
) -> None:
    app = SampleApp(driver_class=RecordingDriver, stock_display=stock)
    async with app.run_test(headless=False, size=size, notifications=True) as pilot:
        await settle(pilot)
        await use(Session(app, pilot, Terminal(*size, bce=bce)))


async def play(steps: list[Step], *, stock: bool, size: tuple[int, int], bce: bool) -> list[Shown]:
    shown: list[Shown] = []

    async def follow(session: Session) -> None:
        shown.extend([session.look(), *[await session.take(step) for step in steps]])
        assert session.app.stock_display is stock

    await with_app(follow, stock=stock, size=size, bce=bce)
    return shown


def steps(seed: int, count: int) -> list[Step]:
    chance = random.Random(seed)
    keys = [chance.choice(KEYS) for _ in range(count)]
    return [(chance.randrange(30, 130), chance.randrange(10, 45)) if key == "resize" else key for key in keys]


@pytest.mark.parametrize("place", PLACES)
async def test_random_sessions_look_the_same_and_send_less(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLORTERM", "NO_COLOR", "STY", "TMUX"):
        monkeypatch.delenv(name, raising=False)
    for name, value in PLACES[place].items():
        monkeypatch.setenv(name, value)
    seed = [*PLACES].index(place)
    bce = erases_to_background(PLACES[place])
    size = [(80, 24), (120, 40), (61, 17)][seed % 3]
    stock = await play(steps(seed, 16), stock=True, size=size, bce=bce)
    ours = await play(steps(seed, 16), stock=False, size=size, bce=bce)
    for mine, theirs in zip(ours, stock, strict=True):
        assert differences(mine.looks, theirs.looks) == [], mine.step
        assert mine.cursor == theirs.cursor
    assert 3 * sum(shown.sent for shown in ours) < sum(shown.sent for shown in stock)


async def test_the_screen_comes_back_after_other_programs_wrote_on_it() -> None:
    async def use(session: Session) -> None:
        before = await session.take()
        session.terminal.feed("\x1b[3;9r\x1b[?25h\x1b[31mgarbage\x1b[5;5Hmore of it")
        session.app.repaint()
        assert differences((await session.take()).looks, before.looks) == []
        assert session.terminal.cursor.hidden
        assert session.terminal.margins is None

    await with_app(use)


async def test_the_screen_comes_back_when_the_driver_enters_application_mode_again() -> None:
    async def use(session: Session) -> None:
        before = await session.take()
        session.driver.start_application_mode()
        assert differences((await session.take()).looks, before.looks) == []

    await with_app(use)


async def test_the_screen_comes_back_from_a_size_that_was_gone_before_anything_was_drawn() -> None:
    async def use(session: Session) -> None:
        before = await session.take()
        for width, height in ((30, 10), (80, 24)):
            session.terminal.resize(height, width)
            session.app.post_message(events.Resize(Size(width, height), Size(width, height)))
        await session.pilot.pause(0.2)
        assert differences((await session.take()).looks, before.looks) == []

    await with_app(use)


async def test_a_terminal_that_begins_to_report_its_size_is_not_drawn_on_again() -> None:
    async def use(session: Session) -> None:
        await session.take()
        for pixels, drawn in ((Size(800, 480), False), (Size(800, 480), True)):
            session.app.post_message(events.Resize(Size(80, 24), Size(80, 24), pixel_size=pixels))
            await session.pilot.pause(0.2)
            assert ((await session.take()).sent > 2000) is drawn

    await with_app(use)


async def test_stock_display_may_be_turned_on_and_off_at_any_time() -> None:
    async def use(session: Session) -> None:
        for key, stock in zip(["tab", "tab", "m", "escape", "t", "tab"], [True, False] * 3, strict=True):
            session.app.stock_display = stock
            shown = await session.take(key)
            assert differences(shown.looks, session.truth()) == []

    await with_app(use)


async def test_text_with_control_characters_is_drawn_by_textual_and_what_follows_by_cells() -> None:
    async def use(session: Session) -> None:
        quilt = session.app.query_one(Quilt)
        await session.take()
        quilt.lines[0] = Strip([Segment("a\rb\x1b[2Jc" + " " * 60)])
        quilt.refresh()
        await session.take()
        assert not session.app.stock_display
        quilt.lines[0] = Strip([Segment("clean" + " " * 85)])
        quilt.refresh()
        session.app.repaint()
        assert differences((await session.take()).looks, session.truth()) == []
        assert (await session.take("tab")).sent < 3000

    await with_app(use)


@pytest.mark.parametrize("break_it", ["an exception", "another kind of update", "a renderable"])
async def test_what_is_not_understood_is_logged_once_and_drawn_by_textual_from_then_on(
    break_it: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stranger(CompositorUpdate):
        def render_segments(self, console: Console) -> str:
            return "\x1b[Hstrange"

    async def use(session: Session) -> None:
        await session.take()
        if break_it == "an exception":
            monkeypatch.setattr("selfie_tui.tui.wire_paint.Painter._reach", None)
            await session.take("tab")
        else:
            session.app._display(session.app.screen, Stranger() if break_it == "another kind of update" else "strange")
        shown = await session.take("tab")
        assert session.app.stock_display
        assert shown.sent > 5000
        assert differences(shown.looks, session.truth()) == []

    with caplog.at_level(logging.WARNING):
        await with_app(use)
    assert [record.name for record in caplog.records if record.name.startswith("selfie_tui")] == ["selfie_tui.tui.wire"]


async def test_synchronised_output_is_used_where_the_terminal_has_it_and_only_for_much() -> None:
    async def use(session: Session) -> None:
        assert "2026" not in "".join(session.driver.written)
        session.app._sync_available = True
        for step in ("tab", "down", "tab", "m"):
            start = len(session.driver.written)
            await session.take(step)
            for data in session.driver.written[start:]:
                wrapped = data.startswith("\x1b[?2026h") and data.endswith("\x1b[?2026l")
                assert wrapped is (len(data) - 16 * wrapped >= WORTH_SYNCHRONISING)
                assert data.count("2026") == 2 * wrapped

    await with_app(use, size=(120, 40))


async def test_a_step_costs_a_hundred_bytes_or_two_and_doing_nothing_costs_nothing() -> None:
    async def use(session: Session) -> None:
        session.app.query_one(OptionList).focus()
        await session.take()
        assert (await session.take("down")).sent < 250
        session.app.query_one(DataTable).focus()
        await session.take()
        assert (await session.take("down")).sent < 500
        session.app.query_one(Static).refresh(layout=True)
        session.app.refresh()
        await session.take()
        assert (await session.take()).sent == 0
        session.app.screen.refresh(repaint=True, layout=True)
        assert (await session.take()).sent == 0

    await with_app(use, size=(120, 40))


# A real pseudo-terminal ----------------------------------------------------------------------------------------------


def test_in_a_real_terminal_it_looks_as_textual_draws_it_for_a_quarter_of_the_bytes() -> None:
    received: dict[str, int] = {}
    looks: dict[str, list[list[Look]]] = {}
    for mode in ("--cells", "--stock"):
        with PtyProgram("-m", "tests.tui.wire_sample", mode, size=(120, 40)) as program:
            assert program.shows("option 0")
            for keys in ("\t", "\x1b[B", "\t", "\t", "\t", "r", "\x1b[6~", "m", "xy"):
                program.send(keys)
                program.until(lambda: True)
            assert program.shows("an answerxy")
            # Any pause is long enough but for a machine that is very busy, which only adds to what is received.
            program.until(lambda: False, seconds=1.5)
            received[mode], looks[mode] = program.received, program.terminal.looks()
            program.send("\x11")
            assert program.until(lambda: program.process.poll() is not None)
    assert differences(looks["--cells"], looks["--stock"]) == []
    assert 4 * received["--cells"] < received["--stock"]
