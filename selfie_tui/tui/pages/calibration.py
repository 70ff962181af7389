"""The page of a calibration: its table as it grows, what it proposes, and keys that use a row or begin anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from selfie_tui.calibration_table import head, lens_row, scored, table_row, words_tried
from selfie_tui.records import Calibration, InjectionSetting
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.calibrating import calibrate, calibration_of, is_calibrating, setting_of
from selfie_tui.tui.pages.page import Build, Page, PageScreen
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces, Role
from selfie_tui.tui.state import AppState

NOTE = (
    "Read-back says how many words of known states their readings name; not how well hidden attributes are named, "
    "which does not go with it. ● is in use, ~ was not tried on all words; → is the word that the model puts next."
)


class Table(Page):
    """Lines of which some are rows of settings: up and down go from row to row, and beyond the rows scroll."""

    def __init__(self, build: Build, choose: Callable[[int], bool]) -> None:
        super().__init__(build)
        self._choose = choose

    def action_move(self, step: int) -> None:
        """To the row above or below; where there is none, a line."""
        if not self._choose(step):
            self.scroll_by(step)

    def show_chosen(self) -> None:
        """Draw other lines from the same one on, with the chosen row in sight."""
        self.rebuild()
        for index in range(self.count()):
            if any(piece.role == "cursor" for piece in self.pieces(index)):
                self.show(index)


class CalibrationScreen(PageScreen):
    """What is known of the present preset on the present model; `use` takes settings of another way to write."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("calibration", "page")
    BINDINGS = bindings("calibration")

    def __init__(self, state: AppState, look: Look, use: Callable[[InjectionSetting], None]) -> None:
        self.state, self._use = state, use
        title = f"Calibration of {look.prose(state.settings.preset.name)}"
        super().__init__(title, self.build)
        self.page = self.table = Table(self.build, self.choose)
        self._chosen: InjectionSetting | None = None
        """The setting whose row the user has gone to; until then the cursor is on what is proposed."""

    def build(self, width: int, look: Look) -> list[Pieces]:
        """The lines of the page."""
        return page_lines(self.state, self.here, width, look)

    @property
    def here(self) -> InjectionSetting | None:
        """The setting of the row under the cursor; None where nothing has been tried yet."""
        known = calibration_of(self.state)
        if known is None or not known.rows:
            return None
        if self._chosen is not None and known.row_of(self._chosen):
            return self._chosen
        return (known.finished and known.proposal) or known.rows[0].setting

    def choose(self, step: int) -> bool:
        """Put the cursor on another row; whether there is one."""
        known = calibration_of(self.state)
        settings = [row.setting for row in known.rows] if known else []
        index = settings.index(self.here) + step if self.here else -1
        if not 0 <= index < len(settings):
            return False
        self._chosen = settings[index]
        self.table.show_chosen()
        return True

    def on_mount(self) -> None:
        """Begin where nothing is known yet."""
        known = calibration_of(self.state)
        if known is None or not known.finished:
            self._begin(anew=False)

    def show_found(self) -> None:
        """Draw what has been found since, from the same line on."""
        self.table.show_chosen()

    def action_use(self) -> None:
        """Use the setting that was chosen, else what is proposed, and close the page."""
        known = calibration_of(self.state)
        if self._chosen is not None and self._chosen == self.here:
            self._use(self._chosen)
            self.dismiss()
        elif known is None or not known.finished:
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


def page_lines(state: AppState, here: InjectionSetting | None, width: int, look: Look) -> list[Pieces]:
    """The table of what is known, with the cursor at the setting `here`."""
    known = calibration_of(state)
    if known is None or not known.rows:
        waits = "The first settings are being tried." if is_calibrating(state) else "Nothing is known yet."
        return flow([Piece(waits, "dim")], width)
    lines = flow([Piece(look.prose(said_of(known)), "strong" if known.proposal else "dim")], width)
    lines += [(), *table_lines(known, setting_of(state.settings), here), ()]
    return [*lines, *flow([Piece(f"{words_tried(known.lens)}; {scored(known)}. {NOTE}", "dim")], width)]


def said_of(known: Calibration) -> str:
    """What is proposed, in one sentence."""
    if not known.finished:
        return "Not finished: the settings that read most words back are at the top."
    if known.proposal is None:
        return "No setting reads enough of the words back to be proposed."
    return f"{known.proposal} reads most of the words back."


def table_lines(known: Calibration, present: InjectionSetting, here: InjectionSetting | None) -> list[Pieces]:
    """The head, a line for each setting with a mark at the present one and the cursor at another, the lens."""
    lines: list[Pieces] = [(Piece(f"   {head(known.lens)}", "dim"),)]
    for row in known.rows:
        cursor, mark = row.setting == here, "●" if row.setting == present else " "
        plain: Role = "strong" if row.setting == known.proposal else "text" if row.round else "dim"
        lines.append(
            (
                Piece(f"{'▌' if cursor else ' '}{mark} ", "cursor" if cursor else "accent"),
                Piece(table_row(row, known.lens), "cursor" if cursor else plain),
            )
        )
    return [*lines, (Piece(f"   {lens_row(known)}", "dim"),)]
