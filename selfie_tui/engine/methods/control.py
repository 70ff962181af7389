"""Control of a layer: its output at a cell moved to a target by training its MLP, and what else that changes.

Supervised control (SelfIE: Chen, Vondrick, Mao 2024, arXiv 2403.10949, "Supervised Control") edits what a state is read
as: the layer's weights are trained so that the state becomes a target, with gradients through that layer alone. Here
the MLP alone is trained, on a copy of its weights, with the states of prompts to retain held where they are; the loaded
model computes with the copy for as long as it is asked to, and no number of its own is written to. That an MLP's
weights hold what is recalled of a subject, and can be changed to recall another thing, is also what ROME (Meng et al.
2022, arXiv 2202.05262) rests on.

When it misleads: a state that was moved to a target reads and answers as the target does by construction; what was
learnt shows only in prompts that were not trained on: other wordings of the same fact, which need not follow, and other
facts, which must not (Cohen et al. 2023, arXiv 2307.12976). Many layers can be trained to the same answer, also some
that do not hold the fact, so that success does not say where it was (Hase et al. 2023, arXiv 2301.04213). A small
divergence on sentences of another kind says little of those like the prompt: hold some of these out. Where a norm
follows the MLP (Gemma 2), what it adds has a length of its own, and not every target is within reach.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import torch
from torch.nn.functional import normalize

from selfie_tui.engine.cell_states import CellStates, read_cells
from selfie_tui.engine.control.block_runs import block_runs, read_run
from selfie_tui.engine.control.mlp import LayerMlp, find_mlp
from selfie_tui.engine.control.retention import HELD_OUT, RETAINED, Retention, after, before
from selfie_tui.engine.control.training import Training
from selfie_tui.engine.edits import ReadyEdit
from selfie_tui.engine.inspecting.continuation import Continuation, opening_of
from selfie_tui.engine.inspecting.standing import weights_edit
from selfie_tui.engine.inspecting.weights_file import checked_path, write_weights
from selfie_tui.engine.methods.interpret import interpret_vectors
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.prepare import Prepared, prepare
from selfie_tui.engine.prompts.source import source_of
from selfie_tui.engine.vectors.lines import line_value
from selfie_tui.engine.vectors.vector import Vector, check_fits, notices_of
from selfie_tui.errors import RequestError
from selfie_tui.parse import from_end
from selfie_tui.records import (
    Answered,
    CellFinished,
    Control,
    ControlFinished,
    ControlLayer,
    Event,
    Interpretation,
    LayerControlBegan,
    LayerControlled,
    LayerControlStep,
    LayerState,
    Notice,
    WeightsOrigin,
)

Poll = Callable[[], bool]
LayerEvent = LayerControlBegan | LayerControlStep | LayerControlled


def run(model: Model, task: ControlLayer, cancelled: Poll) -> Iterator[Event]:
    """Do a `ControlLayer` task; raises as `control` and `line_value`."""
    vector = line_value(task.line, model, cancelled) if task.line else None
    for notice in notices_of(model, vector) if vector else ():
        yield Notice(text=notice, severity="warning")
    yield from control(model, task, vector, cancelled)


def control(
    model: Model, task: ControlLayer, vector: Vector | None, cancelled: Poll
) -> Generator[LayerEvent, None, ReadyEdit]:
    """Train a layer: `LayerControlBegan`, a `LayerControlStep` a step, and `LayerControlled`.

    Returns the edit by which the MLP computes with the trained weights. Those of a task with a `file` are written there
    at the end.

    Raises:
        RequestError: for what cannot be trained, a target that does not fit or is not told, numbers out of range.
        PromptError: for a prompt that is empty or, with the answer, too long.
        Cancelled: before any block, once `cancelled` gives true; nothing is kept, and the model is as it was.
    """
    prepared, mlp = checked(model, task)
    path = checked_path(task.file, task.overwrite) if task.file else None
    layer = Layer(model, task, prepared, mlp, cancelled)
    was = layer.states()
    target = layer.target(was.vectors, vector)
    apart = (target - was.vectors.float()).norm(dim=-1)  # (cells,)
    if not float(apart.min()) > 0:
        raise RequestError("A cell is the target already.", "Choose another target, or another cell.")
    state, without_cell = layer.state(was, None)
    yield LayerControlBegan(
        layer=mlp.layer,
        module=mlp.path,
        parameters=sum(each.numel() for each in mlp.weights(model).values()),
        tokens=tuple(prepared.source.tokens[cell.position] for cell in task.request.cells),
        distance=float(apart.mean()),
        norm=float(was.vectors.float().norm(dim=-1).mean()),
        before=state,
        control=without_cell,
    )
    kept = layer.retention()
    training, curve = layer.training(target), []
    for index, (distance, drift) in enumerate(training.steps(task.steps, cancelled), 1):
        curve.append((distance, drift))
        yield LayerControlStep(step=index, steps=task.steps, distance=distance, drift=drift)
    weights = weights_edit(model, mlp.path, training.weights(), task.file)
    now = layer.states(weights)
    left = ((target - now.vectors.float()).square().sum(-1) / apart.square()).mean().sqrt()
    state, _ = layer.state(now, weights)
    done = LayerControlled(
        layer=mlp.layer,
        module=mlp.path,
        distance=float(left),
        drift=training.drift(cancelled),
        changed=training.changed(),
        after=state,
        retained=tuple(after(model, each, weights, cancelled) for each in kept),
        curve=tuple(curve),
        file="" if path is None else str(path),
    )
    if path is not None:
        origin = WeightsOrigin(model.info(), task, mlp.path, mlp.layer, done.distance, done.drift)
        write_weights(path, weights.weights or {}, origin)
    yield done
    return weights


def checked(model: Model, task: ControlLayer) -> tuple[Prepared, LayerMlp]:
    """The prompts of a task and the MLP that it trains; raises as `control`."""
    request = task.request
    prepared = prepare(model, request)
    layers = {cell.layer for cell in request.cells}
    if len(layers) != 1 or request.module is not None:
        raise RequestError("Control is of one layer.", "Choose cells of one layer.")
    if bool(task.line) == bool(task.like):
        raise RequestError("There is no target, or there are two.", "Give a vector, or a prompt to be like.")
    if task.steps < 1 or task.answer_tokens < 1:
        raise RequestError("No step would be taken, or no token generated.", "Ask for at least one.")
    for name, value in (("rate", task.rate), ("weight of what is retained", task.keep)):
        if not math.isfinite(value) or value < 0 or (name == "rate" and not value):
            raise RequestError(f"The {name} is {value}.", "Give a number such as 0.01 or 1.")
    return prepared, find_mlp(model, layers.pop(), request.stack)


@dataclass(frozen=True)
class Layer:
    """A layer that is controlled, and how its cells are read with any weights."""

    model: Model
    task: ControlLayer
    prepared: Prepared
    mlp: LayerMlp
    cancelled: Poll

    @property
    def cells(self) -> tuple[int, ...]:
        """The positions of the cells, each once."""
        return tuple(dict.fromkeys(cell.position for cell in self.task.request.cells))

    def states(self, weights: ReadyEdit | None = None) -> CellStates:
        """The states at the cells, as they are or with other weights."""
        request = self.task.request
        with self.model.edits.replaced(self.edits(weights)):
            return read_cells(self.model, self.prepared.source, request.cells, self.cancelled, request.baselines)

    def edits(self, weights: ReadyEdit | None) -> tuple[ReadyEdit, ...]:
        """The edits that stand, and other weights after them."""
        return (*self.model.edits.now, *([weights] if weights else []))

    def target(self, states: torch.Tensor, vector: Vector | None) -> torch.Tensor:
        """The target of each of the states `(cells, width)`, in float32; raises as `control`."""
        target = self.like_state() if vector is None else self.own_row(vector)
        rows = target.to(states.device).expand(len(states), -1)
        if not self.task.random:
            return rows
        drawn = torch.randn(states.shape, generator=torch.Generator().manual_seed(self.task.request.seed))
        lengths = (rows - states.float()).norm(dim=-1, keepdim=True)
        moved: torch.Tensor = states.float() + lengths * normalize(drawn.to(states.device), dim=-1)
        return moved

    def own_row(self, vector: Vector) -> torch.Tensor:
        """The vector `(width,)` of the layer, or the only one; raises RequestError where it does not fit."""
        check_fits(self.model, vector, self.task.request.stack)
        own = vector if len(vector.rows) == 1 else vector.at(self.mlp.layer)
        return own.rows[0]

    def like_state(self) -> torch.Tensor:
        """The state `(width,)` of the prompt that is to be like, in float32; raises as `control`."""
        source = source_of(self.model, self.task.like, self.task.request.stack)
        position = from_end(self.task.like_position, len(source.tokens), "token")
        found = self.model.read(source.ids, [self.mlp.layer], [position], self.cancelled, source.prefix)
        state = found[self.mlp.layer][0].float()
        if not bool(state.isfinite().all()):
            raise RequestError("The state that is to be like is not finite.", "Choose another token.")
        return state

    def training(self, target: torch.Tensor) -> Training:
        """The training towards a target `(cells, width)`."""
        task, model, block = self.task, self.model, self.mlp.block
        prompts = task.retain or RETAINED
        sources = [source_of(model, prompt, task.request.stack) for prompt in prompts]
        run = read_run(model, block, [self.prepared.source], self.cancelled)
        retained = list(block_runs(model, block, sources, self.cancelled))
        first = [
            next(index for index, cell in enumerate(task.request.cells) if cell.position == at) for at in self.cells
        ]
        return Training(
            model, self.mlp, run, self.cells, target[first], retained, task.rate, task.keep, task.request.seed
        )

    def retention(self) -> list[Retention]:
        """The prompts that are not to change, as they are now."""
        task = self.task
        prompts = [(each, False) for each in task.retain or RETAINED]
        prompts += [(each, True) for each in task.held_out or HELD_OUT]
        return [before(self.model, prompt, held_out, self.cancelled) for prompt, held_out in prompts]

    def state(self, states: CellStates, weights: ReadyEdit | None) -> tuple[LayerState, Control | None]:
        """What the states say, read by the model as it is, and the answers with the weights; and the control."""
        texts, control = self.interpretations(states)
        prompts = dict.fromkeys((self.task.request.prompt, *self.task.also))
        return LayerState(tuple(texts), tuple(self.answer(prompt, weights) for prompt in prompts)), control

    def interpretations(self, states: CellStates) -> tuple[list[Interpretation], Control | None]:
        """The states put into words by the model with the edits that stand, and the prompt without any."""
        request, source = self.task.request, self.prepared.source
        tokens = [source.tokens[cell.position] for cell in request.cells]
        found: dict[int, Interpretation] = {}
        control = None
        for event in interpret_vectors(self.model, request, states, tokens, self.prepared.target, self.cancelled):
            if isinstance(event, CellFinished):
                found[event.index] = event.interpretation
            elif isinstance(event, ControlFinished):
                control = event.control
        return [found[index] for index in sorted(found)], control

    def answer(self, prompt: str, weights: ReadyEdit | None) -> Answered:
        """The greedy answer to a prompt; raises PromptError, and Cancelled."""
        count = self.task.answer_tokens
        opening = opening_of(self.model, prompt, count)
        answer = Continuation(self.model, opening, count, self.edits(weights), self.cancelled)
        while answer.step():
            pass
        return Answered(prompt, tuple(answer.tokens))


RUNS = {ControlLayer: run}
