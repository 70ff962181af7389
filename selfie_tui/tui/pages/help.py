"""The help page of what has the focus: how it is read, and every key that works there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from selfie_tui import text
from selfie_tui.tui.actions import SCOPES, Scope, by_scope, keys_of
from selfie_tui.tui.pages.help_texts import TEXTS
from selfie_tui.tui.pages.page import PageScreen
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces

KEYS_CELLS = 24


class HelpScreen(PageScreen):
    """Help for a widget that has these scopes."""

    def __init__(self, scopes: Sequence[Scope], keymap: Mapping[str, str]) -> None:
        super().__init__(f"Help · {SCOPES[scopes[0]]}", lambda room, look: help_lines(scopes, keymap, room, look))


def help_lines(scopes: Sequence[Scope], keymap: Mapping[str, str], room: int, look: Look) -> list[Pieces]:
    """The keys of the first scope, how it is read, then the keys of the others and of everywhere."""
    own, *others = scopes
    lines = _keys(own, keymap, room)
    for paragraph in TEXTS.get(own, ()):
        lines += [*flow([Piece(paragraph)], room), ()]
    for scope in (*others, "main", "app"):
        lines += _keys(scope, keymap, room)
    return lines[:-1]


def _keys(scope: Scope, keymap: Mapping[str, str], room: int) -> list[Pieces]:
    lines: list[Pieces] = [(Piece(SCOPES[scope], "strong"),)]
    for action in by_scope(scope):
        keys = text.pad("  " + " ".join(keys_of(action, keymap)), KEYS_CELLS)
        told = flow([Piece(action.help)], max(room - KEYS_CELLS, 10))
        lines.append((Piece(keys, "key"), *told[0]))
        lines += [(Piece(" " * KEYS_CELLS), *more) for more in told[1:]]
    return [*lines, ()]
