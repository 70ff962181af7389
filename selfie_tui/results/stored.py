"""A run as it lies in a session file: what a list shows of it, and where its lines are.

Everything here is known without decoding a result, except for the texts, which are kept folded for searching.
"""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import Literal

import msgspec

from selfie_tui.results.entries import RunBegan
from selfie_tui.results.run_kinds import kind_of
from selfie_tui.results.run_kinds.kind import RunKind

StoredEnding = Literal["", "finished", "cancelled", "failed", "killed", "running"]
"""How a run ended: `killed` where nothing says so, `running` where the program that writes it still does."""


class StoredRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run in a session file.

    `began` is its beginning without the request's cells; there are to be `cells` results, at so many `layers` and
    `positions`, 0 where that is not known yet. `problem` is the cause of one that failed.

    `start` and `end` are the offsets of the lines that begin and end it, -1 for none, `about` those of the results that
    belong to the whole run, by their index. `indices` are those of the finished cells in the order of their lines, at
    the offsets `result_offsets`, and `folded` their texts, one a line, as `fold` writes them.
    """

    path: Path
    began: RunBegan
    cells: int
    layers: int
    positions: int
    start: int
    end: int = -1
    ending: StoredEnding = ""
    problem: str = ""
    about: dict[int, int] = {}
    index_bytes: bytes = b""
    offset_bytes: bytes = b""
    folded: str = ""

    @property
    def number(self) -> int:
        """The run's number in its session."""
        return self.began.run

    @property
    def id(self) -> str:
        """What names the run among all sessions."""
        return run_id(self.path, self.number)

    @property
    def done(self) -> int:
        """The number of finished cells."""
        return len(self.index_bytes) // array("i").itemsize

    @property
    def is_partial(self) -> bool:
        """Whether the run stopped before all of its cells were done, so that it can be resumed."""
        return self.ending not in ("finished", "running") and (self.done < self.cells or not self.cells)

    @property
    def kind(self) -> RunKind:
        """What kind of run it is."""
        return kind_of(self.began.task)

    @property
    def prompt(self) -> str:
        """The text that was read."""
        return self.kind.prompt(self.began.task)

    @property
    def indices(self) -> array[int]:
        """The indices in the request of the finished cells, in the order of their lines."""
        return array("i", self.index_bytes)

    @property
    def result_offsets(self) -> array[int]:
        """The offsets of the lines of the finished cells, in their order."""
        return array("q", self.offset_bytes)


def run_id(path: Path, number: int) -> str:
    """The name of a run among all sessions: its file's, and its number there."""
    return f"{path.stem}:{number}"


def fold(text: str) -> str:
    """A text as it is searched: without case, on one line."""
    return text.casefold().replace("\n", " ")
