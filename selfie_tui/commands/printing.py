"""What commands print of a run: lines of known columns, as it goes."""

from __future__ import annotations

from selfie_tui.commands.client import Client, narrate, show_progress
from selfie_tui.glyphs import bar
from selfie_tui.marks import SAYS_MORE, mark_of, norm_words
from selfie_tui.records import (
    CellFinished,
    Control,
    ControlFinished,
    Interpret,
    Interpretation,
    InterpretLines,
    Notice,
    Progress,
    layer_name,
    without_blank_ends,
)
from selfie_tui.text import clip, pad, prose, visible

TOKEN_WIDTH = 14


def follow(client: Client, task: Interpret | InterpretLines, *, as_json: bool) -> dict[int, Interpretation]:
    """Do a run, and print what it finds unless entries are printed as JSON; returns the interpretations by index.

    Raises:
        Failed: if it fails.
        Interrupted: if it was cancelled.
    """
    printer = TextPrinter() if not as_json else None
    found: dict[int, Interpretation] = {}
    for event in client.run(task):
        match event:
            case ControlFinished(control=control) if printer:
                printer.control(control)
            case CellFinished(index=index, interpretation=interpretation):
                found[index] = interpretation
                if printer:
                    printer.cell(interpretation)
            case Notice(text=text):
                narrate(text)
            case Progress():
                show_progress(event)
    show_progress(None)
    return found


class TextPrinter:
    """One line a cell: layer, its mark (see `marks`) where it is not `+`, token, text, a bar for each relevancy."""

    def control(self, control: Control) -> None:
        """The no-injection control."""
        self.line("control", "", control.text, "", "")

    def cell(self, cell: Interpretation) -> None:
        """One cell, and its random direction below it."""
        token = f"{cell.cell.position} {visible(cell.token.text)}"
        mark = "" if mark_of(cell) == SAYS_MORE else mark_of(cell)
        text = cell.text or (f"({cell.problem})" if cell.problem else "")
        self.line(layer_name(cell.cell.layer), token, text, f"{bars(cell)}{norm_if_far(cell)}", mark)
        if cell.random is not None:
            self.line("", "random", cell.random.text, "", "")

    def line(self, label: str, token: str, text: str, heat: str, mark: str) -> None:
        """Columns of known width, whatever the text."""
        columns = (
            f"{label:8}{mark or ' ':2}{pad(clip(token, TOKEN_WIDTH), TOKEN_WIDTH)}  {pad(prose(text), 48)}  {heat}"
        )
        print(columns.rstrip(), flush=True)


def norm_if_far(interpretation: Interpretation) -> str:
    """The norm of a state that is far from its layer's; nothing for others."""
    return f"  {norm_words(interpretation)}" if interpretation.is_far else ""


def bars(interpretation: Interpretation) -> str:
    """A bar for the relevancy of each token that is seen, a space where it is no more than noise."""
    relevancies = [token.relevancy for token in without_blank_ends(interpretation.tokens)]
    floor = interpretation.relevancy_floor
    return "".join(" " if floor and value <= floor else bar(value) for value in relevancies if value is not None)
