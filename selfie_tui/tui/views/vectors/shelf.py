"""The vectors at hand: those that are kept, lines that were written, and files and folders that were opened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from selfie_tui.errors import RequestError
from selfie_tui.kept_vectors import kept_vectors, put_back, remove_vector, rename_vector
from selfie_tui.records import KeptEntry, ModelInfo, VectorFileRead
from selfie_tui.tui.views.vectors.items import Item, of_file, of_kept, of_line
from selfie_tui.vector_line import renamed

MOST_LINES = 20
"""How many lines stand in the list at most; the oldest gives way."""


class Dropped(NamedTuple):
    """What was dropped: a kept vector's file with its content, a line, or a file that was opened."""

    item: Item
    content: bytes = b""
    read: VectorFileRead | None = None
    entry: KeptEntry | None = None


class Shelf:
    """The list of vectors, in the order in which they are shown: lines, what is of use here, and the rest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model: ModelInfo | None = None
        self.lines: list[str] = []
        self.entries: tuple[KeptEntry, ...] = ()
        self.opened: list[VectorFileRead] = []
        self.borrowed: list[KeptEntry] = []
        """Vectors of folders that were opened."""
        self.dropped: list[Dropped] = []
        self.items: tuple[Item, ...] = ()

    # What there is ---------------------------------------------------------------------------------------------------

    def list_kept(self) -> None:
        """Look at the folder of kept vectors."""
        self.entries = kept_vectors(self.folder)
        self.arrange()

    def show_model(self, model: ModelInfo | None) -> None:
        """Take another model, with which other vectors are of use."""
        self.model = model
        self.arrange()

    def arrange(self) -> None:
        """Put what there is into its order."""
        others = [
            *(of_kept(entry, self.model) for entry in self.entries),
            *(of_file(read, self._name_for(Path(read.file).name), self.model) for read in self.opened),
            *self._borrowed_items(),
        ]
        fitting = [item for item in others if item.usable]
        self.items = (*map(of_line, self.lines), *fitting, *(item for item in others if not item.usable))

    def _borrowed_items(self) -> Iterator[Item]:
        for entry in self.borrowed:
            yield of_kept(entry, self.model, self._name_for(entry.name, Path(entry.file)), f'"{entry.file}"')

    def _name_for(self, name: str, file: Path | None = None) -> str:
        """The name of what was opened; with that of its folder where a vector that is kept has it too."""
        taken = any(entry.name == name for entry in self.entries)
        return f"{file.parent.name}/{name}" if taken and file is not None else name

    def vectors(self) -> tuple[Item, ...]:
        """The vectors that are of use with the model."""
        return tuple(item for item in self.items if item.is_vector)

    def named(self, name: str) -> Item | None:
        """The row of a name."""
        return next((item for item in self.items if item.name == name), None)

    def names(self) -> tuple[str, ...]:
        """The names that a line can have in it, in the order of the list."""
        return tuple(item.name for item in self.items if item.is_vector and item.kind != "line")

    def resolved(self, line: str) -> str:
        """A line with the names of what was opened written as their files.

        Raises:
            LineError: for a line that cannot be read.
        """
        kept = {entry.name for entry in self.entries}
        files = {item.name: item.file for item in self.items if item.kind in ("file", "directions")}
        own = {name: file for name, file in files.items() if name not in kept}
        return renamed(line, own, kept) if own else line

    # Lines and files -------------------------------------------------------------------------------------------------

    def write_line(self, line: str, instead: str = "") -> None:
        """Have a line in the list, in place of another one."""
        lines = [known for known in self.lines if known not in (line, instead)]
        self.lines = [line, *lines][:MOST_LINES]
        self.arrange()

    def open_read(self, read: VectorFileRead) -> Item | None:
        """Have a file in the list; its row."""
        self.opened = [*(known for known in self.opened if known.file != read.file), read]
        self.arrange()
        return next((item for item in self.items if item.file == read.file), None)

    def open_folder(self, folder: Path) -> tuple[int, int]:
        """Have the vectors of a folder in the list; how many there are, and how many files hold something else."""
        found = kept_vectors(folder)
        good = [entry for entry in found if not entry.problem]
        files = {entry.file for entry in good}
        self.borrowed = [*(known for known in self.borrowed if known.file not in files), *good]
        self.arrange()
        return len(good), len(found) - len(good)

    # Dropping and renaming -------------------------------------------------------------------------------------------

    def drop(self, item: Item) -> None:
        """Take a row off the list, and delete the file of a kept vector.

        Raises:
            RequestError: where it cannot be deleted.
        """
        if item.kind == "kept":
            content = read_bytes(Path(item.file))
            remove_vector(item.name, self.folder)
            self.dropped.append(Dropped(item, content))
            self.list_kept()
            return
        read = next((known for known in self.opened if known.file == item.file), None)
        entry = next((known for known in self.borrowed if known.file == item.file), None)
        self.dropped.append(Dropped(item, read=read, entry=entry))
        self.lines = [line for line in self.lines if item.kind != "line" or line != item.line]
        self.opened = [known for known in self.opened if known is not read]
        self.borrowed = [known for known in self.borrowed if known is not entry]
        self.arrange()

    def bring_back(self) -> Item | None:
        """Bring back what was dropped last; None where nothing was.

        Raises:
            RequestError: where its file cannot be written.
        """
        if not self.dropped:
            return None
        dropped = self.dropped[-1]
        if dropped.item.kind == "kept":
            put_back(Path(dropped.item.file), dropped.content)
        self.dropped.pop()
        self.opened += [dropped.read] if dropped.read else []
        self.borrowed += [dropped.entry] if dropped.entry else []
        if dropped.item.kind == "line":
            self.lines.insert(0, dropped.item.line)
        self.list_kept()
        return dropped.item

    def rename(self, item: Item, name: str) -> None:
        """Give a kept vector another name; raises RequestError."""
        rename_vector(item.name, name, self.folder)
        self.list_kept()


def read_bytes(file: Path) -> bytes:
    """The content of a file; raises RequestError."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise RequestError(f"{file} cannot be read ({error.strerror}).", "List the vectors again.") from error
