"""Lenses as files: the table of `lens_table.COLUMNS`, written prompt by prompt, in the format of the file's ending."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from selfie_tui.ascii_json import encode_ascii
from selfie_tui.lens_table import COLUMNS, cells, values
from selfie_tui.paths import replacing
from selfie_tui.records import Lens, layer_name
from selfie_tui.results.writers import ExportError, check
from selfie_tui.results.writers.csv_file import field
from selfie_tui.results.writers.markdown import escaped, plain
from selfie_tui.results.writers.parquet import arrow_type, encodable
from selfie_tui.text import visible

NAMES = [column.name for column in COLUMNS]


def json_lines(lens: Lens) -> Iterator[bytes]:
    """The cells of a lens, one JSON object a line, without the lines' ends."""
    return (encode_ascii(dict(zip(NAMES, values(cell), strict=True))) for cell in cells(lens))


def write_json_lines(lenses: Iterable[Lens], path: Path) -> None:
    """Write lenses as JSON lines; raises OSError."""
    with path.open("wb") as file:
        for lens in lenses:
            file.writelines(line + b"\n" for line in json_lines(lens))


def write_csv(lenses: Iterable[Lens], path: Path) -> None:
    """Write lenses as CSV, lists as JSON; raises OSError."""
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(NAMES)
        for lens in lenses:
            lines.writerows([field(value) for value in values(cell)] for cell in cells(lens))


def write_parquet(lenses: Iterable[Lens], path: Path) -> None:
    """Write lenses as a typed table, a group of rows a prompt; raises OSError."""
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")  # heavy, and not always installed
    schema = arrow.schema([(column.name, arrow_type(arrow, column.kind)) for column in COLUMNS])
    with parquet.ParquetWriter(path, schema) as writer:
        for lens in lenses:
            table = [[encodable(value) for value in values(cell)] for cell in cells(lens)]
            if table:
                columns = dict(zip(NAMES, zip(*table, strict=True), strict=True))
                writer.write_table(arrow.table(columns, schema=schema))


def write_markdown(lenses: Iterable[Lens], path: Path) -> None:
    """Write lenses for people: layers down, tokens across, in each cell the top token; raises OSError."""
    with path.open("w", encoding="utf-8") as file:
        for lens in lenses:
            file.writelines(f"{line}\n" for line in section(lens))


def section(lens: Lens) -> Iterator[str]:
    """The lines of a lens in Markdown."""
    info = lens.info
    facts = (info.name, info.revision, info.device, info.dtype, info.verdict) if info else ()
    yield f"## {plain(lens.prompt)}"
    yield ""
    yield f"- model: {plain(' · '.join(part for part in facts if part))}"
    yield f"- lens: {plain(lens.tuned or 'logit lens')}"
    yield ""
    yield f"| | {' | '.join(f'{token.position} {escaped(visible(token.text))}' for token in lens.tokens)} |"
    yield f"|---|{'---|' * len(lens.tokens)}"
    for layer in lens.layers():
        found = [row.top[0] for row in lens.rows if row.cell.layer == layer and row.top]
        shown = [f"{escaped(visible(token.text))} {token.probability:.2f}" for token in found]
        yield f"| {layer_name(layer)} | {' | '.join(shown)} |"
    yield f"| says | {' | '.join(escaped(visible(answer.text)) for answer in lens.answers)} |"
    yield ""


WRITERS: dict[str, Callable[[Iterable[Lens], Path], None]] = {
    ".jsonl": write_json_lines,
    ".csv": write_csv,
    ".md": write_markdown,
    ".parquet": write_parquet,
}
"""The formats by the ending of their files."""


def check_lens_file(path: Path, overwrite: bool = False) -> None:
    """Refuse a file that lenses cannot be written to; raises as `check`."""
    check(path, overwrite)
    if path.suffix.lower() not in WRITERS:
        raise ExportError(f"A lens is not written as {path.suffix}.", f"Use one of: {' '.join(WRITERS)}.")


class ExportedLenses(NamedTuple):
    """What was written: the file, and how many prompts and cells it holds."""

    path: Path
    prompts: int
    cells: int

    def __str__(self) -> str:
        of = "" if self.prompts == 1 else f" of {self.prompts} prompts"
        return f"{self.cells} cell{'' if self.cells == 1 else 's'}{of}: {self.path}"


def export_lenses(lenses: Iterable[Lens], path: Path, *, overwrite: bool = False) -> ExportedLenses:
    """Write lenses to a file as they come, in the format of its ending.

    Raises:
        FileThere: for a file that is there, unless it is to be overwritten.
        ExportError: as `check`, or for a disk that refuses.
    """
    check_lens_file(path, overwrite)
    counts: Counter[str] = Counter()

    def counted() -> Iterator[Lens]:
        for lens in lenses:
            counts.update(prompts=1, cells=len(lens.rows))
            yield lens

    try:
        with replacing(path) as fresh:
            WRITERS[path.suffix.lower()](counted(), fresh)
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror or error}.", "Choose another file.") from error
    return ExportedLenses(path, counts["prompts"], counts["cells"])
