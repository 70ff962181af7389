"""The lenses of a stream of prompts as a file that grows, and goes on where the program was stopped.

Until all prompts are read their cells are lines of JSON in `NAME.part` beside the file, below a line with what was
asked of which model. A prompt of which cells are missing there is read again as a whole, so that a stream that was
stopped and went on gives the same file as one that was not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selfie_tui.ascii_json import encode_ascii
from selfie_tui.errors import RequestError
from selfie_tui.lens_table import COLUMNS
from selfie_tui.results.part_file import PartFile
from selfie_tui.results.writers.lenses import FILES
from selfie_tui.results.writers.table_files import Rows


class LensStream:
    """The file of a stream of lenses; `asked` is what decides them but for the prompts, as plain data.

    Raises:
        FileThere: for a file that is there, unless it is to be overwritten.
        ExportError: for a file that cannot be written, or one that another program is writing.
        RequestError: for one that was begun with other settings or another model.
    """

    def __init__(self, path: Path, overwrite: bool, asked: dict[str, Any]) -> None:
        FILES.check(path, overwrite)
        self.path, self._part, self._overwrite = path, PartFile(path), overwrite
        header = encode_ascii(asked) + b"\n"
        self._stored = self._whole_lines()
        first = next(self._stored, None)
        if first is None:
            self._part.append(header)
        elif first != header:
            raise RequestError(
                f"{self._part.path} was begun with other settings or another model.",
                "Give those that it was begun with, delete it, or choose another file.",
            )
        else:
            self._part.end = len(first)

    def known(self, prompt: str, cells: list[tuple[int, int]]) -> Rows | None:
        """The rows of the next prompt, whose cells are layers and positions; None where it is to be read.

        Raises:
            RequestError: if the file goes on with another prompt.
        """
        if self._part.is_open:
            return None
        lines = [line for _, line in zip(cells, self._stored, strict=False)]
        rows = [row_in(line) for line in lines]
        if any(row["prompt"] != prompt for row in rows):
            raise RequestError(
                f"{self._part.path} was begun with another prompt.",
                "Give the prompts that it was begun with, or delete it.",
            )
        if [(row["layer"], row["position"]) for row in rows] != cells:
            self._part.open()
            return None
        self._part.end += sum(map(len, lines))
        return rows

    def add(self, rows: Rows) -> None:
        """Write the rows of a prompt; raises ExportError."""
        self._part.append(b"".join(encode_ascii(row) + b"\n" for row in rows))

    def finish(self) -> str:
        """Write the file now that all prompts are read; what was written, in words.

        Raises:
            RequestError: if the part has lenses of more prompts.
            ExportError: if it cannot be written.
        """
        if not self._part.is_open and next(self._stored, None) is not None:
            raise RequestError(f"{self._part.path} has lenses of more prompts.", "Give all of them, or delete it.")
        written = FILES.export(self._lenses(), self.path, overwrite=self._overwrite)
        self.close()
        self._part.path.unlink()
        return str(written)

    def close(self) -> None:
        """Close the part; what has been written stays."""
        self._part.close()

    def _whole_lines(self) -> Iterator[bytes]:
        """The lines of the part that have an end; none where there is no such file."""
        if self._part.path.exists():
            with self._part.path.open("rb") as file:
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
