"""What stands in the log, one by one: a run's header, its control, its interpretations, and notices between them."""

from __future__ import annotations

from dataclasses import dataclass, field

from selfie_tui.records import Severity
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces, Role
from selfie_tui.tui.runs import Run
from selfie_tui.tui.views.interpret.interpretation_lines import (
    Layout,
    header_line,
    interpretation_lines,
    plain_header,
    plain_line,
)

HEADER = -2
"""The index of a run's header among its entries."""

LABEL_CELLS = 12
"""Cells of a label where the width of a run's own is not known."""

ROLES: dict[Severity, Role] = {"error": "bad", "warning": "warn", "information": "dim"}


@dataclass(eq=False)
class Entry:
    """An interpretation, a control, a header or, where `run` is None, a notice; its lines begin at line `start`."""

    run: Run | None
    index: int
    notice: str = ""
    severity: Severity = "information"
    lines: list[Pieces] = field(default_factory=list)
    start: int = 0

    def lay_out(self, layout: Layout) -> None:
        """Make the lines anew."""
        if self.run is None:
            self.lines = flow([Piece(f"! {layout.look.prose(self.notice)}", ROLES[self.severity])], layout.width)
        elif self.index == HEADER:
            self.lines = [header_line(self.run, layout)]
        else:
            self.lines = interpretation_lines(self.run, self.index, layout)

    def searched(self, look: Look) -> str:
        """The text that a search looks through, as it is shown."""
        if self.run is None:
            return self.notice
        if self.index == HEADER:
            return look.prose(plain_header(self.run))
        return f"{self.run.label(self.index, look)} {look.prose(self.run.text(self.index))}"

    def plain(self, look: Look) -> str:
        """The entry as a line of text, for the clipboard."""
        if self.run is None:
            return f"! {self.notice}"
        return plain_header(self.run) if self.index == HEADER else plain_line(self.run, self.index, look)
