"""What the wire sends, shown on an emulated terminal, is what Textual's own drawing shows there, in far fewer bytes."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import re
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from rich.console import Console
from rich.segment import Segment
from textual import events
from textual._compositor import CompositorUpdate
from textual.geometry import Size
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import DataTable, Input, OptionList, Static

from selfie_tui.tui.terminal.repeats import QUESTION
from selfie_tui.tui.terminal.wire import WORTH_SYNCHRONISING, erases_to_background
from tests.tui.ptys import PtyProgram
from tests.tui.terminals import NO_WRAP, Look, Repeats, Terminal, differences, render_without_caches
from tests.tui.wire_sample import Quilt, RecordingDriver, SampleApp

TERMINALS: dict[str, dict[str, str]] = {
    "256 colours": {"TERM": "xterm-256color"},
    "all colours": {"TERM": "xterm-kitty", "COLORTERM": "truecolor"},
    "16 colours": {"TERM": "linux"},
    "no colours": {"TERM": "xterm-256color", "NO_COLOR": "1"},
    "erasing to the default background": {"TERM": "screen-256color"},
}
REPEATS: dict[str, Repeats] = {
    "16 colours": "none",
    "no colours": "ascii",
    "erasing to the default background": "last ascii",
}
"""What these terminals repeat; the others repeat any character."""

KEYS = [
    *["tab", "tab", "tab", "shift+tab", "down", "down", "up", "pagedown", "right", "left", "r", "r", "r", "r"],
    *["m", "escape", "n", "t", "d", "z", "x", "space", "enter", "ctrl+l", "resize"],
]


@pytest.fixture(autouse=True)
def _no_sequences_of_other_apps(monkeypatch: pytest.MonkeyPatch) -> None:
    render_without_caches(monkeypatch)


# A whole app ---------------------------------------------------------------------------------------------------------

Step = str | tuple[int, int]


@dataclass
class Shown:
    """What a terminal showed after a step, and what it took; where the cursor was, if text was typed there."""

    step: Step | None
    sent: int
    looks: list[list[Look]]
    cursor: tuple[int, int] | None


async def settle(pilot: Pilot[None]) -> None:
    """Wait until the app has had nothing to send for a while."""
    written = pilot.app._driver.written
    quiet = 0
    while quiet < 4:
        before = len(written)
        await (asyncio.sleep(0.02) if quiet else pilot.pause(0.02))
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
        for line, column in re.findall("\x1b\\[(\\d+);(\\d+)R", self.terminal.taken_answers()):
            self.app.post_message(events.CursorPosition(int(column) - 1, int(line) - 1))
        cursor = self.terminal.cursor.x, self.terminal.cursor.y
        if not isinstance(self.app.focused, Input):
            cursor = None
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
    repeats: Repeats = "any",
) -> None:
    app = SampleApp(driver_class=RecordingDriver, stock_display=stock)
    async with app.run_test(headless=False, size=size, notifications=True) as pilot:
        await settle(pilot)
        await use(Session(app, pilot, Terminal(*size, bce=bce, repeats=repeats)))


async def play(
    steps: list[Step], *, stock: bool, size: tuple[int, int], bce: bool, repeats: Repeats = "any"
) -> list[Shown]:
    shown: list[Shown] = []

    async def follow(session: Session) -> None:
        shown.extend([session.look(), *[await session.take(step) for step in steps]])
        assert session.app.stock_display is stock

    await with_app(follow, stock=stock, size=size, bce=bce, repeats=repeats)
    return shown


def steps(seed: int, count: int) -> list[Step]:
    chance = random.Random(seed)
    keys = [chance.choice(KEYS) for _ in range(count)]
    return [(chance.randrange(30, 130), chance.randrange(10, 45)) if key == "resize" else key for key in keys]


@pytest.mark.parametrize("terminal", TERMINALS)
async def test_random_sessions_look_the_same_and_send_less(terminal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLORTERM", "NO_COLOR", "STY", "TMUX"):
        monkeypatch.delenv(name, raising=False)
    for name, value in TERMINALS[terminal].items():
        monkeypatch.setenv(name, value)
    seed = [*TERMINALS].index(terminal)
    bce = erases_to_background(TERMINALS[terminal])
    size = [(80, 24), (120, 40), (61, 17)][seed % 3]
    stock = await play(steps(seed, 16), stock=True, size=size, bce=bce)
    repeats = REPEATS.get(terminal, "any")
    ours = await play(steps(seed, 16), stock=False, size=size, bce=bce, repeats=repeats)
    for mine, theirs in zip(ours, stock, strict=True):
        assert differences(mine.looks, theirs.looks) == [], mine.step
        assert mine.cursor == theirs.cursor
    assert 3 * sum(shown.sent for shown in ours) < sum(shown.sent for shown in stock)


async def test_the_cursor_is_where_text_is_typed_and_elsewhere_nothing_is_sent_for_it() -> None:
    async def use(session: Session) -> None:
        field = session.app.query_one(Input)
        field.focus()
        assert (await session.take("x")).cursor == tuple(session.app.cursor_position)
        assert (await session.take("left")).cursor == tuple(field.cursor_screen_offset)
        session.app.query_one(OptionList).focus()
        await session.take()
        start = len(session.driver.written)
        await session.take("down")
        assert not re.search(r"\x1b\[[\d;]*H$", "".join(session.driver.written[start:]))
        field.focus()
        assert (await session.take()).cursor == tuple(field.cursor_screen_offset)

    await with_app(use)


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
            monkeypatch.setattr("selfie_tui.tui.terminal.paint.Painter._reach", None)
            await session.take("tab")
        else:
            session.app._display(session.app.screen, Stranger() if break_it == "another kind of update" else "strange")
        shown = await session.take("tab")
        assert session.app.stock_display
        assert shown.sent > 5000
        assert differences(shown.looks, session.truth()) == []

    with caplog.at_level(logging.WARNING):
        await with_app(use)
    assert [record.name for record in caplog.records if record.name.startswith("selfie_tui")] == [
        "selfie_tui.tui.terminal.wire"
    ]


@pytest.mark.parametrize(
    ("repeats", "believed"), [("any", True), ("ascii", False), ("last ascii", False), ("none", False)]
)
async def test_characters_are_repeated_where_the_terminal_shows_that_it_repeats_any(
    repeats: Repeats, believed: bool
) -> None:
    async def use(session: Session) -> None:
        await session.take()
        for step in ("m", "z", "tab", "escape", "ctrl+l", "m"):
            start = len(session.driver.written)
            shown = await session.take(step)
            sent = "".join(session.driver.written[start:])
            assert (QUESTION in sent) is (step == "ctrl+l"), "not after a suspension, when a shell may be answered"
            if step == "m":
                assert bool(re.search("[^\x1b]\x1b\\[\\d+b", sent)) is believed
            assert differences(shown.looks, session.truth()) == []

    await with_app(use, size=(120, 40), repeats=repeats)


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
            for keys in ("\t", "\x1b[B", "\t", "\t", "\t", "r\x1b[6~", "m", "xy"):
                before = program.received
                program.send(keys)
                assert program.until(lambda before=before: program.received > before), keys
            assert program.shows("an answerxy")
            # Any pause is long enough but for a machine that is very busy, which only adds to what is received.
            program.until(lambda: False, seconds=1.5)
            received[mode], looks[mode] = program.received, program.terminal.looks()
            program.send("\x11")
            assert program.until(lambda: program.process.poll() is not None)
    assert differences(looks["--cells"], looks["--stock"]) == []
    assert 4 * received["--cells"] < received["--stock"]


def test_in_a_real_terminal_the_screen_comes_back_after_the_program_was_stopped() -> None:
    with PtyProgram("-m", "tests.tui.wire_sample") as program:
        assert program.shows("palette")
        # What is typed is shown after all that came before it: from then on nothing more is drawn.
        program.send("m")
        assert program.shows("an answer")
        program.send("xy")
        assert program.shows("an answerxy")
        before = program.terminal.looks()
        os.kill(program.process.pid, signal.SIGTSTP)
        assert program.until(lambda: not program.terminal.cursor.hidden)
        assert os.WIFSTOPPED(os.waitpid(program.process.pid, os.WUNTRACED)[1])
        program.terminal.feed("\x1b[m\x1b[2J\x1b[Ha shell")
        os.kill(program.process.pid, signal.SIGCONT)
        assert program.until(lambda: differences(program.terminal.looks(), before) == [])
