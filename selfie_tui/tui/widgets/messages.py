"""What widgets and views post to the frame."""

from __future__ import annotations

from typing import Literal

from textual.message import Message

from selfie_tui.results.stored import StoredRun

Wanted = Literal["open", "again", "resume", "delete"]
"""What can be done with a run that was kept."""


class SelectionChanged(Message):
    """The user moved the shared cursor, or marked other cells; the state has it already."""


class SettingsChanged(Message):
    """The user changed the settings of the next run; the state has them already."""


class CalibrationWanted(Message):
    """The user wants to know where and how the preset reads on the model."""


class RunWanted(Message):
    """The user wants something done with a run that was kept: see it, see it made again, go on with it, delete it.

    `query` is the text by which its readings were found, "" where none was searched for.
    """

    def __init__(self, stored: StoredRun, what: Wanted, query: str = "") -> None:
        super().__init__()
        self.stored = stored
        self.what = what
        self.query = query


class DeletionRegretted(Message):
    """The user wants the run back that was deleted last."""
