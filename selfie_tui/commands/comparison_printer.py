"""A comparison of two models as it is printed: the map of the lenses once it is whole, words and maps as they come."""

from __future__ import annotations

from collections.abc import Iterator

from selfie_tui.commands.client import narrate
from selfie_tui.commands.comparison_lines import (
    lens_lines,
    map_line,
    mapped_lines,
    mapped_reading_lines,
    reading_lines,
    summary_line,
)
from selfie_tui.commands.map_lines import line_width
from selfie_tui.records import (
    CellsCompared,
    CellsMapped,
    ComparedCell,
    ComparisonBegan,
    Event,
    ReadingsCompared,
    ReadingsMapped,
)


class Printer:
    """Gives the lines of a comparison as it goes, the map once all of its cells are there; narrates what it is of."""

    def __init__(self) -> None:
        self.began: ComparisonBegan | None = None
        self.cells: list[ComparedCell] = []
        self.next: list[ComparedCell] = []
        self.printed = False

    def taken(self, event: Event) -> Iterator[str]:
        """The lines of what an event makes complete."""
        if isinstance(event, CellsCompared):
            self.cells += event.cells
            self.next += event.next
        elif isinstance(event, ComparisonBegan):
            self.began = event
            narrate(f"beside {event.other.title} · {event.other.device} · {event.other.dtype} · {event.other.verdict}")
        else:
            yield from self.lens_lines()
            yield from self.lines(event)

    def lens_lines(self) -> Iterator[str]:
        """The map, once."""
        if self.printed or self.began is None:
            return
        self.printed = True
        yield from lens_lines(self.began, self.cells, self.next, line_width())
        narrate(summary_line(self.began, self.cells, self.next))

    def lines(self, event: Event) -> Iterator[str]:
        """What is printed of readings and maps."""
        by_pair = {cell.pair: cell for cell in self.cells}
        tokens = {token.position: token for token in self.began.tokens} if self.began else {}
        match event:
            case ReadingsCompared(readings=readings):
                for reading in readings:
                    yield from reading_lines(reading)
            case CellsMapped(map=found, cells=cells):
                yield map_line(found)
                for cell in cells:
                    yield from mapped_lines(cell, by_pair[cell.pair], tokens[cell.pair.cell.position])
            case ReadingsMapped(readings=mapped):
                for each in mapped:
                    yield from mapped_reading_lines(each)
