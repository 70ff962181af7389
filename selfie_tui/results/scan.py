"""Finds the runs in a session file by looking at its lines, without decoding a result wholly; goes on where it ended.

A file is read in pieces, so that one of any size takes little memory. Lines that are not entries are counted, and do
not keep the others from being read; a last line without its end may still be in writing, and waits.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec

from selfie_tui.ascii_json import decode_json
from selfie_tui.records import CONTROL, END, ComparisonParts, Interpret
from selfie_tui.results.entries import RunBegan, decode
from selfie_tui.results.run_kinds import kind_of
from selfie_tui.results.stored import StoredRun, fold

PIECE = 1 << 20
"""Bytes that are read at a time."""


LARGEST = 2**31 - 1
"""The largest number of a run or an index; what is larger is no number of ours."""

Number = Annotated[int, msgspec.Meta(ge=END, le=LARGEST)]


class _Text(msgspec.Struct, gc=False):
    text: str = ""


class _Answer(msgspec.Struct, gc=False):
    tokens: tuple[_Text, ...] = ()


class _State(msgspec.Struct, gc=False):
    interpretations: tuple[_Text, ...] = ()
    answers: tuple[_Answer, ...] = ()


class _Site(msgspec.Struct, gc=False):
    layer: int = 0
    positions: tuple[int, ...] = ()


class _Value(msgspec.Struct, gc=False):
    """As much of a result as a list of runs needs: its words, the sites of a patching, the parts of a comparison."""

    text: str = ""
    top: tuple[_Text, ...] = ()
    other_top: tuple[_Text, ...] = ()
    plain: tuple[_Text, ...] = ()
    steered: tuple[_Answer, ...] = ()
    after: _State | None = None
    sites: tuple[tuple[_Site, ...], ...] | int = ()
    parts: ComparisonParts | None = None

    @property
    def said(self) -> str:
        """The words of the result, as `said` of `run_kinds` has them."""
        if self.top:
            return " ".join(token.text.strip() for token in (*self.top, *self.other_top))
        if self.after is not None:
            texts = [each.text for each in self.after.interpretations]
            return " ".join([*texts, *("".join(token.text for token in each.tokens) for each in self.after.answers)])
        if self.plain or self.steered:
            answers = [self.plain, *(answer.tokens for answer in self.steered)]
            return " ".join("".join(token.text for token in tokens) for tokens in answers)
        return self.text


class _Line(msgspec.Struct, gc=False):
    """As much of any line, of this version or an older one, as a list of runs needs."""

    type: str
    run: Number
    index: Number = CONTROL
    value: _Value | None = None
    interpretation: _Text | None = None
    ending: str = ""
    problem: str = ""

    @property
    def text(self) -> str:
        if self.value is not None:
            return self.value.said
        return self.interpretation.text if self.interpretation else ""


@dataclass
class Scan:
    """The runs found in the first `scanned` bytes of a file, by their number, and how many lines are not entries."""

    path: Path
    runs: dict[int, StoredRun] = field(default_factory=dict)
    scanned: int = 0
    unreadable: int = 0

    def go_on(self) -> None:
        """Read what has been appended.

        Raises:
            OSError: the file cannot be read.
        """
        growing: dict[int, _Growing] = {}
        for offset, line in lines_from(self.path, self.scanned):
            self.scanned = offset + len(line) + 1
            if line.strip():
                self._add(growing, offset, line)
        self.runs.update({number: run.stored() for number, run in growing.items()})

    def _add(self, growing: dict[int, _Growing], offset: int, line: bytes) -> None:
        try:
            head = decode_json(line, _Line)
            if head.type == "RunBegan":
                growing[head.run] = _Growing(begun(self.path, offset, line))
                return
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.unreadable += 1
            return
        if head.run not in growing and head.run in self.runs:
            growing[head.run] = _Growing(self.runs[head.run])
        if head.run in growing:
            growing[head.run].add(offset, head)


class _Growing:
    """A run to which lines are added."""

    def __init__(self, run: StoredRun) -> None:
        self.run = run
        texts = run.folded.split("\n") if run.done else []
        self.results = dict(zip(run.indices, zip(run.result_offsets, texts, strict=True), strict=True))

    def add(self, offset: int, line: _Line) -> None:
        """Take up a line other than the first."""
        if line.type == "RunEnded":
            self.run = msgspec.structs.replace(self.run, end=offset, ending=line.ending, problem=line.problem)
        elif line.index < 0:
            self.run = msgspec.structs.replace(self.run, about={**self.run.about, line.index: offset})
            if line.value is not None and not isinstance(line.value.sites, int) and line.value.sites:
                self.take_sites(line.value.sites)
            elif line.value is not None and line.value.parts is not None:
                parts = line.value.parts
                self.run = msgspec.structs.replace(
                    self.run, cells=parts.count, layers=parts.layers, positions=parts.positions
                )
        elif line.index < self.run.cells:
            self.results[line.index] = offset, fold(line.text)

    def take_sites(self, sites: tuple[tuple[_Site, ...], ...]) -> None:
        """Take up what is to be patched: each of `sites` has a result."""
        every = [site for several in sites for site in several]
        self.run = msgspec.structs.replace(
            self.run,
            cells=len(sites),
            layers=len({site.layer for site in every}),
            positions=len({position for site in every for position in site.positions}),
        )

    def stored(self) -> StoredRun:
        """The run with all lines so far."""
        return msgspec.structs.replace(
            self.run,
            index_bytes=array("i", self.results).tobytes(),
            offset_bytes=array("q", [offset for offset, _ in self.results.values()]).tobytes(),
            folded="\n".join(text for _, text in self.results.values()),
        )


def begun(path: Path, offset: int, line: bytes) -> StoredRun:
    """A run of which the first line is known.

    Raises:
        msgspec.DecodeError: for a line that does not begin a run.
    """
    began = decode(line)
    if not isinstance(began, RunBegan):
        raise msgspec.DecodeError("not the beginning of a run")
    cells = began.request.cells if isinstance(began.task, Interpret) else ()
    kind = kind_of(began.task)
    return StoredRun(
        path=path,
        began=msgspec.structs.replace(began, task=kind.shortened(began.task)),
        cells=kind.results(began.task),
        layers=len({cell.layer for cell in cells}),
        positions=len({cell.position for cell in cells}),
        start=offset,
    )


def lines_from(path: Path, offset: int) -> Iterator[tuple[int, bytes]]:
    """The whole lines of a file from an offset on, without their ends, each with its own offset."""
    with path.open("rb") as file:
        file.seek(offset)
        rest = b""
        while piece := file.read(PIECE):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                yield offset, line
                offset += len(line) + 1
