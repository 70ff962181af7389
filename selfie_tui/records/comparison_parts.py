"""Under which index each result of a comparison of two models is kept."""

from __future__ import annotations

from selfie_tui.records.base import Record

OWN_CONTROL, OTHER_CONTROL = -2, -3
"""The indices of what each model says with nothing injected."""


class ComparisonParts(Record, frozen=True):
    """What there is to be of a comparison: so many `positions` and pairs of `layers`, `words` of both, `maps`.

    The results stand in this order: the lens of each cell, that of each last layer, each cell in the first model's
    words, then in the other's, the map of each pair of layers, the lens of each mapped cell, the words of those, and
    the words of those that a map of shuffled pairs made. Cells are ordered by position, those that were mapped by
    layer. Each property is the index of the first of them.
    """

    positions: int = 0
    layers: int = 0
    words: bool = False
    maps: bool = False

    @property
    def cells(self) -> int:
        """How many cells there are."""
        return self.positions * self.layers

    @property
    def next(self) -> int:
        """The first lens of the last layers."""
        return self.cells

    @property
    def own(self) -> int:
        """The first cell in the first model's words."""
        return self.next + self.positions

    @property
    def other(self) -> int:
        """The first cell in the other model's words."""
        return self.own + self.cells * self.words

    @property
    def map(self) -> int:
        """The first map."""
        return self.other + self.cells * self.words

    @property
    def mapped(self) -> int:
        """The first lens of a mapped cell."""
        return self.map + self.layers * self.maps

    @property
    def mapped_words(self) -> int:
        """The first mapped cell in words; those of shuffled pairs follow."""
        return self.mapped + self.cells * self.maps

    @property
    def count(self) -> int:
        """How many results there are to be."""
        return self.mapped_words + 2 * self.cells * (self.words and self.maps)
