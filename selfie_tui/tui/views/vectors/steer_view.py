"""Steering: its settings in one line with a dial, and the plain answer above the steered one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events

from selfie_tui.records import GeneratedToken, SteeredSoFar
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces, Role, cells, clipped, share
from selfie_tui.tui.render.words import cut
from selfie_tui.tui.views.vectors.steer_settings import FIELDS, SteerSettings, dial
from selfie_tui.tui.views.vectors.wanted import Wanting
from selfie_tui.tui.widgets.lines import ScrolledLines

LABEL_CELLS = 9
LEAD = 2
"""Lines above the answers: the settings and the dial."""

MOST_DIAL = 51

BRIEF_CELLS = 88
"""Cells of a steered answer that a step onto its vector shows, some fifteen words: each step sends them anew."""


class SteerView(Wanting, ScrolledLines):
    """The settings, one of which is under the cursor, and below them the answers."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("steer", "vector")
    BINDINGS = bindings("steer", "vector")

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.resized: Callable[[], object] = tuple
        """Lays out the lines in another width."""
        self.settings = SteerSettings()
        self.cursor = 0
        self.chosen: Callable[[str, int], object] = lambda field, step: None
        """Changes a setting by so many steps."""
        self.zeroed: Callable[[], object] = tuple
        """Sets the strength to 0."""
        self._body: list[Pieces] = []

    @property
    def field(self) -> str:
        """The setting under the cursor."""
        return FIELDS[self.cursor]

    def _on_resize(self, event: events.Resize) -> None:
        super()._on_resize(event)
        self.resized()

    @property
    def cells(self) -> int:
        """Cells of a line."""
        return max(self.size.width - 2, 8)

    def show_steering(self, settings: SteerSettings, body: list[Pieces]) -> None:
        """Show other settings and answers; only what says something else is drawn again."""
        before, self._body = self._body, body
        if settings != self.settings:
            self.settings = settings
            self.redraw(0, 1)
        if len(before) != len(body):
            self.settle()
        for number in range(max(len(before), len(body))):
            if before[number : number + 1] != body[number : number + 1]:
                self.redraw(number + LEAD)

    def count(self) -> int:
        return len(self._body) + LEAD

    def pieces(self, index: int) -> Pieces:
        if index == 0:
            return self._settings()
        if index == 1:
            return (Piece(" " * (LABEL_CELLS + 1)), Piece(dial(self.settings.strength, self._dial_cells), "accent"))
        return (Piece(" "), *self._body[index - LEAD]) if index - LEAD < len(self._body) else ()

    @property
    def _dial_cells(self) -> int:
        return min(self.cells - LABEL_CELLS, MOST_DIAL)

    def _settings(self) -> Pieces:
        """The settings, from the first one from which on the one under the cursor is in sight."""
        parts = [self._setting(number) for number in range(len(FIELDS))]
        first, width = 0, self.size.width - 1
        while first < self.cursor and sum(map(cells, parts[first : self.cursor + 1])) > width:
            first += 1
        lead = Piece("…" if first else " ", "dim")
        return clipped((lead, *(piece for part in parts[first:] for piece in part)), self.size.width)

    def _setting(self, number: int) -> Pieces:
        field = FIELDS[number]
        value = self.settings.text(field)
        before = (Piece("strength ", "dim"),) if field == "strength" else ()
        if number == self.cursor:
            return (*before, Piece(f"‹{value}›", "cursor" if self.has_focus else "strong"))
        return (*before, Piece(f" {value} "))

    def action_step(self, step: int) -> None:
        """To the setting on the left or right."""
        self.cursor = max(0, min(self.cursor + step, len(FIELDS) - 1))
        self.redraw(0)

    def action_change(self, step: int) -> None:
        """Change the setting under the cursor."""
        self.chosen(self.field, step)

    def action_zero(self) -> None:
        """Strength 0."""
        self.zeroed()

    def on_focus(self) -> None:
        """Show where the cursor is."""
        self.redraw(0)

    def on_blur(self) -> None:
        """Show that the keys go elsewhere."""
        self.redraw(0)


def answer_lines(answers: SteeredSoFar, width: int, look: Look, *, stale: bool, brief: bool = False) -> list[Pieces]:
    """The plain answer and the steered ones, each in as many lines as it needs, marked from where they differ on.

    Of several steered ones each has its strength before it. `brief`: of the steered ones their beginning.
    """
    several = len(answers.steered) > 1
    said: list[tuple[str, Sequence[GeneratedToken], int | None]] = [("plain", answers.plain, None)]
    said += [
        (f"× {each.strength:g}" if several else "steered", each.tokens, each.differs_from) for each in answers.steered
    ]
    lines: list[Pieces] = []
    for label, tokens, first in said:
        words = _words(tokens, first, look, stale=stale)
        flowed = _said(label, cut(words, BRIEF_CELLS) if brief and label != "plain" else words, width)
        lines += flowed if answers.finished else [*flowed[:-1], (*flowed[-1], Piece("▏", "dim"))]
    return lines


def unsteered_lines(plain: Sequence[GeneratedToken], width: int, look: Look) -> list[Pieces]:
    """What stands for a vector that was not steered with: how to, below the `plain` answer where that is known.

    It stays where it is when the cursor goes to a vector that was steered with, or comes from one.
    """
    if not plain:
        return [(Piece("+ and - steer with this vector; i edits the text that is gone on from", "dim"),)]
    how = [Piece("+ and - steer with this vector", "dim")]
    return [*_said("plain", _words(plain, None, look, stale=False), width), *_said("steered", how, width)]


def _said(label: str, words: Sequence[Piece], width: int) -> list[Pieces]:
    """Words in as many lines as they need, of which the first has a label."""
    flowed = flow(words, max(width - LABEL_CELLS, 8))
    return [(Piece(f"{'' if number else label:<{LABEL_CELLS}}", "dim"), *line) for number, line in enumerate(flowed)]


def _words(tokens: Sequence[GeneratedToken], first: int | None, look: Look, *, stale: bool) -> list[Piece]:
    pieces: list[Piece] = []
    for number, token in enumerate(tokens):
        shown = look.prose(token.text)
        role: Role = "dim" if stale else "text" if first is None or number < first else "accent"
        pieces.append(Piece(shown.lstrip(" ") if not pieces else shown, role))
    return pieces


def steering_note(answers: SteeredSoFar, width: int) -> str:
    """`differs from token 6 · states moved by .34 of their norm`, in fewer words where it is narrow."""
    if not answers.steered:
        return ""
    steered = answers.steered[0]
    moved = share(steered.added) if steered.added < 0.995 else f"{steered.added:.1f}"
    if steered.differs_from is not None:
        differs = f"differs from token {steered.differs_from} · "
    else:
        differs = "no difference · " if answers.finished else ""
    whole = f"{differs}states moved by {moved} of their norm"
    longer = f"{differs}moved {moved} of the norm: longer than the stream" if steered.added >= 1 else whole
    return next((said for said in (longer, whole) if len(said) <= width), f"{differs}moved {moved}")
