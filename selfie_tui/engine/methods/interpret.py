"""Self-interpretation: a model's hidden state, put into words by the model itself.

One forward over the source prompt reads the residual state `h` at each cell (layer, position). The state is then
written over the placeholders of an interpretation prompt, in the prefill, at the injection layer, and the model goes on
from there: SelfIE (Chen, Vondrick, Mao 2024, arXiv 2403.10949 §3), the same as a Patchscope (Ghandeharioun et al. 2024,
arXiv 2401.06102 §3) whose target prompt asks for a description. All cells, the control without injection and any random
directions are decoded as one batch.

When it misleads: the text can come from the interpretation prompt and not from the state (arXiv 2509.13316), so every
run decodes the prompt with nothing injected too, and a cell with the same text is marked. The model that reads has
facts of its own: the bare embedding of "Eiffel" already reads as a tower in Paris, so that a text says what the model
makes of a vector, not what the vector alone holds. A single greedy text says nothing of its certainty, and a layer far
from the injection layer is written into a stream of another scale. Stronger evidence is a text that early layers of the
same token do not give, and that survives other prompts and injection layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

import torch

from selfie_tui.engine.cell_states import CellStates
from selfie_tui.engine.generation.baselines import bare_embeddings
from selfie_tui.engine.generation.batches import Halved, in_batches
from selfie_tui.engine.generation.plan import plan_run
from selfie_tui.engine.generation.prefill import never
from selfie_tui.engine.inspecting.states import read_states
from selfie_tui.engine.interpretation_run import Run
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.placeholders import TargetPrompt
from selfie_tui.engine.prompts.prepare import prepare
from selfie_tui.records import CellFinished, ControlFinished, Earlier, Event, Interpret, Notice, Request, Token
from selfie_tui.text import visible


def interpret(
    model: Model, request: Request, cancelled: Callable[[], bool] = never, earlier: Earlier | None = None
) -> Iterator[Event]:
    """Run a request: `Progress` at every decoding step, `PartialTexts`, then `ControlFinished` and `CellFinished`.

    The results of an `earlier` run of the same request come first, as they were; only the other cells are decoded.

    Raises:
        SelfieError: before any forward, if the model cannot fulfil the request; after one, if the device has no memory
            for a single cell.
        Cancelled: within one decoding step after `cancelled` gives true; cells already yielded stay valid.
    """
    prepared = prepare(model, request)
    if earlier is not None:
        yield from earlier_results(earlier)
        if len(earlier.interpretations) == len(request.cells):
            return
    tokens = [prepared.source.tokens[cell.position] for cell in request.cells]
    yield from warnings_of(tokens)
    states = read_states(model, request, prepared.source, cancelled)
    yield from interpret_vectors(model, request, states, tokens, prepared.target, cancelled, earlier=earlier)


def run(model: Model, task: Interpret, cancelled: Callable[[], bool]) -> Iterator[Event]:
    """Do an `Interpret` task; raises as `interpret`."""
    yield from interpret(model, task.request, cancelled, task.earlier)


RUNS = {Interpret: run}


def earlier_results(earlier: Earlier) -> Iterator[Event]:
    """The results of an earlier run as if they had just been decoded."""
    yield ControlFinished(control=earlier.control)
    for index, interpretation in earlier.interpretations:
        yield CellFinished(index=index, interpretation=interpretation)


def interpret_vectors(
    model: Model,
    request: Request,
    states: CellStates,
    tokens: Sequence[Token],
    target: TargetPrompt,
    cancelled: Callable[[], bool] = never,
    control: bool = True,
    earlier: Earlier | None = None,
) -> Iterator[Event]:
    """Interpret one vector for each cell of the request; the second half of `interpret`, with the same events.

    Args:
        states: their vectors are `(cells, hidden)`, or `(cells, positions, hidden)` with one for each position of
            `target`. A cell whose vector is not finite is not decoded: its result says so. Without embeddings no
            result has what the bare embedding says.
        tokens: the source token at each cell.
        target: the interpretation prompt.
        control: whether the prompt is also decoded with nothing injected.
        earlier: results of the request that are there already, its control among them: these are left out.

    Raises:
        SelfieError: if the device has no memory for a single cell.
        Cancelled: as `interpret`.
    """
    if hooked := model.blocks_with_new_hooks():
        yield Notice(
            text=f"A hook was put on {', '.join(hooked)} after the model was checked: it changes states after they are "
            "read and written there. Remove it, or open the model again to have it checked with the hook.",
            severity="warning",
        )
    bare = bare_embeddings(request.cells, states)
    vectors = torch.cat([states.vectors, bare.vectors]) if bare.firsts else states.vectors
    plan = plan_run(model, request, vectors, target, cancelled, bare.firsts)
    run = Run(plan, tokens, states.layer_norms, bare.item_of, cancelled, control_pending=control)
    done = run.begin_with(earlier) if earlier else frozenset()
    pending = [index for index in range(len(request.cells)) if index not in done]
    finite = vectors.flatten(1).isfinite().all(-1).tolist()
    yield from run.unreadable([index for index in pending if not finite[index]])
    items = run.items([index for index in pending if finite[index]], finite)
    with closing(plan):
        for event in in_batches(items, plan.batch_size, run.batch, model.device, plan.together):
            if isinstance(event, Halved):
                text = f"Out of memory with {event.size} cells at once: going on with {event.next_size}."
                yield Notice(text=text, severity="warning")
            else:
                yield event


def warnings_of(tokens: Sequence[Token]) -> Iterator[Notice]:
    """That special tokens are read, once for all of them."""
    special = {token.position: token for token in tokens if token.special}
    if special:
        names = ", ".join(f"{position} {visible(token.text)}" for position, token in sorted(special.items()))
        text = f"Special tokens stand for no text, and their states are often attention sinks: {names}."
        yield Notice(text=text, severity="warning")
