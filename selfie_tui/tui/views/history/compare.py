"""Two runs side by side: in which of the cells that both have read the words differ."""

from __future__ import annotations

from typing import NamedTuple

from selfie_tui.records import Cell, layer_name
from selfie_tui.settings import SETTINGS
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces
from selfie_tui.tui.runs import Run


class Compared(NamedTuple):
    """How two runs compare: what was asked otherwise, the cells that both have, and those with other words."""

    settings: tuple[str, ...]
    shared: int
    differing: tuple[tuple[str, str, str], ...]
    """The label of a cell, and its two texts."""


def compare(first: Run, second: Run) -> Compared:
    """Compare what two runs say of the same cells, layer and position; prompts may be others."""
    texts, others = _texts(first), _texts(second)
    shared = [cell for cell in texts if cell in others]
    differing = tuple(
        (_label(cell, first, second), texts[cell], others[cell])
        for cell in shared
        if texts[cell].strip() != others[cell].strip()
    )
    return Compared(_settings(first, second), len(shared), differing)


def compared_lines(first: Run, second: Run, width: int, look: Look) -> list[Pieces]:
    """The comparison as a page."""
    found = compare(first, second)
    lines: list[Pieces] = []
    for name, run in (("A", first), ("B", second)):
        named = [look.prose(run.model), *([run.info.dtype, run.info.device] if run.info else []), run.description()]
        lines += flow([Piece(f"{name}  ", "key"), Piece(" · ".join(named), "dim")], width)
    for changed in found.settings:
        lines += flow([Piece(look.prose(changed), "warn")], width)
    lines += [(), *flow([Piece(_summary(found), "strong")], width)]
    for label, before, after in found.differing:
        lines += [(), (Piece(look.prose(label), "key"),)]
        lines += flow([Piece("A  ", "key"), Piece(look.prose(before.strip()))], width)
        lines += flow([Piece("B  ", "key"), Piece(look.prose(after.strip()))], width)
    return lines


def _summary(found: Compared) -> str:
    if not found.shared:
        return "The two runs have no cell in common."
    if not found.differing:
        return f"All {found.shared} cells that both have say the same words."
    return f"{len(found.differing)} of {found.shared} cells that both have say other words."


def _texts(run: Run) -> dict[Cell, str]:
    return {found.cell: found.text for found in run.interpretations.values()}


def _label(cell: Cell, first: Run, second: Run) -> str:
    tokens = [run.sources[cell.position].text.strip() for run in (first, second)]
    named = tokens[0] if tokens[0] == tokens[1] else " | ".join(tokens)
    return f"{layer_name(cell.layer)} · {cell.position} {named}"


def _settings(first: Run, second: Run) -> tuple[str, ...]:
    """What was asked otherwise, a line each."""
    a, b = first.request, second.request
    prompts = [f"prompt: “{a.prompt}” | “{b.prompt}”"] if a.prompt != b.prompt else []
    return (
        *prompts,
        *(
            f"{setting.field.replace('_', ' ')}: {setting.written(a)} | {setting.written(b)}"
            for setting in SETTINGS
            if setting.of(a) != setting.of(b)
        ),
    )
