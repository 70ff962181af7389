"""The words of a text: each with a bar beside it where the injection brought it, and matches of a search marked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from selfie_tui import text
from selfie_tui.glyphs import bar
from selfie_tui.tui.render.flow import joined
from selfie_tui.tui.render.styles import Piece, Pieces, Role, cells, heat

WORD = re.compile(r"↵|[^\s↵]+|\s+")

Span = tuple[int, int]
"""Where something begins and ends in a text."""


def folded(shown: str) -> str:
    """The text in lower case, character by character, so that offsets in it are offsets in the text."""
    if shown.isascii():
        return shown.lower()
    return "".join(lower if len(lower := character.lower()) == 1 else character for character in shown)


def spans_of(query: str, shown: str) -> list[Span]:
    """Where `query`, which is `folded`, occurs in a text; none for ""."""
    found: list[Span] = []
    whole = folded(shown)
    start = whole.find(query) if query else -1
    while start >= 0:
        found.append((start, start + len(query)))
        start = whole.find(query, start + len(query))
    return found


def words(texts: Sequence[str], relevancies: Sequence[float], query: str, floor: float, role: Role) -> list[Piece]:
    """The pieces of a text of tokens, `texts`: words with a bar behind those whose relevancy is above `floor`.

    A word is as warm as the warmest of its tokens; one that is not above the floor is drawn in `role`. There are as
    many `relevancies` as tokens, or none. What matches `query` is marked.
    """
    shown = "".join(texts)
    spans = spans_of(query, shown)
    values = _by_character(texts, relevancies)
    pieces: list[Piece] = []
    for word in WORD.finditer(shown):
        value = max(values[word.start() : word.end()], default=0.0) if word[0].strip(" ↵") else 0.0
        warm = value > floor
        pieces += _marked(word[0], word.start(), spans, heat(value) if warm else role)
        if warm:
            pieces.append(Piece(bar(value), heat(value)))
    return list(joined(piece for piece in pieces if piece.text))


def _by_character(texts: Sequence[str], relevancies: Sequence[float]) -> list[float]:
    """For every character the relevancy of its token, 0 for what is not a number."""
    if not relevancies:
        return []
    known = (value if value == value else 0.0 for value in relevancies)
    return [value for written, value in zip(texts, known, strict=True) for _ in written]


def _marked(word: str, start: int, spans: Sequence[Span], role: Role) -> Iterator[Piece]:
    """The pieces of a word that begins at `start` of its text: what is in one of the spans, and what is not."""
    at = 0
    for first, last in spans:
        begin, end = max(first - start, 0), min(last - start, len(word))
        if begin < end:
            yield from (Piece(word[at:begin], role), Piece(word[begin:end], "match"))
            at = end
    yield Piece(word[at:], role)


def cut(pieces: Sequence[Piece], width: int) -> Pieces:
    """The pieces if they fit a line of `width` cells; else as many as fit around the first match, `…` for the rest."""
    if cells(pieces) <= width:
        return tuple(pieces)
    hidden = _before_match(pieces, width)
    head: Pieces = (Piece("…", "dim"),) if hidden else ()
    return (*head, *_beginning(_without(pieces, hidden), width - cells(head) - 1), Piece("…", "dim"))


def _beginning(pieces: Iterable[Piece], width: int) -> Iterator[Piece]:
    """As much of the pieces as fits, the last one cut without a sign of it."""
    for piece in pieces:
        size = text.width(piece.text)
        if size > width:
            yield Piece(text.clip(piece.text, width, ""), piece.role)
            return
        yield piece
        width -= size


def _before_match(pieces: Sequence[Piece], width: int) -> int:
    """How many characters are left out at the beginning to have the first match in sight."""
    before = characters = 0
    for piece in pieces:
        if piece.role == "match":
            over = before + text.width(piece.text) + 2 - width
            return max(characters - max(width // 3, 1), 0) if over > 0 else 0
        before += text.width(piece.text)
        characters += len(piece.text)
    return 0


def _without(pieces: Sequence[Piece], hidden: int) -> Iterator[Piece]:
    """The pieces without their first `hidden` characters."""
    for piece in pieces:
        yield Piece(piece.text[hidden:], piece.role)
        hidden = max(hidden - len(piece.text), 0)
