"""The values of a module at each token that is generated, seen when the model reads the token to go on from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from selfie_tui.engine.anatomy.layouts import Layout
from selfie_tui.engine.inspecting.capture import Catch, Tensors, find_tensor, stack_of
from selfie_tui.engine.inspecting.continuation import Continuation, opening_of
from selfie_tui.engine.inspecting.peek import is_of_stream, nearest
from selfie_tui.engine.inspecting.values import whole_values
from selfie_tui.engine.model import Model
from selfie_tui.errors import RequestError
from selfie_tui.records import ModuleTensor, PeekSteps, StepPeeked


def peek_steps(model: Model, task: PeekSteps, cancelled: Callable[[], bool]) -> Iterator[StepPeeked]:
    """The values at each generated token, an event a token, one behind the text: edits that stand are made.

    Raises:
        RequestError: for a module or tensor that is not there or has no generated tokens, as an encoder's.
        PromptError: as `opening_of`.
        Cancelled: before any block, once `cancelled` gives true.
    """
    known = find_tensor(model, task.module)
    if model.kind == "encoder" or stack_of(model, known.layout, model.anatomy.last.name) != model.anatomy.last.name:
        raise RequestError(
            f"No generated token runs through {known.tensor.path}.", "Look at its values for the prompt."
        )
    opening = opening_of(model, task.prompt, task.max_new_tokens)
    writing = Continuation(model, opening, task.max_new_tokens, model.edits.now, cancelled)
    writing.step()
    for index in range(task.max_new_tokens):
        if index >= len(writing.tokens):
            return
        state = state_while_read(model, known, writing)
        if state is not None:
            yield StepPeeked(
                prompt=task.prompt,
                module=known.tensor,
                stack=stack_of(model, known.layout, task.stack),
                index=index,
                token=writing.tokens[index],
                values=whole_values(state),
                nearest=nearest(model, state, known, task.k) if is_of_stream(model, known, len(state)) else (),
            )


def state_while_read(model: Model, known: Tensors, writing: Continuation) -> torch.Tensor | None:
    """A module's numbers `(width,)` at the newest token of an answer, seen while the next one is computed.

    None where the module is not called for that token, as an expert is not for all.
    """
    catch = Catch(frozenset({known.tensor}), lambda key, tensor: newest(known.layout, tensor))
    with catch.open(model):
        if not writing.step():
            writing.read_last()
    return catch.found.get(known.tensor)


def newest(layout: Layout, tensor: torch.Tensor) -> torch.Tensor:
    """The numbers `(width,)` of the last token in a tensor `(...)`; all of one in which a step has no tokens."""
    return (layout.by_token(tensor, cached=True)[0, -1] if layout.fits(tensor) else tensor).flatten().clone()


__all__ = ["ModuleTensor", "peek_steps"]
