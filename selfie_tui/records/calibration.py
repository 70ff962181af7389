"""What a calibration finds: for each way of writing a vector, how many words of known states the model reads back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from selfie_tui.records.base import Record
from selfie_tui.records.data import EMBED, Preset, layer_name

PROCEDURE = 4
"""The number of the way in which words are tried and counted: what was found in another one is not gone on with."""

LAST_ROUND = 4
"""The round that tries the last of the words; the first is 0."""

ENOUGH = 0.1
"""Share of words that a setting reads back at least before it is proposed: below it few words decide."""

LEAST_WORDS = 8
"""Words of one token that a share is taken of; where a model has fewer, those of several tokens count as well."""

Kind = Literal["own", "next"]
"""Whose word a state stands for: that of its own token, or the word that the model puts next."""

KINDS: tuple[Kind, ...] = ("own", "next")


class InjectionSetting(Record, order=True, frozen=True):
    """Where and how a vector is written: the layer, the mode and its strength."""

    layer: int
    mode: str = "replace"
    strength: float = 1.0

    def keywords(self) -> dict[str, Any]:
        """The setting as `selfie_tui.interpret` takes it."""
        layer = "embed" if self.layer == EMBED else self.layer
        return {"injection_layer": layer, "mode": self.mode, "strength": self.strength}

    def __str__(self) -> str:
        """`L0 replace`, with the strength where it is not 1: `embed blend × 0.5`."""
        strength = "" if self.strength == 1 else f" × {self.strength:g}"
        return f"{layer_name(self.layer)} {self.mode}{strength}"


class ReadBack(Record, frozen=True):
    """How many words of the states of one layer were named in their readings.

    `layer` is that of the states, in `stack` ("" for a model of one). `words` were tried and `named` of them read back;
    `longer` are the words of more than one token among neither, and `longer_named` of them. `control` is how many of
    `words` the interpretation prompt names with nothing injected: these are never counted as read back. `others` is how
    many the reading of another word names.
    """

    layer: int
    kind: Kind
    words: int
    named: int
    longer: int = 0
    longer_named: int = 0
    control: int = 0
    others: int = 0
    stack: str = ""

    @property
    def share(self) -> float:
        """The share of the words of one token that were read back; NaN where there are none."""
        return self.named / self.words if self.words else float("nan")

    @property
    def longer_share(self) -> float:
        """The share of the longer words that were read back; NaN where there are none."""
        return self.longer_named / self.longer if self.longer else float("nan")

    @property
    def share_of_all(self) -> float:
        """The share of all words that were read back; NaN where there are none."""
        words = self.words + self.longer
        return (self.named + self.longer_named) / words if words else float("nan")


Curve = tuple[ReadBack, ...]
"""What was read back, layer by layer in the order of depth."""


def added(curve: Curve, other: Curve) -> Curve:
    """What two curves of different words count together, in the order of depth: own words, then next ones."""
    found = {(each.kind, each.stack, each.layer): each for each in curve}
    for each in other:
        key = each.kind, each.stack, each.layer
        found[key] = together(found[key], each) if key in found else each
    return tuple(sorted(found.values(), key=lambda each: (each.kind != "own", each.layer)))


def together(one: ReadBack, other: ReadBack) -> ReadBack:
    """What two parts of one layer's words count together."""
    counts = ("words", "named", "longer", "longer_named", "control", "others")
    sums = {name: getattr(one, name) + getattr(other, name) for name in counts}
    return msgspec.structs.replace(one, **sums)


class CalibrationRow(Record, frozen=True):
    """One setting and its curve: a `ReadBack` for each layer that states were read from, in the order of depth.

    `round` counts from 0 how far the setting came: only those that read back most are tried on all words, in the last
    one. `kinds` are those of the words that its score is of: without one of which no setting reads any.
    """

    setting: InjectionSetting
    curve: Curve
    round: int = 0
    kinds: tuple[Kind, ...] = KINDS

    @property
    def inside(self) -> Curve:
        """The curve without the states at `embed`, which are the vocabulary itself: what hidden states are read as."""
        return tuple(each for each in self.curve if each.layer != EMBED)

    @property
    def words(self) -> int:
        """Words of one token that were tried, `embed` left out."""
        return sum(each.words for each in self.inside)

    @property
    def score(self) -> float:
        """The share of words of its kinds that were read back, a mean over layers but `embed` (see `share_of`)."""
        return share_of(tuple(each for each in self.inside if each.kind in self.kinds))

    @property
    def control(self) -> float:
        """The share of words that no injection, or another word's reading, names as well: the larger of the two."""
        larger = max(sum(each.control for each in self.inside), sum(each.others for each in self.inside))
        return larger / self.words if self.words else math.nan


def share_of(curve: Curve) -> float:
    """The share of a curve's words that were read back, a mean over its layers.

    It is of the words of one token, where these are few in all of those of several as well; NaN where there are no
    words.
    """
    few = sum(each.words for each in curve) < LEAST_WORDS
    shares = [share for each in curve if not math.isnan(share := each.share_of_all if few else each.share)]
    return sum(shares) / len(shares) if shares else math.nan


def ranked(rows: Sequence[CalibrationRow]) -> tuple[CalibrationRow, ...]:
    """Rows that came furthest first, of these the one that reads back most, of equals the one that was there first."""
    return tuple(sorted(rows, key=lambda row: (-row.round, -row.score)))


class Calibration(Record, kw_only=True, frozen=True):
    """The settings of an interpretation prompt that were tried on a model, the one that reads back most first.

    `lens` is the logit lens's curve over the same words: how many are its top token. A calibration that is not
    `finished` is under way, or was stopped. `revision` and `dtype` are the model's; `system` and `max_new_tokens` are
    those of the readings (see `RunSettings`). `procedure` says how words were tried and counted (see `PROCEDURE`).
    """

    preset: Preset
    rows: tuple[CalibrationRow, ...]
    lens: Curve = ()
    finished: bool = False
    model: str = ""
    revision: str = ""
    dtype: str = ""
    system: bool = True
    max_new_tokens: int = 0
    procedure: int = 1

    @property
    def best(self) -> CalibrationRow | None:
        """The row that reads back most of those that came furthest; None without any."""
        return self.rows[0] if self.rows else None

    @property
    def proposal(self) -> InjectionSetting | None:
        """The setting to use: that of the best row of a finished calibration; None if it reads back hardly anything."""
        best = self.best
        return best.setting if self.finished and best is not None and best.score >= ENOUGH else None

    def row_of(self, setting: InjectionSetting) -> CalibrationRow | None:
        """The row of a setting; None if it was not tried."""
        return next((row for row in self.rows if row.setting == setting), None)
