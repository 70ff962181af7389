"""The page of a calibration: its table as it grows, what it proposes, and keys that use it or begin anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from selfie_tui.calibration_table import head, lens_row, table_row, words_tried
from selfie_tui.records import Calibration, InjectionSetting
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.calibrating import calibrate, calibration_of, is_calibrating, setting_of
from selfie_tui.tui.pages.page import PageScreen
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces, Role
from selfie_tui.tui.state import AppState

NOTE = (
    "Read-back says how many words of known states their readings name; not how well hidden attributes are named, "
    "which does not go with it. The score is of all layers but embed. ~ was tried on a third of the words; → is the "
    "word that the model puts next."
)


class CalibrationScreen(PageScreen):
    """What is known of the present preset on the present model; `use` takes settings of another way to write."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("calibration", "page")
    BINDINGS = bindings("calibration")

    def __init__(self, state: AppState, look: Look, use: Callable[[InjectionSetting], None]) -> None:
        self.state, self._use = state, use
        title = f"Calibration of {look.prose(state.settings.preset.name)}"
        super().__init__(title, lambda width, look: page_lines(state, width, look))

    def on_mount(self) -> None:
        """Begin where nothing is known yet."""
        known = calibration_of(self.state)
        if known is None or not known.finished:
            self._begin(anew=False)

    def show_found(self) -> None:
        """Draw what has been found since, from the same line on."""
        self.page.rebuild()

    def action_use(self) -> None:
        """Use what is proposed, and close the page."""
        known = calibration_of(self.state)
        if known is None or not known.finished:
            self.app.toast("The calibration is not finished.", "information")
        elif known.proposal is None:
            self.app.toast("No setting reads enough of the words back to be proposed.", "warning")
        else:
            self._use(known.proposal)
            self.dismiss()

    def action_anew(self) -> None:
        """Try all settings again."""
        self._begin(anew=True)

    def _begin(self, *, anew: bool) -> None:
        if not calibrate(self.state, anew=anew) and not is_calibrating(self.state):
            what = "No model is loaded." if self.state.model is None else "Another preset is being calibrated."
            self.app.toast(what, "information")


def page_lines(state: AppState, width: int, look: Look) -> list[Pieces]:
    """The table of what is known, and the present settings' row in it."""
    known = calibration_of(state)
    if known is None or not known.rows:
        waits = "The first settings are being tried." if is_calibrating(state) else "Nothing is known yet."
        return flow([Piece(waits, "dim")], width)
    lines = flow([Piece(look.prose(said_of(known)), "strong" if known.proposal else "dim")], width)
    lines += [(), *table_lines(known, setting_of(state.settings)), ()]
    return [*lines, *flow([Piece(f"{words_tried(known.lens)}. {NOTE}", "dim")], width)]


def said_of(known: Calibration) -> str:
    """What is proposed, in one sentence."""
    if not known.finished:
        return "Not finished: the settings that read most words back are at the top."
    if known.proposal is None:
        return "No setting reads enough of the words back to be proposed."
    return f"{known.proposal} reads most of the words back."


def table_lines(known: Calibration, present: InjectionSetting) -> list[Pieces]:
    """The head, a line for each setting with a mark at the present one, the lens."""
    lines: list[Pieces] = [(Piece(f"  {head(known.lens)}", "dim"),)]
    for row in known.rows:
        here = row.setting == present
        role: Role = "strong" if row.setting == known.proposal else "text" if row.round else "dim"
        lines.append((Piece("▌ " if here else "  ", "accent"), Piece(table_row(row, known.lens), role)))
    return [*lines, (Piece(f"  {lens_row(known.lens)}", "dim"),)]
