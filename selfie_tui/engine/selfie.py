"""The library's front door: open a model and interpret cells of a prompt in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from selfie_tui.engine.interpreting import interpret as run
from selfie_tui.engine.model import Model
from selfie_tui.engine.requests import source_tokens
from selfie_tui.presets import preset_called
from selfie_tui.records import (
    EMBED,
    Cell,
    CellFinished,
    Control,
    ControlFinished,
    Interpretation,
    Notice,
    Preset,
    Request,
)
from selfie_tui.selection import parse_layers, parse_mode, parse_positions


@dataclass(frozen=True)
class Result:
    """What a run gave: the interpretations in the order of the request's cells, and what the prompt says by itself."""

    request: Request
    control: Control
    interpretations: tuple[Interpretation, ...]
    notices: tuple[str, ...] = ()


def interpret(
    model: Model,
    prompt: str,
    *,
    layers: str | Sequence[int] = "all",
    tokens: str | Sequence[int] = "-1",
    preset: str | Preset = "summarize",
    injection_layer: int = EMBED,
    mode: str = "replace",
    strength: float = 1.0,
    max_new_tokens: int = 12,
    relevancy: bool = True,
    random_control: bool = False,
    temperature: float = 0.0,
    seed: int = 0,
) -> Result:
    """Interpret the residual states of `prompt` at every chosen layer and token (SelfIE, arXiv 2403.10949 §3).

    Args:
        model: from `load` or `adopt`.
        prompt: the source prompt whose states are read.
        layers: such as `"embed,0-7"`, `"all"`, or numbers; layer `l` is the output of block `l`, -1 in a sequence is
            `embed`.
        tokens: positions such as `"3,4"`, `"all"`, `"-1"` for the last, or numbers.
        preset: an interpretation prompt by name or in full.
        injection_layer: where the vector is written over the placeholders.
        mode: `replace`, `blend`, `add`, `replace-norm`, `add-norm` or `unit`, with its `strength`.

    Raises:
        SelfieError: for a request that the model cannot fulfil, saying what to change.
    """
    source = source_tokens(model, prompt)
    chosen = parse_layers(layers, model.layers) if isinstance(layers, str) else tuple(layers)
    places = parse_positions(tokens, len(source)) if isinstance(tokens, str) else tuple(tokens)
    request = Request(
        prompt=prompt,
        cells=tuple(Cell(layer, place % len(source) if place < 0 else place) for place in places for layer in chosen),
        preset=preset_called(preset) if isinstance(preset, str) else preset,
        injection_layer=injection_layer,
        mode=parse_mode(mode),
        strength=strength,
        max_new_tokens=max_new_tokens,
        relevancy=relevancy,
        random_control=random_control,
        temperature=temperature,
        seed=seed,
    )
    return collect(model, request)


def collect(model: Model, request: Request) -> Result:
    """Run a request to its end and gather its records."""
    control = Control(kind="none", text="")
    found: dict[int, Interpretation] = {}
    notices = []
    for event in run(model, request):
        match event:
            case ControlFinished(control=finished):
                control = finished
            case CellFinished(index=index, interpretation=interpretation):
                found[index] = interpretation
            case Notice(text=text):
                notices.append(text)
    return Result(request, control, tuple(found[index] for index in sorted(found)), tuple(notices))
