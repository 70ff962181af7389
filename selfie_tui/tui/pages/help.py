"""The help page of the focused widget: how to read it, and every key that works there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from selfie_tui import text
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import by_scope, sections
from selfie_tui.tui.frame_actions import EVERYWHERE
from selfie_tui.tui.key_words import keys_of
from selfie_tui.tui.pages.help_texts import TEXTS
from selfie_tui.tui.pages.page import PageScreen
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces

KEYS_CELLS = 24


class HelpScreen(PageScreen):
    """Help for a widget that has these scopes."""

    def __init__(self, scopes: Sequence[Scope], keymap: Mapping[str, str]) -> None:
        super().__init__(
            f"Help · {sections()[scopes[0]].heading}", lambda width, look: help_lines(scopes, keymap, width, look)
        )


def help_lines(scopes: Sequence[Scope], keymap: Mapping[str, str], width: int, look: Look) -> list[Pieces]:
    """The keys of the first scope, how to read it, then the keys of the others and of everywhere."""
    own, *others = scopes
    lines = _keys(own, keymap, width)
    for paragraph in TEXTS.get(own) or sections()[own].paragraphs:
        lines += [*flow([Piece(paragraph)], width), ()]
    for scope in (*others, *EVERYWHERE):
        lines += _keys(scope, keymap, width)
    return lines[:-1]


def _keys(scope: Scope, keymap: Mapping[str, str], width: int) -> list[Pieces]:
    actions = by_scope(scope)
    if not actions:
        return []
    lines: list[Pieces] = [(Piece(sections()[scope].heading, "strong"),)]
    for action in actions:
        keys = text.pad("  " + " ".join(keys_of(action, keymap)), KEYS_CELLS)
        help = flow([Piece(action.help)], max(width - KEYS_CELLS, 10))
        lines.append((Piece(keys, "key"), *help[0]))
        lines += [(Piece(" " * KEYS_CELLS), *more) for more in help[1:]]
    return [*lines, ()]
