"""What can be kept as a vector: states at cells of a prompt, or values of a module, and a name that is proposed."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from selfie_tui.errors import SelfieError
from selfie_tui.paths import make_private
from selfie_tui.records import Cell, KeepLine, KeepVector, ModuleTensor, Token, layer_name
from selfie_tui.tui.state import AppState

ENDING = ".safetensors"
UNSAFE = "/\\:\0 "
"""Characters that a vector's name, which is that of its file and a word of an edit, cannot have."""

LONGEST = 80
"""Characters of a name."""


class Keepable(NamedTuple):
    """States whose mean is kept: those of cells of a prompt, or of a module's tensor at their positions."""

    prompt: str
    cells: tuple[Cell, ...]
    stack: str = ""
    module: ModuleTensor | None = None
    name: str = ""
    """The name that is proposed."""

    def task(self, name: str, folder: Path, *, overwrite: bool) -> KeepVector:
        """What writes it to a folder under a name.

        Its origin is its own: of tasks with one origin those that wait give way to the newest.

        Raises:
            SelfieError: for a name that cannot be one, or that is taken and not to be overwritten.
        """
        file = str(file_for(name, folder, overwrite=overwrite))
        return KeepVector(
            self.prompt, self.cells, file, name, self.module, self.stack, overwrite, origin=f"vector {name}"
        )

    @property
    def what(self) -> str:
        """What is kept, in words."""
        return "this state" if len(self.cells) == 1 else f"the mean of {len(self.cells):,} states"


class KeepableLine(NamedTuple):
    """What a line over vectors is, which is kept under a name; `name` is the one that is proposed."""

    line: str
    name: str = ""

    @property
    def what(self) -> str:
        """What is kept, in words."""
        return "this vector"

    def task(self, name: str, folder: Path, *, overwrite: bool) -> KeepLine:
        """What writes it to a folder under a name; raises as `Keepable.task`."""
        file = str(file_for(name, folder, overwrite=overwrite))
        return KeepLine(self.line, file, overwrite, origin=f"vector {name}")


def check_name(name: str) -> None:
    """Refuse a name that no vector can have; raises SelfieError."""
    if not name or name.startswith(".") or len(name) > LONGEST or any(unsafe in name for unsafe in UNSAFE):
        raise SelfieError("A name is a short word without spaces or slashes.", "Write another")


def file_for(name: str, folder: Path, *, overwrite: bool) -> Path:
    """The file of a name in a folder, which is made; raises as `Keepable.task`."""
    check_name(name)
    file = folder / f"{name}{ENDING}"
    if file.exists() and not overwrite:
        raise SelfieError("There is such a vector.", "Once more: enter replaces it")
    try:
        make_private(folder)
    except OSError as error:
        raise SelfieError(f"{folder}: {error.strerror}") from error
    return file


def keepable_of(state: AppState, cell: Cell) -> Keepable | None:
    """The states at the marked cells, or else at a cell; None where there is no model, or no tokens of the prompt."""
    selection = state.selection
    if not state.ready or not selection.tokens:
        return None
    cells = selection.cells() if selection.marks() else (cell,)
    return Keepable(selection.prompt, cells, state.stack, name=proposed(cells, selection.tokens))


def proposed(cells: tuple[Cell, ...], tokens: tuple[Token, ...]) -> str:
    """`of@L5`, of one token at several layers `of@L3-5`, of several tokens `mean7@L5`."""
    layers = sorted({cell.layer for cell in cells})
    positions = {cell.position for cell in cells}
    word = word_of(tokens[cells[0].position]) if len(positions) == 1 else f"mean{len(cells)}"
    first, last = layer_name(layers[0]), layer_name(layers[-1]).lstrip("L")
    return f"{word}@{first}" if len(layers) == 1 else f"{word}@{first}-{last}"


def word_of(token: Token | None) -> str:
    """The letters of a token; a word that stands for them where it has none."""
    return "".join(letter for letter in (token.text if token else "") if letter.isalnum())[:24] or "vector"
