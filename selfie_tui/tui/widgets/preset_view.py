"""The interpretation prompt with the tokens that the injection overwrites; a long one is shown around these."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, chain, groupby

from textual import events

from selfie_tui import text
from selfie_tui.presets import PRESETS
from selfie_tui.records import Preset, PresetTokens, PromptToken
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces, Role, cells
from selfie_tui.tui.widgets.lines import Lines

MOST = 4
"""Lines of the prompt on a high screen; half of that on a low one."""

CUT = "…"
"""Stands where text is cut off."""


def slot_pieces(tokens: Sequence[PromptToken], look: Look) -> list[Piece]:
    """An interpretation prompt as running text in which every token that will be overwritten stands in brackets.

    A bar stands where text was tokenised apart, and a chat template's own system text is dim. The masks that an encoder
    will fill in stand out, those of a row as one: `[MASK]×12`.
    """
    pieces: list[Piece] = []
    for filled, grouped in groupby(_without_spaces(tokens), lambda token: token.filled):
        row = list(grouped)
        pieces += _masks(row, look) if filled else chain.from_iterable(_slot(token, look) for token in row)
    return pieces


def _without_spaces(tokens: Sequence[PromptToken]) -> list[PromptToken]:
    """The tokens less those that are nothing but the space before a mask."""
    after = [*tokens[1:], None]
    return [
        token
        for token, next in zip(tokens, after, strict=True)
        if token.overwritten or token.token.text.strip() or next is None or not next.filled
    ]


def _slot(token: PromptToken, look: Look) -> list[Piece]:
    shown = look.prose(token.token.text)
    apart = [Piece("|", "dim")] if token.cut else []
    if not token.overwritten:
        return [*apart, Piece(shown, "dim" if token.system else "text")]
    lead = " " if shown.startswith(" ") else ""
    return [*apart, Piece(lead), Piece(f"[{shown.strip() or look.visible(token.token.text)}]", "slot")]


def _masks(row: list[PromptToken], look: Look) -> list[Piece]:
    many = f"×{len(row)}" if len(row) > 1 else ""
    return [Piece(" "), Piece(look.prose(row[0].token.text).strip() + many, "accent")]


class PresetView(Lines):
    """The interpretation prompt with its overwritten tokens marked, or why it cannot be used."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.shown: PresetTokens | None = None
        self.preset: Preset = PRESETS[0]
        self._lines: list[Pieces] = []

    def show_preset(self, preset: Preset) -> None:
        """Show a preset's text until its tokens are known."""
        self.preset = preset
        self._lay_out()

    def show_tokens(self, tokens: PresetTokens) -> None:
        """Show the tokens of the preset, if it is still the one that is chosen."""
        if tokens.preset == self.preset:
            self.shown = tokens
            self._lay_out()

    @property
    def problem(self) -> str:
        """Why the preset cannot be used, as far as is known."""
        return self.shown.problem if self.shown is not None and self.shown.preset == self.preset else ""

    def count(self) -> int:
        return len(self._lines)

    def pieces(self, index: int) -> Pieces:
        line, width = self._lines[index], max(self.size.width - 2, 1)
        if index == self.top > 0:
            line = _cut_before(line)
        if index == self.top + self.size.height - 1 < self.count() - 1:
            line = _cut_after(line, width)
        return (Piece(" "), *line)

    def _lay_out(self) -> None:
        width = max(self.size.width - 2, 1)
        if self.problem:
            words = [Piece("cannot be used: ", "bad"), Piece(self.look.prose(self.problem), "bad")]
        elif self.shown is not None and self.shown.preset == self.preset:
            words = slot_pieces(self.shown.tokens, self.look)
        else:
            words = [Piece(self.look.prose(self.preset.text), "dim")]
        self._lines = flow(words, width)
        self.fit(MOST)
        height = max(self.size.height, 1)
        if height == 1:
            self._lines = [around(words, width)]
        self.refresh()
        self.settle()
        self._set_top(middle_of([line for line, pieces in enumerate(self._lines) if _in_sight(pieces)]) - height // 2)

    def _on_resize(self, event: events.Resize) -> None:
        self._lay_out()


IN_SIGHT: tuple[Role, ...] = ("slot", "accent")
"""Roles of what the prompt is shown around: overwritten tokens, and the masks that an encoder fills in."""


def _in_sight(pieces: Sequence[Piece]) -> bool:
    return any(piece.role in IN_SIGHT for piece in pieces)


def middle_of(numbers: Sequence[int]) -> int:
    """The number half way between the first and the last; 0 where there are none."""
    return (numbers[0] + numbers[-1] + 1) // 2 if numbers else 0


def around(pieces: Sequence[Piece], width: int) -> Pieces:
    """At most `width` cells of running text around what is to be in sight, `…` where something is cut off."""
    if cells(pieces) <= width:
        return tuple(pieces)
    columns = [0, *accumulate(text.width(piece.text) for piece in pieces)]
    sights = [number for number, piece in enumerate(pieces) if piece.role in IN_SIGHT]
    middle = middle_of([columns[sights[0]], columns[sights[-1] + 1]]) if sights else 0
    first = max(0, min(middle - width // 2, columns[-1] - width))
    line: Pieces = tuple(_from(pieces, first))
    if columns[-1] - first > width:
        line = _cut_after(line, width)
    return _cut_before(line) if first else line


def _from(pieces: Sequence[Piece], column: int) -> list[Piece]:
    """The pieces from a column on; a wide character across it is left out."""
    kept: list[Piece] = []
    for piece in pieces:
        width = text.width(piece.text)
        if column >= width:
            column -= width
            continue
        written = piece.text
        while column > 0:
            column -= text.width(written[0])
            written = written[1:]
        kept.append(Piece(written, piece.role))
    return kept


def _cut_before(line: Sequence[Piece]) -> Pieces:
    """The line with its first character replaced by `…`."""
    return (Piece(CUT, "dim"), *_from(line, 1))


def _cut_after(line: Sequence[Piece], width: int) -> Pieces:
    """As much of the beginning as fits into `width` cells with `…` after it."""
    kept: list[Piece] = []
    left = width - 1
    for piece in line:
        kept.append(Piece(text.clip(piece.text, left, ""), piece.role))
        left -= text.width(piece.text)
        if left <= 0:
            break
    return (*kept, Piece(CUT, "dim"))
