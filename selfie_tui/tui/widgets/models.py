"""The models that can be loaded, and the device and precision they will be loaded with."""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

from textual.geometry import Size
from textual.message import Message

from selfie_tui import text
from selfie_tui.paths import under_home
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.catalog import Offer
from selfie_tui.tui.go_to import listed
from selfie_tui.tui.render.styles import Piece, Pieces
from selfie_tui.tui.widgets.lines import Rows, on_cursor

DEVICES = ("auto", "cpu", "cuda", "mps")
ALL_GPUS = "all"
"""The device that is all GPUs together; offered where there is more than one."""

DTYPES = ("auto", "bfloat16", "float16", "float32", "8bit", "4bit")
OTHER = "another: hub id or path"


class Row(NamedTuple):
    """A line of the list: a model, a setting with its value, or the way to type a name."""

    kind: Literal["model", "other", "device", "dtype"]
    name: str = ""
    note: str = ""


class ModelList(Rows):
    """One line for each model, one to type another, one each for device and precision; as high as these."""

    DEFAULT_CSS = "ModelList { height: auto; max-height: 12; }"
    SCOPES: ClassVar[tuple[Scope, ...]] = ("models", "list")
    BINDINGS = bindings("models")

    class Chosen(Message):
        """The user wants this model."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    class OtherWanted(Message):
        """The user wants to type a name."""

    class PlacementChanged(Message):
        """The user chose another device or precision for the models that are loaded from now on."""

    def __init__(self, device: str = "auto", dtype: str = "auto", id: str | None = None) -> None:
        super().__init__(id=id)
        self.device = device
        self.dtype = dtype
        self.devices = _with(DEVICES, device)
        self.dtypes = _with(DTYPES, dtype)
        self.current = ""
        self.coming = ""
        self.progress = ""
        self.offers: tuple[Offer, ...] = ()
        self._rows: tuple[Row, ...] = ()
        self._arrange()

    def show_offers(self, offers: tuple[Offer, ...]) -> None:
        """Show these models; the cursor stays on its model."""
        here = self._rows[self.cursor] if self.offers else Row("model", self.coming or self.current)
        self.offers = offers
        self._arrange()
        gone = here.kind == "model" and here.name not in self._names
        self.cursor = self._index_of(here.kind, self.current if gone else here.name)
        self.refresh(layout=True)
        self.settle()

    def show_gpus(self, count: int) -> None:
        """Offer all GPUs together where there is more than one."""
        self.devices = _with((*DEVICES, ALL_GPUS) if count > 1 else DEVICES, self.device)

    def show_state(self, current: str, loading: str = "", progress: str = "") -> None:
        """Show which model is loaded, and which is being loaded how far; the cursor goes to one that is another."""
        before = (self.current, self.coming)
        self.current, self.coming, self.progress = current, loading, progress
        if before != (current, loading) and (name := loading or current) in self._names:
            self.go(self._index_of("model", name))
        for index, row in enumerate(self._rows):
            if row.kind == "model" and row.name in (*before, current, loading):
                self.redraw(index)

    def count(self) -> int:
        return len(self._rows)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._rows)

    def pieces(self, index: int) -> Pieces:
        row = self._rows[index]
        here = index == self.cursor
        line = self._setting(row) if row.kind in ("device", "dtype") else self._model(row)
        return (Piece("▌" if here else " ", "key"), *(on_cursor(line, self.cursor_role) if here else line))

    def copyable(self) -> str:
        """The name of the model under the cursor, or of the loaded one."""
        row = self._rows[self.cursor]
        return row.name if row.kind == "model" else self.current

    def go_to(self, typed: str) -> bool:
        """Put the cursor on a line by its number; raises RequestError where there is none."""
        if not typed.isdecimal():
            return False
        self.go(listed(typed, self.count(), "line"))
        return True

    def action_choose(self) -> None:
        """Load the model under the cursor, or do what its line is for."""
        row = self._rows[self.cursor]
        if row.kind == "model":
            self.post_message(self.Chosen(row.name))
        elif row.kind == "other":
            self.post_message(self.OtherWanted())
        else:
            self.action_change(1)

    def action_change(self, step: int) -> None:
        """The next device or precision, when the cursor is on one of them."""
        kind = self._rows[self.cursor].kind
        if kind == "device":
            self.device = _next(self.devices, self.device, step)
        elif kind == "dtype":
            self.dtype = _next(self.dtypes, self.dtype, step)
        if kind in ("device", "dtype"):
            self.post_message(self.PlacementChanged())
        self.redraw(self.cursor)

    def _arrange(self) -> None:
        models = [Row("model", offer.name, offer.where) for offer in self.offers]
        self._rows = (*models, Row("other", OTHER), Row("device", "device"), Row("dtype", "precision"))

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(offer.name for offer in self.offers)

    def _index_of(self, kind: str, name: str) -> int:
        """The line of a model or a setting; the first where there is none."""
        return next((index for index, row in enumerate(self._rows) if (row.kind, row.name) == (kind, name)), 0)

    def _model(self, row: Row) -> Pieces:
        note = row.note
        if row.kind == "model" and row.name == self.coming:
            note = self.progress or "loading"
        elif row.kind == "model" and row.name == self.current:
            note = "loaded"
        mark = {self.current: "●", self.coming: "○"}.get(row.name, " ") if row.kind == "model" else "…"
        width = self.size.width - 4 - len(note)
        width = max(width, 4)
        shown = self.look.prose(row.name)
        name = text.pad(text.clip_path(under_home(shown), width) if row.kind == "model" else shown, width)
        return (
            Piece(f"{mark} ", "good"),
            Piece(name, "dim" if row.kind == "other" else "text"),
            Piece(f" {note}", "dim"),
        )

    def _setting(self, row: Row) -> Pieces:
        chosen = self.device if row.kind == "device" else self.dtype
        return (
            Piece(f"  {row.name:10}", "dim"),
            Piece(f"‹{chosen}›"),
            Piece(" " * max(self.size.width - 15 - len(chosen), 0)),
        )


def _next(values: tuple[str, ...], value: str, step: int) -> str:
    return values[(values.index(value) + step) % len(values)]


def _with(values: tuple[str, ...], given: str) -> tuple[str, ...]:
    """The values, and the one that was given on the command line where it is another, such as `cuda:1`."""
    return values if given in values else (*values, given)
