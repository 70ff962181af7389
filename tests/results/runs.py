"""Runs that the tests of what is kept write, without a model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from selfie_tui.presets import PRESETS
from selfie_tui.records import CONTROL, Cell, Control, GeneratedToken, Interpret, Interpretation, Request, Token
from selfie_tui.results.entries import Entry, Result, RunBegan, RunEnded, encode


def began(number: int = 1, prompt: str = "The Eiffel Tower", cells: int = 3, **fields) -> RunBegan:
    request = Request(prompt=prompt, cells=tuple(Cell(layer, 2) for layer in range(cells)), preset=PRESETS[0])
    fields = {"model": "demo", "began": f"2026-01-01T00:00:{number:02}+00:00", **fields}
    return RunBegan(run=number, task=Interpret(request), **fields)


def reading(layer: int, text: str, effect: float = 0.25) -> Interpretation:
    tokens = tuple(GeneratedToken(f" {word}", index, 0.5, effect) for index, word in enumerate(text.split()))
    return Interpretation(Cell(layer, 2), Token(2, 7, " Tower"), text, tokens, 4.5, effect)


def run_of(texts: Sequence[str], number: int = 1, ending: str | None = "finished", **fields) -> list[Entry]:
    """The entries of a run that says these texts of its first cells."""
    cells = fields.pop("cells", len(texts))
    return [
        began(number, cells=cells, **fields),
        Result(number, CONTROL, Control("none", "the message is empty.")),
        *(Result(number, index, reading(index, text)) for index, text in enumerate(texts)),
        *([RunEnded(number, ending)] if ending else []),
    ]


def write(path: Path, *runs: Iterable[Entry]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.writelines(encode(entry) + b"\n" for run in runs for entry in run)
    return path


def with_fields(entry: RunBegan, **fields) -> RunBegan:
    return msgspec.structs.replace(entry, **fields)
