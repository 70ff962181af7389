"""`NAME.part`: what a stream of prompts has so far, until all of them are read; one program at a time writes it."""

from __future__ import annotations

import os
from pathlib import Path

from selfie_tui.results.locks import hold, is_held
from selfie_tui.results.sessions import append_whole
from selfie_tui.results.writers import ExportError


def part_of(path: Path) -> Path:
    """The file that a stream's results are in until all are."""
    return path.with_name(f"{path.name}.part")


def check_free(path: Path) -> None:
    """Refuse a file whose part another program is writing; raises ExportError."""
    if is_held(part_of(path)):
        raise ExportError(f"{part_of(path)} is being written by another program.", "Choose another file.")


class PartFile:
    """The part of a file, opened when the first line is added to it; `end` is the offset behind what it keeps then.

    Raises:
        ExportError: if another program is writing it.
    """

    def __init__(self, whole: Path) -> None:
        self.path = part_of(whole)
        self.end = 0
        self._file: int | None = None
        check_free(whole)

    @property
    def is_open(self) -> bool:
        """Whether what comes next is added, and nothing more taken over."""
        return self._file is not None

    def open(self) -> None:
        """Open the part behind what is taken over from it, if it is not open; raises ExportError."""
        if self._file is not None:
            return
        try:
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
            hold(self._file)
            os.ftruncate(self._file, self.end)
        except OSError as error:
            raise ExportError(f"{self.path} cannot be written: {error.strerror}.", "Choose another file.") from error

    def append(self, lines: bytes) -> None:
        """Add whole lines; raises ExportError."""
        self.open()
        assert self._file is not None
        try:
            append_whole(self._file, lines)
        except OSError as error:
            raise ExportError(
                f"{self.path} cannot be written: {error.strerror}.", "Make room, and run the command again."
            ) from error

    def close(self) -> None:
        """Close the part; what has been written stays."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
