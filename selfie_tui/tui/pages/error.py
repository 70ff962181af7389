"""What went wrong in a job: the cause in one line, what to do, and the traceback for a report."""

from __future__ import annotations

from typing import ClassVar

from selfie_tui.records import JobFailed
from selfie_tui.tui.actions import Scope, bindings
from selfie_tui.tui.pages.page import PageScreen
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces


class ErrorScreen(PageScreen):
    """An error, closed by escape or enter; `y` copies its traceback."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("error", "page")
    BINDINGS = bindings("error")

    def __init__(self, what: str, failure: JobFailed) -> None:
        super().__init__(what, lambda room, look: error_lines(failure, room, look), classes="-bad")
        self.failure = failure

    def copyable(self) -> tuple[str, str]:
        failure = self.failure
        return f"{failure.cause}\n{failure.remedy}\n\n{failure.traceback}", "the traceback"


def error_lines(failure: JobFailed, room: int, look: Look) -> list[Pieces]:
    """Cause, remedy, and how to get at the rest; the traceback itself is for the clipboard."""
    lines: list[Pieces] = [*flow([Piece(look.prose(failure.cause), "bad")], room), ()]
    if failure.remedy:
        lines += [*flow([Piece(look.prose(failure.remedy))], room), ()]
    return [
        *lines,
        *flow([Piece("Nothing you typed or read is lost. y copies the traceback for a report.", "dim")], room),
    ]
