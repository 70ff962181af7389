"""Decoded rows as records: the answer, its tokens, and what the injection changed of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from selfie_tui.engine.generation.decode import Row
from selfie_tui.engine.generation.texts import answer, cut_tokens
from selfie_tui.measures import most_agreed
from selfie_tui.records import Cell, Control, GeneratedToken, Interpretation, LensToken, Token, treatment_effect


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


class Beside(NamedTuple):
    """What is known beside the samples of a cell; None where it is unknown or was not asked for.

    `control` is the run's; `baseline` is P_none of each token of the sample that most agree with (see `relevancy`) and
    `floor` its noise (see `noise`); `lens` and `bare` are the baselines of `baselines`.
    """

    control: Control | None = None
    baseline: list[float] | None = None
    random: Control | None = None
    floor: float = 0.0
    lens: LensToken | None = None
    bare: str | None = None


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

    def most_agreed(self, samples: Sequence[Row]) -> Row:
        """The row whose text most of the samples agree with (see `measures`)."""
        return samples[most_agreed(tuple(map(self.text, samples)))] if len(samples) > 1 else samples[0]

    def interpretation(self, read: ReadCell, samples: Sequence[Row], beside: Beside) -> Interpretation:
        """The samples of a cell as its interpretation."""
        row = self.most_agreed(samples)
        tokens = self.tokens(row, beside.baseline)
        text = self.text(row)
        return Interpretation(
            cell=read.cell,
            token=read.token,
            text=text,
            tokens=tokens,
            norm=read.norm,
            treatment_effect=treatment_effect(tokens),
            equals_control=beside.control is not None and text == beside.control.text,
            random=beside.random,
            layer_norm=read.layer_norm,
            relevancy_floor=beside.floor,
            lead=row.lead,
            problem=f"the logits are not finite in {read.dtype}" if row.overflowed else "",
            entropy=row.entropy,
            samples=tuple(map(self.text, samples)) if len(samples) > 1 else (),
            lens=beside.lens,
            bare=beside.bare,
        )
