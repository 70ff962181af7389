"""Every task of the service leaves the model as it was, bit for bit: done to its end, and cancelled on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from selfie_tui.engine import kept_states
from selfie_tui.engine.inspecting.vector_file import write_vector
from selfie_tui.engine.model import Model
from selfie_tui.engine.patching.attribution import Attribution
from selfie_tui.engine.patching.metrics import Metric
from selfie_tui.engine.patching.pair import PromptPair
from selfie_tui.engine.patching.paths import Path as Way
from selfie_tui.engine.patching.scores import path_scores
from selfie_tui.engine.patching.sites import PatchSite
from selfie_tui.engine.service import METHODS, METHODS_OF_TWO
from selfie_tui.errors import Cancelled
from selfie_tui.presets import preset_called
from selfie_tui.records import (
    Answer,
    BrowseDirections,
    Calibrate,
    Cell,
    CompareLenses,
    CompareModels,
    CompareVectors,
    ControlLayer,
    Edit,
    Interpret,
    InterpretLines,
    KeepLine,
    KeepMeans,
    KeepVector,
    LoadModel,
    ModuleTensor,
    Origin,
    PatchActivations,
    Peek,
    PeekSteps,
    PreviewPreset,
    ReadAttention,
    ReadLens,
    ReadModules,
    ReadVectorFile,
    Request,
    SetEdits,
    Steer,
    Task,
    Tokenize,
)

PROMPT = "The Eiffel Tower is located in the city of"
CLEAN, CORRUPT = "Paris is the capital of", "Rome is the capital of"
MLP = ModuleTensor("model.layers.3.mlp")
PRESET = preset_called("summarize")
REQUEST = Request(PROMPT, (Cell(2, 2), Cell(6, 9)), PRESET, max_new_tokens=3)
ONE_CELL = Request(PROMPT, (Cell(5, 9),), PRESET, max_new_tokens=3)

Run = Callable[[Model, Callable[[], bool]], object]


def tasks(folder: Path) -> dict[str, Task]:
    """One of each task; those that write a file write it to `out`."""
    kept, many, out = (folder / f"{name}.safetensors" for name in ("kept", "many", "out"))
    write_vector(str(kept), torch.randn(256, generator=torch.Generator().manual_seed(0)), Origin(None, layers=(3,)))
    save_file({"W_dec": torch.randn(300, 256, generator=torch.Generator().manual_seed(1))}, many)
    line = f'"{kept}"'
    found: tuple[Task, ...] = (
        Tokenize(PROMPT),
        PreviewPreset(PRESET),
        ReadLens(PROMPT, (2, 9), track="Paris"),
        CompareLenses(CLEAN, (1, 2), CORRUPT, (1, 2)),
        Interpret(REQUEST),
        ReadModules(),
        Peek(PROMPT, MLP, 2),
        PeekSteps(PROMPT, MLP, max_new_tokens=3),
        ReadAttention(PROMPT, "model.layers.3"),
        Answer(PROMPT, max_new_tokens=3),
        SetEdits((Edit("model.layers.3.mlp", "zero"),)),
        KeepVector(PROMPT, (Cell(2, 2),), str(out)),
        Calibrate(PRESET, max_new_tokens=3),
        PatchActivations(CLEAN, CORRUPT, "France", "Italy"),
        KeepMeans((PROMPT, CLEAN), str(out), (1, 2), (CORRUPT,)),
        KeepLine(f"2 * {line}", str(out)),
        CompareVectors((line, f"-{line}")),
        BrowseDirections(str(many), like=line),
        ReadVectorFile(str(many)),
        InterpretLines(REQUEST, (line,)),
        Steer(line, PROMPT, (1.0,), layers=(3,), max_new_tokens=3),
        CompareModels(LoadModel("demo"), PROMPT, (2, 9), (2, 6), request=REQUEST, texts=(PROMPT, CLEAN) * 3),
        ControlLayer(
            Request(PROMPT, (Cell(5, 9),), PRESET, max_new_tokens=3),
            like=CLEAN,
            retain=(CLEAN,),
            steps=2,
            answer_tokens=3,
        ),
    )
    return {type(task).__name__: task for task in found}


ASKED = sorted(task.__name__ for task in (*METHODS, *METHODS_OF_TWO))

PAIR = PromptPair(tuple(range(20, 29)), tuple(range(40, 49)))
CALLS: dict[str, Run] = {
    "paths": lambda model, cancelled: path_scores(
        model, PAIR, [Way((PatchSite("o", 1, (8,), (2,)),), (PatchSite("q", 3, (8,)),), True)], 20, 30,
        cancelled=cancelled,
    ).all(),
    "attribution": lambda model, cancelled: Attribution(
        model, PAIR, [(PatchSite("mlp", 2, (8,)),)], Metric("logit_difference", 20, 30), steps=3, cancelled=cancelled
    ).scores(),
}  # fmt: skip
"""What is in the library and no task."""


def logits(model: Model) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.module(torch.tensor([PAIR.target])).logits
    return found


def hooks_of(model: Model) -> list[Any]:
    parts = model.module.modules()
    return [(*part._forward_hooks, *part._forward_pre_hooks, *part._backward_hooks) for part in parts]


def assert_nothing_left(model: Model, run: Run, undo: Callable[[], None], out: Path) -> None:
    """The model is as before once a run has ended, and once it was cancelled at some of the times that it asks."""
    weights = {name: weight.clone() for name, weight in model.module.state_dict().items()}
    model.sublayers  # noqa: B018 - found once, with hooks of its own
    hooks, clean = hooks_of(model), logits(model)
    polls = 0

    def count() -> bool:
        nonlocal polls
        polls += 1
        return False

    undo()
    run(model, count)
    undo()
    assert hooks_of(model) == hooks
    assert logits(model).equal(clean)
    for limit in sorted({0, polls // 3, polls // 2}) if polls else ():
        asked = iter(range(polls + 1))
        out.unlink(missing_ok=True)
        with pytest.raises(Cancelled):
            run(model, lambda asked=asked, limit=limit: next(asked) >= limit)  # type: ignore[misc]
        undo()
        assert hooks_of(model) == hooks
        assert logits(model).equal(clean)
    after = model.module.state_dict()
    assert all(weight.equal(after[name]) for name, weight in weights.items())
    assert all(weight.grad is None for weight in model.module.parameters())
    assert not model.module.training


@pytest.mark.parametrize("name", ASKED)
def test_a_task_leaves_the_model_as_it_was_to_its_end_and_cancelled(name: str, demo: Model, tmp_path: Path) -> None:
    given = tasks(tmp_path)
    assert name in given, f"{name} is a new task: it belongs in the list of this test"
    task = given[name]

    def run(model: Model, cancelled: Callable[[], bool]) -> list[object]:
        if type(task) in METHODS_OF_TWO:
            return list(METHODS_OF_TWO[type(task)](model, demo, task, cancelled))
        return list(METHODS[type(task)](model, task, cancelled))

    def undo() -> None:
        kept_states._kept.clear()  # so that what was read once is read again
        if isinstance(task, SetEdits):
            list(METHODS[SetEdits](demo, SetEdits(), lambda: False))

    assert_nothing_left(demo, run, undo, tmp_path / "out.safetensors")


@pytest.mark.parametrize("name", CALLS)
def test_a_call_leaves_the_model_as_it_was_to_its_end_and_cancelled(name: str, demo: Model, tmp_path: Path) -> None:
    assert_nothing_left(demo, CALLS[name], lambda: None, tmp_path / "out.safetensors")
