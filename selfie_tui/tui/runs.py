"""A run as the interface knows it: a request, and its interpretations as they come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from selfie_tui.records import Cell, Control, GeneratedToken, Interpretation, ModelInfo, Request, Token, layer_name
from selfie_tui.results.entries import RunBegan
from selfie_tui.tui.render.styles import Look

State = Literal["waiting", "running", "finished", "cancelled", "failed", "unfinished"]

CONTROL = -1
"""The index of the no-injection control among a run's interpretations, as in `records.PartialTexts`."""


@dataclass
class Run:
    """A request and what has come of it; `number` is its job's."""

    number: int
    model: str
    request: Request
    sources: Mapping[int, Token]
    state: State = "waiting"
    note: str = ""
    seconds: float = 0.0
    control: Control | None = None
    growing: dict[int, str] = field(default_factory=dict)
    interpretations: dict[int, Interpretation] = field(default_factory=dict)
    info: ModelInfo | None = None
    began: RunBegan | None = None
    """How a run began that was read back from a session."""
    origin: str = ""
    """When a run was made that was read back from a session: `from 24 Nov 11:34`."""
    gone_on: bool = False
    """Whether another run has gone on with this one, which stopped."""

    def cell(self, index: int) -> Cell:
        """The cell of an interpretation."""
        return self.request.cells[index]

    def label(self, index: int, look: Look, *, close: bool = False) -> str:
        """`L5 · 8 of`: the cell of an interpretation, or `L5·8 of` when `close`; `control` for the control."""
        if index == CONTROL:
            return "control"
        cell = self.cell(index)
        dot = "·" if close else " · "
        return f"{layer_name(cell.layer)}{dot}{cell.position} {self.token_text(cell.position, look)}".rstrip()

    def token_text(self, position: int, look: Look) -> str:
        """The source token at a position as a label shows it; "" where it is not known."""
        token = self.sources.get(position)
        return look.prose(token.text).strip() or look.visible(token.text) if token else ""

    def text(self, index: int) -> str:
        """The text of an interpretation so far, or of the control; unsafe to print as is."""
        if index == CONTROL:
            return self.control.text if self.control else self.growing.get(index, "")
        interpretation = self.interpretations.get(index)
        return interpretation.text if interpretation else self.growing.get(index, "")

    def tokens(self, index: int) -> tuple[GeneratedToken, ...]:
        """The generated tokens of a finished interpretation or control; none while it grows."""
        if index == CONTROL:
            return self.control.tokens if self.control else ()
        return self.interpretations[index].tokens if index in self.interpretations else ()

    def finished(self, index: int) -> bool:
        """Whether an interpretation will not change any more."""
        return self.control is not None if index == CONTROL else index in self.interpretations

    def finish(self, index: int, interpretation: Interpretation) -> None:
        """Take a finished interpretation; its token is a source, where that was not known."""
        self.interpretations[index] = interpretation
        if interpretation.token.position not in self.sources:
            self.sources = {**self.sources, interpretation.token.position: interpretation.token}

    def description(self, *, timed: bool = True) -> str:
        """How the run stands, in a few words, with its time if it is `timed`; of one that was read back, from when."""
        done, all = len(self.interpretations), len(self.request.cells)
        if self.origin:
            ending = [self.state] if self.state != "finished" else []
            return " · ".join([*ending, f"{done} of {all}" if ending else f"{all} {_readings(all)}", self.origin])
        if self.state == "finished":
            return f"{all} {_readings(all)}" + (f" · {self.seconds:.1f} s" if timed else "")
        if self.state == "running":
            return f"{done} of {all}"
        return {"waiting": "waiting", "cancelled": f"cancelled · {done} of {all}", "failed": "failed"}[self.state]


def _readings(count: int) -> str:
    return "reading" if count == 1 else "readings"


def sources_of(interpretations: Mapping[int, Interpretation]) -> dict[int, Token]:
    """The tokens that interpretations are of, by their position."""
    return {found.token.position: found.token for found in interpretations.values()}
