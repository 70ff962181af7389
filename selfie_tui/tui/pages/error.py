"""The page of a job's error: its cause in one line, the remedy, and the traceback to copy."""

from __future__ import annotations

from typing import ClassVar

from selfie_tui.records import JobFailed
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.pages.page import PageScreen
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces


class ErrorScreen(PageScreen):
    """An error, closed by escape or enter; `y` copies its traceback."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("error", "page")
    BINDINGS = bindings("error")

    def __init__(self, what: str, failure: JobFailed) -> None:
        super().__init__(what, lambda width, look: error_lines(failure, width, look), classes="-bad")
        self.failure = failure

    def copyable(self) -> tuple[str, str]:
        failure = self.failure
        return f"{failure.cause}\n{failure.remedy}\n\n{failure.traceback}", "the traceback"


def error_lines(failure: JobFailed, width: int, look: Look) -> list[Pieces]:
    """Cause, remedy, and how to copy the traceback."""
    lines: list[Pieces] = [*flow([Piece(look.prose(failure.cause), "bad")], width), ()]
    if failure.remedy:
        lines += [*flow([Piece(look.prose(failure.remedy))], width), ()]
    return [
        *lines,
        *flow([Piece("Nothing you typed or interpreted is lost. y copies the traceback for a report.", "dim")], width),
    ]
