"""Control of a layer in a call: its MLP trained towards a target on a copy, with what was before and after."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from selfie_tui.control_table import columns_of
from selfie_tui.engine.edits import ReadyEdit
from selfie_tui.engine.generation.prefill import never
from selfie_tui.engine.inspecting.standing import let_stand
from selfie_tui.engine.methods.control import LayerEvent, control
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.source import source_tokens
from selfie_tui.engine.vectors.lines import line_value
from selfie_tui.errors import RequestError
from selfie_tui.library.arguments import Facade, as_bool, as_float, as_int, as_list, as_model
from selfie_tui.library.cells import Layer, layer_number, positions_in
from selfie_tui.library.interpretation_prompt import Prompt
from selfie_tui.library.requests import make_request, prompt_text, settings_in
from selfie_tui.library.steering import AnyVector, as_vector
from selfie_tui.library.tables import Table
from selfie_tui.records import Cell, ControlLayer, LayerControlBegan, LayerControlled, LayerControlStep


@dataclass(frozen=True)
class LayerControl(Table):
    """What became of a layer that was trained: where it stood, and what came of it.

    The table has a row for each cell, each answer and each retained prompt, before and after.
    """

    began: LayerControlBegan
    done: LayerControlled

    def columns(self) -> dict[str, list[Any]]:
        """Equally long lists: `kind`, `prompt`, `before`, `after`, `kl`, `agreement`, `loss_before`, `loss_after`.

        A row is a `reading` of a cell, an `answer`, a `retained` prompt, or one that was `held out`; of the latter two
        `before` and `after` are the next tokens. What a row does not have is None.
        """
        return columns_of(self.began, self.done)


@dataclass(frozen=True)
class ControlledLayer(LayerControl):
    """A layer that was trained, with each step and the edit by which it is applied."""

    model: Model
    steps: tuple[LayerControlStep, ...]
    edit: ReadyEdit

    @property
    def weights(self) -> Mapping[str, torch.Tensor]:
        """The trained weights `(...)` by their names in the module, in the model's number format."""
        return self.edit.weights or {}

    @contextmanager
    def applied(self) -> Iterator[Model]:
        """While open, the model computes with the trained weights, beside the edits that stand."""
        before = self.model.edits.now
        let_stand(self.model, (*before, self.edit))
        try:
            yield self.model
        finally:
            let_stand(self.model, before)


def control_layer(
    model: Model | Facade,
    prompt: str,
    layer: Layer,
    *,
    toward: AnyVector | None = None,
    like: str = "",
    like_position: int = -1,
    positions: int | Sequence[int] = -1,
    retain: str | Sequence[str] = (),
    held_out: str | Sequence[str] = (),
    also: str | Sequence[str] = (),
    steps: int = 60,
    rate: float = 0.01,
    keep: float = 1.0,
    random: bool = False,
    answer_tokens: int = 12,
    preset: Prompt = "summarize",
    injection_layer: Layer = "embed",
    mode: str = "replace",
    strength: float = 1.0,
    max_new_tokens: int = 12,
    seed: int = 0,
    stack: str = "",
    file: str = "",
    overwrite: bool = False,
) -> ControlledLayer:
    """Move a layer's output at tokens of a prompt to a target, by training a copy of its MLP (SelfIE's control).

    The model itself is not changed: `applied()` of the result has it compute with the trained weights for a while.

    Args:
        toward: the target: a vector, a line over vectors that were kept, or numbers `(width,)`.
        like: in its place a prompt, whose state at the same layer and at its token `like_position` is the target.
        positions: tokens of `prompt` whose states are moved; negative ones count from the end.
        retain: prompts whose states are held where they are, with `keep` times the weight of the target.
        held_out: prompts that are not trained on, of which only what becomes of them is measured.
        also: prompts whose answers are shown beside that to `prompt`, such as the same question in other words.
        rate: by how much of its tensor's root mean square a step moves each weight at most, about.
        random: a target as far away in a random direction, by `seed`, as a control.
        file: a name, or the path of a file that ends in `.safetensors`, under which the weights are kept.

    Raises:
        RequestError: for what cannot be trained, a target that does not fit, or settings out of range.
        PromptError: for a prompt that is empty or too long.
    """
    settings = settings_in(locals())
    opened, text = as_model(model), prompt_text(prompt)
    source = source_tokens(opened, text, stack)
    cells = [Cell(layer_number(layer), position) for position in positions_in(source, positions)]
    vector = None if toward is None else as_vector(toward, "the target", model)
    if vector is not None and like:
        raise RequestError("There are two targets.", "Give toward or like, not both.")
    task = ControlLayer(
        request=make_request(text, cells, preset, settings),
        line="" if vector is None else vector.name or "a vector",
        like=prompt_text(like),
        like_position=as_int(like_position, "token position"),
        retain=prompts_in(retain),
        held_out=prompts_in(held_out),
        also=prompts_in(also),
        steps=as_int(steps, "number of steps"),
        rate=as_float(rate, "rate"),
        keep=as_float(keep, "weight of what is retained"),
        random=as_bool(random, "random"),
        answer_tokens=as_int(answer_tokens, "number of tokens"),
        file=file,
        overwrite=as_bool(overwrite, "overwrite"),
    )
    return collected(opened, control(opened, task, vector, never))


def prompts_in(prompts: str | Sequence[str]) -> tuple[str, ...]:
    """One or more prompts; raises RequestError for what is none."""
    return tuple(prompt_text(each) for each in as_list(prompts, "prompt"))


def collected(model: Model, events: Generator[LayerEvent, None, ReadyEdit]) -> ControlledLayer:
    """The events of a control as one result; raises as they do."""
    found: list[LayerEvent] = []

    def watch() -> Iterator[LayerEvent]:
        edit.append((yield from events))

    edit: list[ReadyEdit] = []
    found.extend(watch())
    began, *steps, done = found
    assert isinstance(began, LayerControlBegan)
    assert isinstance(done, LayerControlled)
    taken = tuple(each for each in steps if isinstance(each, LayerControlStep))
    return ControlledLayer(began, done, model, taken, edit[0])


def collect_controlled(model: Model, task: ControlLayer) -> LayerControl:
    """Do a task whose target is a line over kept vectors, or another prompt; raises as `control`."""
    vector = line_value(task.line, model, never) if task.line else None
    return collected(model, control(model, task, vector, never))
