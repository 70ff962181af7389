"""Every method of vectors, found by its task, leaves the model as it was: done to its end and cancelled anywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from selfie_tui.engine.inspecting.vector_file import write_vector
from selfie_tui.engine.service import METHODS
from selfie_tui.errors import Cancelled
from selfie_tui.records import (
    BrowseDirections,
    CellFinished,
    CompareVectors,
    DirectionsFound,
    Event,
    Head,
    InterpretLines,
    KeepLine,
    KeepMeans,
    Notice,
    Origin,
    Preset,
    Request,
    Steer,
    SteeredSoFar,
    Task,
    VectorKept,
    VectorsCompared,
)
from tests.engine.inspecting.models import PROMPT, build, hooks_of, logits, source

REQUEST = Request(prompt="", cells=(), preset=Preset("mine", "a man _ is in"), max_new_tokens=3)

TASKS: dict[str, tuple[Callable[[str, str, str], Task], type[Event]]] = {
    "means": (lambda line, sae, out: KeepMeans((PROMPT, "a man is"), out, (1, 2), ("the hat",)), VectorKept),
    "heads": (lambda line, sae, out: KeepMeans((PROMPT,), out, heads=(Head(1, 0), Head(2, 3))), VectorKept),
    "line": (lambda line, sae, out: KeepLine(f"2 * {line}", out), VectorKept),
    "line of texts": (lambda line, sae, out: KeepLine(f"'a man'@1 - {line}", out), VectorKept),
    "compare texts": (lambda line, sae, out: CompareVectors(("'a man'@1 - 'hat'@2[0]", "'a man'@1")), VectorsCompared),
    "steer with a text": (lambda line, sae, out: Steer("'a man'@1", PROMPT, (1.0,), max_new_tokens=2), SteeredSoFar),
    "compare": (lambda line, sae, out: CompareVectors((line, f"-{line}"), centred=True), VectorsCompared),
    "browse": (lambda line, sae, out: BrowseDirections(sae, like=line, word="man"), DirectionsFound),
    "interpret": (lambda line, sae, out: InterpretLines(REQUEST, (line, f"3 * {line}")), CellFinished),
    "steer": (lambda line, sae, out: Steer(line, PROMPT, (1.0, 2.0), max_new_tokens=3), SteeredSoFar),
}


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str, str]:
    """A line over a kept vector, a file of directions, and a name to keep something under."""
    kept, directions = tmp_path / "v.safetensors", tmp_path / "sae.safetensors"
    write_vector(str(kept), torch.randn(64, generator=torch.Generator().manual_seed(0)), Origin(None, layers=(1,)))
    save_file({"W_dec": torch.randn(300, 64, generator=torch.Generator().manual_seed(1))}, directions)
    return f'"{kept}"', str(directions), str(tmp_path / "out.safetensors")


@pytest.mark.parametrize("name", TASKS)
def test_a_method_leaves_the_model_as_it_was_to_its_end_and_cancelled(name: str, files: tuple[str, str, str]) -> None:
    model = build("llama")
    make, wanted = TASKS[name]
    task, out = make(*files), Path(files[2])
    run = METHODS[type(task)]
    weights = {each: weight.clone() for each, weight in model.module.state_dict().items()}
    model.sublayers  # noqa: B018 - found once, with hooks of its own
    hooks, clean = hooks_of(model), logits(model, source(model))
    polls = 0

    def count() -> bool:
        nonlocal polls
        polls += 1
        return False

    list(run(model, task, lambda: False))  # what is measured once of a model is known then
    out.unlink(missing_ok=True)
    found = list(run(model, task, count))
    assert any(isinstance(event, wanted) for event in found)
    assert not any(isinstance(event, Notice) and event.severity == "error" for event in found)
    for limit in range(0, polls, max(1, polls // 6)):
        asked = iter(range(polls + 1))
        out.unlink(missing_ok=True)
        with pytest.raises(Cancelled):
            list(run(model, task, lambda asked=asked, limit=limit: next(asked) >= limit))
        assert not out.exists()
    assert hooks_of(model) == hooks
    assert logits(model, source(model)).equal(clean)
    after = model.module.state_dict()
    assert all(weight.equal(after[each]) for each, weight in weights.items())
