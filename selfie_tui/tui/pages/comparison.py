"""The page of a comparison with another model: where what they read differs, the cells furthest apart first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from selfie_tui.comparison_table import SAME, texts_apart
from selfie_tui.errors import SelfieError
from selfie_tui.records import ComparedCell, ComparedReading, Comparison, LensToken, ModelInfo, Token, layer_name
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.compared import Compared
from selfie_tui.tui.comparing import compare_in_words
from selfie_tui.tui.exporting import Exportable
from selfie_tui.tui.pages.page import PageScreen
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces
from selfie_tui.tui.state import AppState

MOST = 200
"""Cells and texts that are listed at most."""

NOTE = (
    "Bits are the Jensen-Shannon divergence of what the lens reads, from 0 to 1; nats are KL(A || B) of the next "
    "token. Two number formats of one model differ too: what they differ by is the noise. Words differ where the "
    "readers do, even of equal states."
)


class ComparisonScreen(PageScreen):
    """What is known of the last comparison; `another` asks for another model."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("comparison", "page")
    BINDINGS = bindings("comparison")

    def __init__(self, state: AppState, another: Callable[[], None]) -> None:
        self.state, self._another = state, another
        super().__init__("Two models", lambda width, look: page_lines(state.compared, width, look))

    def show_found(self) -> None:
        """Draw what has been found since, from the same line on."""
        self.page.rebuild()
        self.show_keys()

    def action_words(self) -> None:
        """Have both models put the cells into words."""
        try:
            asked = compare_in_words(self.state)
        except SelfieError as error:
            self.app.toast(f"{error.cause} {error.remedy}", "warning")
            return
        if asked:
            self.show_found()
        else:
            self.app.toast("Both have said these cells in words, or it is under way.", "information")

    def action_another(self) -> None:
        """Close the page, and ask for another model."""
        self.dismiss()
        self._another()

    def action_export(self) -> None:
        """Close the page, and ask for a file."""
        found = self.state.compared.found
        if found is None or not found.cells:
            self.app.toast("There is nothing to export yet.", "information")
            return
        self.dismiss()
        self.app.export(exportable_of(found))


def exportable_of(found: Comparison) -> Exportable:
    """A comparison as it stands now."""

    def write(path: Path, overwrite: bool) -> object:
        from selfie_tui.results.writers.comparisons import export_comparisons  # not needed for the first paint

        return export_comparisons([found], path, overwrite=overwrite)

    return Exportable("the comparison", found.began.model.name, write=write)


def page_lines(compared: Compared, width: int, look: Look) -> list[Pieces]:
    """What is known: both models, how far it is, how much differs, and where."""
    lines: list[Pieces] = []
    found, task = compared.found, compared.task
    if task is not None:
        lines += flow([Piece("A  ", "key"), Piece(look.prose(named(compared.model)), "dim")], width)
        other = named(found.began.other) if found else task.other.name
        lines += flow([Piece("B  ", "key"), Piece(look.prose(other), "dim")], width)
        lines += flow([Piece(look.prose(task.prompt), "dim")], width)
    if compared.step:
        lines += [(), *flow([Piece(f"{look.prose(compared.step)}…", "accent")], width)]
    if compared.problem:
        lines += [(), *flow([Piece(look.prose(compared.problem), "warn")], width)]
    if found is None or not found.cells:
        return lines
    lines += [(), *flow([Piece(summary(found), "strong")], width)]
    for part in (next_lines, cell_lines, reading_lines):
        lines += part(found, width, look)
    return [*lines, (), *flow([Piece(NOTE, "dim")], width)]


def named(model: ModelInfo | None) -> str:
    """A model with where it runs, and with what edits."""
    if model is None:
        return ""
    edits = f"{len(model.edits)} edits" if model.edits else ""
    return " · ".join(part for part in (model.title, model.device, model.dtype, edits) if part)


def summary(found: Comparison) -> str:
    """How much differs, in a sentence or two."""
    cells, following = found.cells, found.next
    if all(cell.bits == 0 for cell in (*cells, *following)):
        said = f"No bit differs in {len(cells)} cells."
    else:
        mean = [cell.bits for cell in cells if cell.bits is not None]
        bits = f", {sum(mean) / len(mean):.2g} bits on average" if mean else ""
        said = f"Other top tokens in {sum(cell.differs for cell in cells)} of {len(cells)} cells{bits}."
        said += f" Another next token after {sum(cell.differs for cell in following)} of {len(following)}."
    if found.readings:
        other = sum(texts_apart(each) != SAME for each in found.readings)
        said += f" Other words in {other} of {len(found.readings)} cells."
    return said


def next_lines(found: Comparison, width: int, look: Look) -> Iterator[Pieces]:
    """The tokens after which the models say another one."""
    differing = [cell for cell in found.next if cell.differs]
    if differing:
        yield ()
        yield (Piece("says next", "key"),)
    for cell in differing:
        token = token_at(found, cell.pair.cell.position)
        apart = "" if cell.kl is None else f"{cell.kl:.2g} nats"
        yield from flow(cell_pieces(f"{cell.pair.cell.position} {look.visible(token.text)}", cell, apart, look), width)


def cell_lines(found: Comparison, width: int, look: Look) -> Iterator[Pieces]:
    """The cells whose top tokens differ, those furthest apart first."""
    differing = sorted((cell for cell in found.cells if cell.differs), key=lambda cell: -(cell.bits or 0))
    if differing:
        yield ()
        yield (Piece("the lens reads", "key"),)
    for cell in differing[:MOST]:
        layer, position = cell.pair.cell.layer, cell.pair.cell.position
        label = f"{layer_name(layer)} · {position} {look.visible(token_at(found, position).text)}"
        yield from flow(cell_pieces(label, cell, "" if cell.bits is None else f"{cell.bits:.2g} bits", look), width)
    yield from more(differing)


def cell_pieces(label: str, cell: ComparedCell, apart: str, look: Look) -> list[Piece]:
    """A cell with the top tokens of both, and how far apart they are."""
    words = [Piece(f"{label}   ", "dim"), Piece(word(cell.top[0], look)), Piece(" ≠ ", "warn")]
    return [*words, Piece(word(cell.other_top[0], look)), Piece(f"   {apart}" if apart else "", "dim")]


def word(token: LensToken, look: Look) -> str:
    """A token with its probability."""
    return f"{look.visible(token.text)} {token.probability:.2f}"


def reading_lines(found: Comparison, width: int, look: Look) -> Iterator[Pieces]:
    """The cells that the models put into other words."""
    differing: Sequence[ComparedReading] = [each for each in found.readings if texts_apart(each) != SAME]
    if differing:
        yield ()
        yield (Piece("in words", "key"),)
    for each in differing[:MOST]:
        cell = each.pair.cell
        yield ()
        yield (Piece(f"{layer_name(cell.layer)} · {cell.position} {look.visible(each.reading.token.text)}", "key"),)
        yield from flow([Piece("A  ", "key"), Piece(look.prose(each.reading.text.strip()))], width)
        yield from flow([Piece("B  ", "key"), Piece(look.prose(each.other.text.strip()))], width)
    yield from more(differing)


def more(differing: Sequence[object]) -> Iterator[Pieces]:
    """How many there are that are not listed."""
    if len(differing) > MOST:
        yield (Piece(f"and {len(differing) - MOST:,} more, in an export", "dim"),)


def token_at(found: Comparison, position: int) -> Token:
    """The token at a position of the comparison."""
    return next(token for token in found.began.tokens if token.position == position)
