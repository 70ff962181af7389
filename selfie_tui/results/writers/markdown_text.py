"""Text that Markdown shows as it is."""

from __future__ import annotations

import re

from selfie_tui.text import prose

_SPECIAL = re.compile(r"[\\`*_{}\[\]<>#|!~&$]")


def plain(text: str) -> str:
    """Running text on one line that Markdown shows as it is."""
    return escaped(prose(text))


def escaped(text: str) -> str:
    """A text with a backslash before each character that Markdown would take for its own."""
    return _SPECIAL.sub(lambda found: "\\" + found[0], text)
