"""What widgets and views post to the frame."""

from __future__ import annotations

from textual.message import Message

from selfie_tui.results.stored import StoredRun


class SelectionChanged(Message):
    """The user moved the shared cursor, or marked other cells; the state has it already."""


class SettingsChanged(Message):
    """The user changed the settings of the next run; the state has them already."""


class RunWanted(Message):
    """The user wants to see a run that was kept; with `again`, to have it asked once more of the loaded model."""

    def __init__(self, stored: StoredRun, *, again: bool = False) -> None:
        super().__init__()
        self.stored = stored
        self.again = again
