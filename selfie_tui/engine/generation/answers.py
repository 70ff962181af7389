"""Decoded rows as records: the answer, its tokens, and what the injection changed of each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from selfie_tui.engine.generation.decode import Row
from selfie_tui.engine.generation.texts import answer, cut_tokens
from selfie_tui.records import Cell, Control, GeneratedToken, Interpretation, Token, treatment_effect


class ReadCell(NamedTuple):
    """A cell, the source token at it, and the norms of its vector and of its layer (see `cell_states`)."""

    cell: Cell
    token: Token
    norm: float
    layer_norm: float | None
    dtype: str
    """The number format of the model."""

    def unreadable(self) -> Interpretation:
        """The result of a cell whose vector is not finite, which is not decoded."""
        problem = f"the state is not finite in {self.dtype}"
        return Interpretation(self.cell, self.token, "", (), self.norm, layer_norm=self.layer_norm, problem=problem)


@dataclass(frozen=True)
class Answers:
    """Makes records of rows, each cut at the first of the texts `stops`."""

    tokenizer: Any
    stops: tuple[str, ...]

    def text(self, row: Row) -> str:
        """A row's answer."""
        return answer(self.tokenizer, row.ids, self.stops)

    def tokens(self, row: Row, baseline: list[float] | None = None) -> tuple[GeneratedToken, ...]:
        """A row's tokens up to where its answer ends.

        `baseline` is P_none of each token (see `relevancy`); without it, and where it is NaN, a token has no effect.
        """
        pieces = cut_tokens(self.tokenizer, row.ids, self.stops)
        return tuple(
            GeneratedToken(
                text=piece,
                id=row.ids[index],
                probability=row.probabilities[index],
                effect=(
                    None
                    if baseline is None or math.isnan(baseline[index])
                    else row.probabilities[index] - baseline[index]
                ),
            )
            for index, piece in enumerate(pieces)
        )

    def control(self, kind: Literal["none", "random"], row: Row, cell: Cell | None = None) -> Control:
        """A row as a control; `cell` is the one whose norm a random direction has."""
        return Control(kind=kind, text=self.text(row), tokens=self.tokens(row), cell=cell)

    def interpretation(
        self,
        read: ReadCell,
        row: Row,
        control: Control | None,
        baseline: list[float] | None = None,
        random: Control | None = None,
        floor: float = 0.0,
    ) -> Interpretation:
        """A row as the interpretation of a cell.

        `control` is the run's, None where it is unknown; `floor` is that of relevancy (see `noise`).
        """
        tokens = self.tokens(row, baseline)
        text = self.text(row)
        return Interpretation(
            cell=read.cell,
            token=read.token,
            text=text,
            tokens=tokens,
            norm=read.norm,
            treatment_effect=treatment_effect(tokens),
            equals_control=control is not None and text == control.text,
            random=random,
            layer_norm=read.layer_norm,
            relevancy_floor=floor,
            lead=row.lead,
            problem=f"the logits are not finite in {read.dtype}" if row.overflowed else "",
        )
