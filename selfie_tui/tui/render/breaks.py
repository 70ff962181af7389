"""Where an edited text is broken into lines; after an edit only the lines that it changes are broken again."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable


class Breaks:
    """Where the lines of a text begin that is drawn character by character.

    A line is broken after a line break, else after the last space that fits, else where it is full. `cells` gives the
    width of a character.
    """

    def __init__(self, cells: Callable[[str], int]) -> None:
        self._cells = cells
        self.text = ""
        self.width = 0
        self.starts: list[int] = [0]

    def update(self, text: str, width: int) -> None:
        """Break another text, or the same at another width."""
        if width != self.width:
            self.text, self.width, self.starts = "", width, [0]
        if text != self.text:
            self._break(text, _common_start(self.text, text))
            self.text = text

    def line_of(self, position: int) -> int:
        """The line of a character."""
        return bisect_right(self.starts, position) - 1

    def end_of(self, line: int) -> int:
        """The position after the last character of a line."""
        return self.starts[line + 1] if line + 1 < len(self.starts) else len(self.text)

    def _break(self, text: str, same: int) -> None:
        """Break from two lines before the first change on, until lines begin again where they did."""
        before, grown = self.starts, len(text) - len(self.text)
        same_end = len(text) - _common_end(self.text, text, same)
        kept = max(self.line_of(same) - 2, 0)  # a word that did not fit may end two lines on
        starts = before[: kept + 1]
        while (end := self._end(text, starts[-1])) is not None:
            old = bisect_left(before, end - grown)
            if end > same_end and old < len(before) and before[old] == end - grown:
                starts += [start + grown for start in before[old:]]
                break
            starts.append(end)
        self.starts = starts

    def _end(self, text: str, start: int) -> int | None:
        """Where the line after the one from `start` begins; None where that is the last one."""
        left, after_space = self.width, 0
        for position in range(start, len(text)):
            character = text[position]
            left -= self._cells(character)
            if left < 0 and position > start:
                return after_space or position
            if character == "\n":
                return position + 1
            if character == " ":
                after_space = position + 1
        return None


def _common_start(one: str, other: str) -> int:
    """How many characters two texts have in common from the start."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _common_end(one: str, other: str, start: int) -> int:
    """How many characters after `start` two texts have in common at the end."""
    low, high = 0, min(len(one), len(other)) - start
    while low < high:
        middle = (low + high + 1) // 2
        if one[len(one) - middle : len(one) - low] == other[len(other) - middle : len(other) - low]:
            low = middle
        else:
            high = middle - 1
    return low
