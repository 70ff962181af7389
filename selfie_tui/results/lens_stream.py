"""The lenses of a stream of prompts as a file that grows, and goes on where the program was stopped.

Until all prompts are read their cells are lines of JSON in `NAME.part` beside the file, below a line with what was
asked of which model. A prompt of which cells are missing there is read again as a whole, so that a stream that was
stopped and went on gives the same file as one that was not.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selfie_tui.ascii_json import encode_ascii
from selfie_tui.errors import RequestError
from selfie_tui.lens_table import COLUMNS
from selfie_tui.results.locks import hold, is_held
from selfie_tui.results.sessions import append_whole
from selfie_tui.results.stream_file import part_of
from selfie_tui.results.writers import ExportError
from selfie_tui.results.writers.lenses import Rows, check_lens_file, export_rows


class LensStream:
    """The file of a stream of lenses; `asked` is what decides them but for the prompts, as plain data.

    Raises:
        FileThere: for a file that is there, unless it is to be overwritten.
        ExportError: for a file that cannot be written, or one that another program is writing.
        RequestError: for one that was begun with other settings or another model.
    """

    def __init__(self, path: Path, overwrite: bool, asked: dict[str, Any]) -> None:
        check_lens_file(path, overwrite)
        self.path, self.part, self._overwrite = path, part_of(path), overwrite
        if is_held(self.part):
            raise ExportError(f"{self.part} is being written by another program.", "Choose another file.")
        self._header = encode_ascii(asked) + b"\n"
        self._stored = self._whole_lines()
        self._file: int | None = None
        self._end = 0
        """The offset behind what is taken over from the part that is there."""
        first = next(self._stored, None)
        if first is None:
            self._write(self._header)
        elif first != self._header:
            raise RequestError(
                f"{self.part} was begun with other settings or another model.",
                "Give those that it was begun with, delete it, or choose another file.",
            )
        else:
            self._end = len(first)

    def known(self, prompt: str, cells: list[tuple[int, int]]) -> Rows | None:
        """The rows of the next prompt, whose cells are layers and positions; None where it is to be read.

        Raises:
            RequestError: if the file goes on with another prompt.
        """
        if self._file is not None:
            return None
        lines = [line for _, line in zip(cells, self._stored, strict=False)]
        rows = [row_in(line) for line in lines]
        if any(row["prompt"] != prompt for row in rows):
            raise RequestError(
                f"{self.part} was begun with another prompt.", "Give the prompts that it was begun with, or delete it."
            )
        if [(row["layer"], row["position"]) for row in rows] != cells:
            self._open()
            return None
        self._end += sum(map(len, lines))
        return rows

    def add(self, rows: Rows) -> None:
        """Write the rows of a prompt; raises ExportError."""
        self._write(b"".join(encode_ascii(row) + b"\n" for row in rows))

    def finish(self) -> str:
        """Write the file now that all prompts are read; what was written, in words.

        Raises:
            RequestError: if the part has lenses of more prompts.
            ExportError: if it cannot be written.
        """
        if self._file is None and next(self._stored, None) is not None:
            raise RequestError(f"{self.part} has lenses of more prompts.", "Give all of them, or delete it.")
        written = export_rows(self._lenses(), self.path, overwrite=self._overwrite)
        self.close()
        self.part.unlink()
        return str(written)

    def close(self) -> None:
        """Close the part; what has been written stays."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _whole_lines(self) -> Iterator[bytes]:
        """The lines of the part that have an end; none where there is no such file."""
        if self.part.exists():
            with self.part.open("rb") as file:
                yield from (line for line in file if line.endswith(b"\n"))

    def _lenses(self) -> Iterator[Rows]:
        """The rows of each prompt in the part: a cell that comes again, or another prompt, begins the next."""
        lines = self._whole_lines()
        next(lines)
        rows: Rows = []
        seen: set[tuple[int, int]] = set()
        for row in map(row_in, lines):
            cell = (row["layer"], row["position"])
            if rows and (cell in seen or row["prompt"] != rows[0]["prompt"]):
                yield rows
                rows, seen = [], set()
            rows.append(row)
            seen.add(cell)
        if rows:
            yield rows

    def _open(self) -> None:
        """Open the part behind what is taken over from it."""
        try:
            self._file = os.open(self.part, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
            hold(self._file)
            os.ftruncate(self._file, self._end)
        except OSError as error:
            raise ExportError(f"{self.part} cannot be written: {error.strerror}.", "Choose another file.") from error

    def _write(self, lines: bytes) -> None:
        if self._file is None:
            self._open()
        assert self._file is not None
        try:
            append_whole(self._file, lines)
        except OSError as error:
            raise ExportError(
                f"{self.part} cannot be written: {error.strerror}.", "Make room, and run the command again."
            ) from error


def row_in(line: bytes) -> dict[str, Any]:
    """The row of a line, with the numbers that JSON lacks."""
    row: dict[str, Any] = json.loads(line)
    for column in COLUMNS:
        value = row[column.name]
        if column.kind == "number" and isinstance(value, str):
            row[column.name] = float(value)
        elif column.kind == "numbers":
            row[column.name] = [float(each) for each in value]
    return row
