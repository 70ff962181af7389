"""What widgets and views post to the frame."""

from __future__ import annotations

from textual.message import Message


class SelectionChanged(Message):
    """The user moved the shared cursor, or marked other cells; the state has it already."""


class SettingsChanged(Message):
    """The user changed the settings of the next run; the state has them already."""
