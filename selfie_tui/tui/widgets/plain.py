"""Runs and interpretations as plain text, for the clipboard."""

from __future__ import annotations

from selfie_tui.marks import mark_of
from selfie_tui.records import layer_name
from selfie_tui.settings import differences
from selfie_tui.tui.render.styles import Look
from selfie_tui.tui.runs import CONTROL, Run


def plain_line(run: Run, index: int, look: Look) -> str:
    """An interpretation as tab-separated text: its cell, its text, its treatment effect, its mark."""
    shown = " ".join(run.text(index).split())
    if index == CONTROL:
        return f"control\t{shown}"
    interpretation = run.interpretations.get(index)
    if interpretation is None:
        return f"{run.label(index, look)}\t{shown}\t\t"
    effect = interpretation.treatment_effect
    number = "" if effect is None else f"{effect:.3f}"
    return f"{run.label(index, look)}\t{shown}\t{number}\t{mark_of(interpretation)}"


def plain_header(run: Run) -> str:
    """A run's request as one line of text."""
    request = run.request
    settings = (
        f"{request.preset.name} at {layer_name(request.injection_layer)}, {request.mode}, strength {request.strength:g}"
    )
    settings = ", ".join([settings, *differences(request)])
    verdict = f" ({run.info.verdict})" if run.info else ""
    stack = f"{request.stack} · " if request.stack else ""
    return f"# {run.model}{verdict} · {stack}{settings} · {request.prompt!r}"
