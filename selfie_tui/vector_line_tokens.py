"""The pieces of a line over vectors: numbers, names and texts with the layer or index behind them, functions, signs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from selfie_tui.errors import RequestError

FUNCTIONS: dict[str, tuple[int, int | None]] = {
    "mean": (1, None),
    "sum": (1, None),
    "unit": (1, 1),
    "project": (2, 2),
    "without": (2, 2),
}
"""The functions, with how many vectors they take at least and at most."""

SIGNS = {"−": "-", "–": "-", "×": "*", "·": "*", "÷": "/"}
"""Signs that mean the same as those of the keyboard."""

NUMBER = re.compile(r"\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?")
WORD = re.compile(r"[^\W\d]\w*(?:\.\w+)*")
QUOTED = re.compile(r'"([^"]*)"')
TEXT = re.compile(r"'([^']*)'")
LAYER = re.compile(r"@(?:L?(\d+)|embed\b)")
INDEX = re.compile(r"\[\s*(\d+)\s*\]")
ENDS = re.compile(r"[\w]")
"""What a name that ends here may not go on with."""

HOW = "Write names, numbers, + - * / and parentheses, such as king - man + woman."


class LineError(RequestError):
    """A line that cannot be read; `at` is the index of the character where it fails."""

    def __init__(self, cause: str, remedy: str, at: int) -> None:
        super().__init__(cause, remedy)
        self.at = at


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a line: a number, a name, a text, a word that is a function's, a sign, or the end."""

    kind: Literal["number", "name", "text", "function", "sign", "end"]
    text: str
    at: int
    layer: int | None = None
    index: int | None = None


def tokens_of(line: str, names: Iterable[str]) -> list[Token]:
    """The pieces of a line, the end among them; raises LineError."""
    known = sorted(filter(None, names), key=len, reverse=True)
    found: list[Token] = []
    at = 0
    while at < len(line):
        if line[at].isspace():
            at += 1
            continue
        token, at = next_token(line, at, known)
        found.append(token)
    return [*found, Token("end", "", len(line))]


def next_token(line: str, at: int, known: Sequence[str]) -> tuple[Token, int]:
    """The piece that begins at an index, and the index behind it; raises LineError."""
    name, end = known_name(line, at, known)
    if name is None and (quoted := QUOTED.match(line, at)):
        name, end = quoted[1], quoted.end()
    if name is None and (text := TEXT.match(line, at)):
        return text_token(line, text[1], at, text.end())
    if name is None and (number := NUMBER.match(line, at)):
        return Token("number", number[0], at), number.end()
    if name is None and (word := WORD.match(line, at)):
        name, end = word[0], word.end()
        if name in FUNCTIONS and line[end:].lstrip().startswith("("):
            return Token("function", name, at), end
    if name is not None:
        layer, index, end = selected(line, end)
        return Token("name", name, at, layer, index), end
    sign = SIGNS.get(line[at], line[at])
    if sign in "+-*/(),":
        return Token("sign", sign, at), at + 1
    if sign == "'":
        raise LineError("An apostrophe is not closed.", "Write the text in a pair of them: 'The king'@4.", at)
    if sign == '"':
        raise LineError("A quotation mark is not closed.", 'Write the name in a pair of them: "of city".', at)
    raise LineError(f"“{sign}” at character {at + 1} is not part of a line.", HOW, at)


def text_token(line: str, text: str, at: int, end: int) -> tuple[Token, int]:
    """A text with its layer and, where it is written, its token, and the index behind them; raises LineError."""
    layer, index, end = selected(line, end)
    if not text.strip():
        raise LineError("There is no text between the apostrophes.", "Write one: 'The king'@4.", at)
    if layer is None:
        raise LineError(f"No layer stands behind '{text}'.", f"Write the one to read it at: '{text}'@4.", at)
    return Token("text", text, at, layer, index), end


def known_name(line: str, at: int, known: Sequence[str]) -> tuple[str | None, int]:
    """The longest of the names that are known which begins at an index, and the index behind it."""
    for name in known:
        end = at + len(name)
        if line.startswith(name, at) and not ENDS.match(line, end):
            is_call = name in FUNCTIONS and line[end:].lstrip().startswith("(")
            if not is_call:
                return name, end
    return None, at


def selected(line: str, at: int) -> tuple[int | None, int | None, int]:
    """The layer and the index that stand behind a name, and the index behind them."""
    layer = index = None
    if found := LAYER.match(line, at):
        layer, at = (-1 if found[1] is None else int(found[1])), found.end()
    if found := INDEX.match(line, at):
        index, at = int(found[1]), found.end()
    return layer, index, at
