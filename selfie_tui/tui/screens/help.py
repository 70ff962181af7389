"""The help page of what has the focus: how it is read, and every key that works there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from selfie_tui import text
from selfie_tui.tui.actions import SCOPES, Scope, by_scope, keys_of
from selfie_tui.tui.flow import flow
from selfie_tui.tui.helptexts import TEXTS
from selfie_tui.tui.look import Look, Piece, Pieces
from selfie_tui.tui.screens.page import PageScreen

KEYS_CELLS = 16


class HelpScreen(PageScreen):
    """Help for a widget that has these scopes."""

    def __init__(self, scopes: Sequence[Scope], keymap: Mapping[str, str]) -> None:
        super().__init__(f"Help · {SCOPES[scopes[0]]}", lambda room, look: help_lines(scopes, keymap, room, look))


def help_lines(scopes: Sequence[Scope], keymap: Mapping[str, str], room: int, look: Look) -> list[Pieces]:
    """Paragraphs for the first scope, then the keys of all, then those of everywhere."""
    lines: list[Pieces] = []
    for paragraph in TEXTS.get(scopes[0], ()):
        lines += [*flow([Piece(look.prose(paragraph) if not look.ascii else _plain(paragraph))], room), ()]
    for scope in (*scopes, "main", "app"):
        lines.append((Piece(SCOPES[scope], "strong"),))
        for action in by_scope(scope):
            keys = text.pad("  " + " ".join(keys_of(action, keymap)), KEYS_CELLS)
            told = flow([Piece(action.help)], max(room - KEYS_CELLS, 10))
            lines.append((Piece(keys, "key"), *told[0]))
            lines += [(Piece(" " * KEYS_CELLS), *more) for more in told[1:]]
        lines.append(())
    return lines[:-1]


def _plain(paragraph: str) -> str:
    """Our own text in ASCII; its bars become the digits that stand for them."""
    return paragraph.translate(
        {ord("“"): '"', ord("”"): '"', ord("−"): "-", ord("▁"): "1", ord("█"): "8", ord("●"): "*"}
    )
