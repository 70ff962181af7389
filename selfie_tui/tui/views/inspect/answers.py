"""The answers of the plain and of the edited model, token under token, from the first one on that differs marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from selfie_tui import text
from selfie_tui.records import AnswersSoFar
from selfie_tui.tui.render.styles import Look, Piece, Pieces, Role, clipped, padded

LABEL_CELLS = 8
TOKEN_CELLS = 14
"""Cells that a token has at most."""


class Column(NamedTuple):
    """The tokens of one place in both answers, and the cells of the wider one."""

    plain: str
    edited: str
    cells: int


def answer_lines(answers: AnswersSoFar, width: int, look: Look) -> list[Pieces]:
    """Both answers in pairs of lines of a width, the tokens of each pair in columns."""
    first, count = answers.differs_from, max(len(answers.plain), len(answers.edited))
    columns = [_column(answers, number, look) for number in range(count)]
    lines: list[Pieces] = []
    start = 0
    while start < len(columns) or not lines:
        end = _end(columns, start, width - LABEL_CELLS)
        for row, label in enumerate(("plain", "edited")):
            line = [Piece(f"{label if not start else '':<{LABEL_CELLS}}", "dim")]
            for number, column in enumerate(columns[start:end], start):
                line.append(Piece(text.pad(column[:2][row], column.cells), _role(number, first)))
                line.append(Piece(" "))
            lines.append(clipped(line, width))
        start = max(end, start + 1)
    return lines


def _column(answers: AnswersSoFar, number: int, look: Look) -> Column:
    plain, edited = (
        text.clip(look.visible(tokens[number].text), TOKEN_CELLS) if number < len(tokens) else ""
        for tokens in (answers.plain, answers.edited)
    )
    return Column(plain, edited, max(text.width(plain), text.width(edited)))


def _end(columns: Sequence[Column], start: int, width: int) -> int:
    """The first column after those that fit into a line; one at least is before it."""
    end = start
    while end < len(columns) and (columns[end].cells < width or end == start):
        width -= columns[end].cells + 1
        end += 1
    return end


def _role(number: int, first: int | None) -> Role:
    if first is None or number < first:
        return "text"
    return "match" if number == first else "accent"


def answer_line(answers: AnswersSoFar, width: int, look: Look) -> Pieces:
    """Both answers in one line, each in half of it, and from which token on they differ."""
    note = f" {difference(answers)}"
    half = max((width - text.width(note)) // 2, LABEL_CELLS)
    line: list[Piece] = []
    for label, tokens in (("plain", answers.plain), ("edited", answers.edited)):
        words = (
            Piece(f"{look.visible(token.text)} ", _role(number, answers.differs_from))
            for number, token in enumerate(tokens)
        )
        line += padded((Piece(f" {label} ", "dim"), *words), half)
    return clipped((*line, Piece(note, "dim" if answers.differs_from is None else "warn")), width)


def difference(answers: AnswersSoFar) -> str:
    """From which token on two answers differ, counted from 0; "" before there are both."""
    if answers.differs_from is not None:
        return f"differs from token {answers.differs_from}"
    return "no difference" if answers.edited and answers.finished else ""
