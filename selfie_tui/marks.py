"""The mark of an interpretation: one character that says what it is worth beside the control."""

from __future__ import annotations

from selfie_tui.records import Interpretation

SAYS_MORE, SAYS_NO_MORE, SAYS_NOTHING = "+", "=", "∅"

MEANINGS = {
    SAYS_MORE: "says more than the control",
    SAYS_NO_MORE: "says no more than the control",
    SAYS_NOTHING: "says nothing",
}
"""What each mark stands for, in words."""


def mark_of(interpretation: Interpretation) -> str:
    """The mark of an interpretation: that it is empty above all, then whether its text is the control's own."""
    if interpretation.is_empty:
        return SAYS_NOTHING
    return SAYS_NO_MORE if interpretation.equals_control else SAYS_MORE
