"""An app with all that makes drawing hard; run as a script it draws on the terminal, as Textual does with `--stock`."""

from __future__ import annotations

import asyncio
import random
import sys
from typing import ClassVar

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.driver import Driver
from textual.geometry import Region, Size
from textual.screen import ModalScreen
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Button, DataTable, Footer, Input, Label, OptionList, Static

from selfie_tui.tui.terminal.wire import WireApp

GLYPHS = [
    *"abcXYZ019 .,|─│╭▁▂▃█▌…→●é",
    *["漢", "字", "한", "ア", "Ｗ", "🎉", "☺", "e\u0301", "ก็", "o\u0308\u0323", "ש", "ب", "न", "\u00a0"],
]
CLUSTERS = ["👍🏽", "👨\u200d👩\u200d👧", "❤\ufe0f", "🇫🇷"]
"""Emoji of several code points. Rich cuts them here or there by which of its ways it goes."""

COLORS = [None, "red", "bright_blue", "color(123)", "#123456", "#f0f0f0", "default"]
ATTRIBUTES = ["bold", "dim", "italic", "underline", "blink", "reverse", "strike", "conceal", "overline", "underline2"]


def random_style(chance: random.Random) -> Style:
    """Any style: colours of every system, rarely attributes, sometimes a link and what is not seen."""
    return Style(
        color=Color.parse(color) if (color := chance.choice(COLORS)) else None,
        bgcolor=Color.parse(color) if (color := chance.choice(COLORS)) else None,
        link=chance.choice(["https://example.org/a", "https://example.org/b"]) if chance.random() < 0.1 else None,
        meta={"offset": (chance.randrange(9), 0)} if chance.random() < 0.2 else None,
        **{name: chance.random() < 0.5 for name in ATTRIBUTES if chance.random() < 0.15},
    )


def random_segments(chance: random.Random, width: int, glyphs: list[str] = GLYPHS) -> list[Segment]:
    """Segments of random glyphs and styles, `width` cells in all."""
    segments: list[Segment] = []
    while (left := width - sum(segment.cell_length for segment in segments)) > 0:
        length = chance.choice([1, 1, 2, 3, 5, 8, 20])
        text = " " * length if chance.random() < 0.4 else "".join(chance.choices(glyphs, k=length))
        segment = Segment(text, random_style(chance) if chance.random() < 0.9 else None)
        segments += Segment.adjust_line_length([segment], left) if segment.cell_length > left else [segment]
    return segments


class Quilt(ScrollView, can_focus=True):
    """Random cells, of which a few change with every `r`."""

    DEFAULT_CSS = "Quilt { width: 1fr; height: 1fr; } Quilt:focus { background: $boost; }"

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._chance = random.Random(seed)
        self.lines = [Strip(random_segments(self._chance, 90)) for _ in range(60)]
        self.virtual_size = Size(90, 60)

    def render_line(self, y: int) -> Strip:
        x, top = self.scroll_offset
        line = y + top
        strip = self.lines[line] if line < len(self.lines) else Strip.blank(90)
        return strip.crop_extend(x, x + self.size.width, self.rich_style).apply_style(self.rich_style)

    def key_r(self) -> None:
        for _ in range(self._chance.randrange(1, 6)):
            y = self._chance.randrange(len(self.lines))
            self.lines[y] = Strip(random_segments(self._chance, 90))
            x, width = self._chance.randrange(80), self._chance.randrange(1, 10)
            if self._chance.random() < 0.5:
                self.refresh(Region(x, y - self.scroll_offset.y, width, 1))
            else:
                self.refresh(Region(0, y - self.scroll_offset.y, self.size.width, 1))


class Question(ModalScreen[None]):
    """A dialogue over the dimmed screen."""

    DEFAULT_CSS = (
        "Question { align: center middle; } Question Vertical { width: 40; height: 9; border: thick $primary; }"
    )
    BINDINGS: ClassVar = [("escape", "dismiss", "Close")]

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label("Really 漢字? 🎉")
            yield Input("an answer", select_on_focus=False)
            yield Button("Yes")

    def on_mount(self) -> None:
        self.query_one(Input).cursor_blink = False


class SampleApp(WireApp[None]):
    """Panes with borders that change with the focus, a table, a list, an input, a footer, random cells."""

    CSS = """
    #left { width: 30; } #left > * { border: round $secondary; height: 1fr; } #left > *:focus { border: round $accent; }
    VerticalScroll { height: 1fr; border: heavy $primary; } Input { height: 3; }
    """
    BINDINGS: ClassVar = [
        ("m", "ask", "Ask"),
        ("n", "note", "Note"),
        ("t", "other_theme", "Theme"),
        ("ctrl+l", "repaint", "Repaint"),
        ("d", "disappear", "Hide"),
        ("z", "pause", "Suspend"),
    ]
    ENABLE_COMMAND_PALETTE = True

    def __init__(self, *, seed: int = 1, stock_display: bool = False, driver_class: type[Driver] | None = None) -> None:
        super().__init__(driver_class, stock_display=stock_display)
        self.animation_level = "none"
        self._seed = seed
        self._notes = 0

    def compose(self) -> ComposeResult:
        with Horizontal():
            with Vertical(id="left"):
                yield OptionList(*[f"option {number} 漢字" for number in range(30)], markup=False)
                yield DataTable(zebra_stripes=True)
            with Vertical():
                yield Input("draft", select_on_focus=False)
                with VerticalScroll():
                    for number in range(12):
                        yield Static(
                            f"[b]line {number}[/b] [link='https://a.org']a link[/link] 🎉 ❤\ufe0f שלום [dim]dim[/dim]"
                        )
                yield Quilt(self._seed)
        yield Footer()

    def on_mount(self) -> None:
        self.query_one(Input).cursor_blink = False
        table = self.query_one(DataTable)
        table.add_columns("one", "two 漢", "three")
        table.add_rows([[f"{row}", "e\u0301" * 3, "漢字" * (row % 3)] for row in range(40)])

    def action_ask(self) -> None:
        self.push_screen(Question())

    def action_note(self) -> None:
        self._notes += 1
        self.notify(f"note {self._notes} 漢字", title="Note", timeout=600)

    def action_other_theme(self) -> None:
        self.theme = "nord" if self.theme != "nord" else "textual-light"

    def action_repaint(self) -> None:
        self.repaint()

    def action_disappear(self) -> None:
        left = self.query_one("#left")
        left.display = not left.display

    def action_pause(self) -> None:
        with self.suspend():
            pass


class RecordingDriver(Driver):
    """Draws into a list of strings, of which each is one write, by the path that a real terminal takes."""

    written: list[str]

    @property
    def can_suspend(self) -> bool:
        return True

    def write(self, data: str) -> None:
        self.written.append(data)

    def start_application_mode(self) -> None:
        again = hasattr(self, "written")
        self.written = self.written if again else []
        self.write("\x1b[?1049h\x1b[2J\x1b[?25l\x1b[?7l")
        if again:
            return
        size = Size(*(self._size or (80, 24)))
        asyncio.run_coroutine_threadsafe(self._app._post_message(events.Resize(size, size)), loop=self._loop)

    def disable_input(self) -> None:
        """There is none."""

    def stop_application_mode(self) -> None:
        self.write("\x1b[?7h\x1b[?1049l\x1b[?25h")


if __name__ == "__main__":
    SampleApp(stock_display="--stock" in sys.argv).run(mouse=False)
