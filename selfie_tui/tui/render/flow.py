"""Breaks pieces of styled text into lines, as `text.wrap` does for plain text, keeping each part's piece."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from selfie_tui import text
from selfie_tui.tui.render.styles import Piece, Pieces


class Part(NamedTuple):
    """A part of a piece on a line: which piece it comes from, and its text."""

    source: int
    text: str


def flow(pieces: Sequence[Piece], width: int) -> list[Pieces]:
    """Pieces in lines of at most `width` cells, broken at spaces and after `↵`."""
    lines = flow_parts([piece.text for piece in pieces], width)
    return [joined(Piece(part.text, pieces[part.source].role) for part in line) for line in lines]


def joined(pieces: Iterable[Piece]) -> Pieces:
    """The pieces with neighbours of one role as one."""
    kept: list[Piece] = []
    for piece in pieces:
        if kept and kept[-1].role == piece.role:
            kept[-1] = Piece(kept[-1].text + piece.text, piece.role)
        else:
            kept.append(piece)
    return tuple(kept)


def flow_parts(texts: Sequence[str], width: int) -> list[list[Part]]:
    """Lines of parts of `texts`, which are one running text; at least one line, none wider than `width`."""
    width = max(width, 1)
    lines: list[list[Part]] = [[]]
    used = 0
    for word in _words(texts):
        size = sum(text.width(part.text) for part in word)
        if word[0].text.isspace():
            if 0 < used <= width - size:
                lines[-1] += word
                used += size
            continue
        if used and used + size > width:
            if lines[-1][-1].text.isspace():
                lines[-1].pop()
            lines.append([])
            used = 0
        for part in _fitting(word, width):
            fits = text.width(part.text)
            if used and used + fits > width:
                lines.append([])
                used = 0
            lines[-1].append(part)
            used += fits
        if word[-1].text.endswith("↵"):
            lines.append([])
            used = 0
    if len(lines) > 1 and not lines[-1]:
        lines.pop()
    return lines


def _words(texts: Sequence[str]) -> Iterable[list[Part]]:
    """Runs of spaces and runs of anything else, each with the pieces its parts come from; `↵` ends a run."""
    word: list[Part] = []
    for source, running in enumerate(texts):
        for run in _runs(running):
            if word and (run.isspace() != word[-1].text.isspace() or word[-1].text.endswith("↵")):
                yield word
                word = []
            word.append(Part(source, run))
    if word:
        yield word


def _runs(running: str) -> Iterable[str]:
    start = 0
    for end in range(1, len(running) + 1):
        at_end = end == len(running)
        if at_end or running[end].isspace() != running[end - 1].isspace() or running[end - 1] == "↵":
            yield running[start:end]
            start = end


def _fitting(word: list[Part], width: int) -> Iterable[Part]:
    """The parts of a word, cut where one of them alone is wider than a line."""
    for part in word:
        if text.width(part.text) <= width:
            yield part
        else:
            for piece in text.wrap(part.text, width):
                yield Part(part.source, piece)
