"""A Python script that makes runs again with the library, and compares their words with those that were exported.

Every text in it is an ASCII literal, so that nothing of a prompt or a model can become code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from selfie_tui.records import Cell, Preset, Request
from selfie_tui.results.writers.runs import KeptRun

HEAD = '''\
"""Runs exported by selfie-tui: makes them again, prints each interpretation, and says which texts differ."""

from selfie_tui import load
from selfie_tui.library.api import collect
from selfie_tui.library.inspecting import edited
from selfie_tui.records import Cell, Edit, ModuleTensor, Preset, Request, layer_name
from selfie_tui.text import prose

RUNS = ['''

TAIL = """\
]


def main():
    opened = {}
    total = differing = 0
    for name, device, dtype, layer_paths, edits, request, texts in RUNS:
        asked = name, device, dtype, str(layer_paths)
        if asked not in opened:
            opened = {asked: load(name, device=device, dtype=dtype, layer_paths=layer_paths)}
        with edited(opened[asked], edits) as model:
            result = collect(model, request)
        print("control", prose(result.control.text), sep="\\t")
        for index, each in enumerate(result.interpretations):
            differs = index in texts and texts[index] != each.text
            total, differing = total + (index in texts), differing + differs
            columns = [layer_name(each.cell.layer), str(each.cell.position), prose(each.text)]
            print(*columns, *([f"was: {prose(texts[index])}"] if differs else []), sep="\\t")
    print(f"{total - differing} of {total} texts are the exported ones")


if __name__ == "__main__":
    main()
"""


def write(runs: Iterable[KeptRun], path: Path) -> None:
    """Write the script; raises OSError."""
    with path.open("w", encoding="ascii") as file:
        print(HEAD, file=file)
        for run in runs:
            file.writelines(f"    {line}\n" for line in call(run))
        file.write(TAIL)


def call(run: KeptRun) -> Iterator[str]:
    """The lines of a run: its model and how that was loaded, the request, and the texts by their index."""
    info = run.began.info
    yield "("
    yield f"    {run.began.model!a},"
    yield f"    {info.device if info else 'auto'!a},"
    yield f"    {info.dtype if info else 'auto'!a},"
    yield f"    {(dict(info.layer_paths) if info else {}) or None!a},"
    yield f"    {info.edits if info else ()!a},"
    yield from (f"    {line}" for line in request(run.began.request))
    yield "    {"
    yield from (f"        {index}: {each.text!a}," for index, each in run.in_order())
    yield "    },"
    yield "),"


def request(asked: Request) -> Iterator[str]:
    """The lines that make a request, with every setting that it has."""
    yield "Request("
    for name, value in msgspec.structs.asdict(asked).items():
        yield f"    {name}={literal(value)},"
    yield "),"


def literal(value: Any) -> str:
    """A field of a request as Python."""
    if isinstance(value, Preset):
        fields = msgspec.structs.asdict(value).items()
        return f"Preset({', '.join(f'{name}={each!a}' for name, each in fields)})"
    if isinstance(value, tuple) and value and isinstance(value[0], Cell):
        pairs = ", ".join(f"({cell.layer}, {cell.position})" for cell in value)
        return f"tuple(Cell(*pair) for pair in [{pairs}])"
    return ascii(value)
