"""What the lens tells of one prompt, with what it was read by."""

from __future__ import annotations

from selfie_tui.records.base import Record
from selfie_tui.records.data import LensRow, LensToken, ModelInfo, Token, TrackedToken


class Lens(Record, kw_only=True, frozen=True):
    """The lens of a prompt: a row for each of its cells, position by position, and within one layer by layer.

    `tokens` are those that were read, and `answers` the model's own next token at each. `track` is the word that was
    looked up in every cell, and `tracked` the token that it stands for; `tuned` is the folder of the tuned lens, "" for
    the model's own norm and head.
    """

    prompt: str
    tokens: tuple[Token, ...]
    rows: tuple[LensRow, ...]
    answers: tuple[LensToken, ...]
    stack: str = ""
    track: str = ""
    tracked: TrackedToken | None = None
    tuned: str = ""
    info: ModelInfo | None = None
    """What the model said of itself."""

    def layers(self) -> tuple[int, ...]:
        """The layers that were read, in their order."""
        return tuple(dict.fromkeys(row.cell.layer for row in self.rows))

    def row(self, layer: int, position: int) -> LensRow | None:
        """The row of a cell, None where it was not read."""
        return next((row for row in self.rows if (row.cell.layer, row.cell.position) == (layer, position)), None)
