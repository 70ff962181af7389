"""A Python script that makes runs again with the library, and compares their results with those that were exported.

Every text in it is an ASCII literal, so that nothing of a prompt or a model can become code.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from selfie_tui.records import Cell, Interpret, Preset, Request
from selfie_tui.results.writers.kinds import written
from selfie_tui.results.writers.runs import KeptRun

HEAD = '''\
"""Runs exported by selfie-tui: makes them again, prints each result, and says which differ."""

from selfie_tui import load
from selfie_tui.library.api import collect
from selfie_tui.library.comparing import collect_compared
from selfie_tui.library.control import collect_controlled
from selfie_tui.library.inspecting import edited
from selfie_tui.library.patching.patched import collect_patched
from selfie_tui.library.steering import collect_steered
from selfie_tui.patch_maps import sites_words, target_tokens
from selfie_tui.records import Cell, CompareModels, ControlLayer, Edit, LoadModel, ModuleTensor
from selfie_tui.records import PatchActivations, PatchedSite, Preset, Request, Steer, layer_name
from selfie_tui.text import prose

RUNS = ['''

TAIL = """\
]


def readings(model, request):
    result = collect(model, request)
    print("control", prose(result.control.text), sep="\\t")
    for index, each in enumerate(result.interpretations):
        yield index, [layer_name(each.cell.layer), str(each.cell.position)], each.text


def scores(model, task):
    result = collect_patched(model, task)
    tokens = target_tokens(result.began)
    for each in result.strongest():
        yield each.index, [sites_words(result.began.sites[each.index], tokens)], each.score


def answers(model, task):
    result = collect_steered(model, task)
    names = ["plain", *(f"{each.strength:g}" for each in result.record.steered)]
    for index, (name, text) in enumerate(zip(names, [result.plain, *result.texts])):
        yield index, [name], text


def compared(model, task):
    asked = task.other
    other = load(asked.name, device=asked.device, dtype=asked.dtype, layer_paths=dict(asked.layer_paths) or None)
    for index, name, text in collect_compared(model, other, task):
        yield index, [name], text


def controlled(model, task):
    after = collect_controlled(model, task).done.after
    said = [*after.interpretations, *after.answers]
    for index, each in enumerate(said):
        yield index, ["after"], each.text


def written(value):
    return prose(value) if isinstance(value, str) else f"{value:.4f}"


def is_same(one, other):
    return one == other or (not isinstance(one, str) and (abs(one - other) < 0.001 or one != one and other != other))


KINDS = {Request: readings, PatchActivations: scores, Steer: answers, CompareModels: compared, ControlLayer: controlled}


def main():
    opened = {}
    total = {"texts": 0, "scores": 0}
    differing = dict(total)
    for name, device, dtype, layer_paths, edits, asked_for, kept in RUNS:
        asked = name, device, dtype, str(layer_paths)
        if asked not in opened:
            opened = {asked: load(name, device=device, dtype=dtype, layer_paths=layer_paths)}
        with edited(opened[asked], edits) as model:
            for index, columns, value in KINDS[type(asked_for)](model, asked_for):
                differs = index in kept and not is_same(kept[index], value)
                kind = "texts" if isinstance(value, str) else "scores"
                total[kind], differing[kind] = total[kind] + (index in kept), differing[kind] + differs
                print(*columns, written(value), *([f"was: {written(kept[index])}"] if differs else []), sep="\\t")
    for kind, count in total.items():
        if count or kind == "texts" and not total["scores"]:
            print(f"{count - differing[kind]} of {count} {kind} are the exported ones")


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
    """The lines of a run: its model and how that was loaded, what was asked, and the results by their index."""
    info, task = run.began.info, run.kind.again(run.began.task)
    yield "("
    yield f"    {run.began.model!a},"
    yield f"    {info.device if info else 'auto'!a},"
    yield f"    {info.dtype if info else 'auto'!a},"
    yield f"    {(dict(info.layer_paths) if info else {}) or None!a},"
    yield f"    {info.edits if info else ()!a},"
    yield from (f"    {line}" for line in (request(task.request) if isinstance(task, Interpret) else [f"{task!a},"]))
    yield "    {"
    yield from (f"        {index}: {number_or_text(each)}," for index, each in written(run).remade(run))
    yield "    },"
    yield "),"


def number_or_text(value: str | float) -> str:
    """A result as Python."""
    return ascii(value) if isinstance(value, str) or math.isfinite(value) else f"float({str(value)!r})"


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
