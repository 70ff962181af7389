"""The states at the cells of a prompt, of the stream or of a module as wide as it, and their mean kept in a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from selfie_tui.engine.cell_states import CellStates, compared_positions, median_norm, read_cells
from selfie_tui.engine.inspecting.capture import by_token, catch_in_prompt, find_tensor, source_for, stack_of
from selfie_tui.engine.inspecting.peek import caught
from selfie_tui.engine.inspecting.vector_file import write_vector
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.checks import check_position
from selfie_tui.engine.prompts.source import Source, source_of
from selfie_tui.errors import RequestError
from selfie_tui.records import Cell, KeepVector, ModuleTensor, Origin, Request, Token, VectorKept


def read_module(
    model: Model,
    prompt: str,
    tensor: ModuleTensor,
    stack: str = "",
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[torch.Tensor, Source]:
    """A module's input or output at every token of a prompt, `(tokens, width)`, and the prompt.

    Raises:
        RequestError: for a module or tensor that is not there, or that has no tokens.
        PromptError: for a prompt that is empty or too long.
    """
    known = find_tensor(model, tensor)
    source = source_for(model, prompt, known.layout, stack)
    found = catch_in_prompt(model, source, {known.tensor}, lambda _, each: each.clone(), cancelled)
    own = caught(found, known.tensor)
    if not known.layout.fits(own):
        raise RequestError(
            f"The {known.tensor} has no tokens that could be told apart.", "Choose the module that it is part of."
        )
    return by_token(known.layout, own), source


def module_cells(
    model: Model,
    prompt: str,
    tensor: ModuleTensor,
    cells: Sequence[Cell],
    stack: str = "",
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[CellStates, list[Token]]:
    """A module's states at the positions of cells, and the tokens there; raises as `read_module`.

    The norms beside a state are those of the module's states at the other tokens.
    """
    states, source = read_module(model, prompt, tensor, stack, cancelled)
    for cell in cells:
        check_position(source.tokens, cell.position)
    median = median_norm(states[compared_positions(source.tokens)]) if compared_positions(source.tokens) else None
    positions = [cell.position for cell in cells]
    tokens = [source.tokens[position] for position in positions]
    return CellStates(states[positions].to(model.device), (median,) * len(cells)), tokens


def read_states(
    model: Model, request: Request, source: Source, cancelled: Callable[[], bool] = lambda: False
) -> CellStates:
    """The states at the cells of a request, of the stream or of its module, in one forward over its prompt.

    Raises:
        RequestError: for a module that is not there, is not as wide as the stream, or runs in another stack.
    """
    if request.module is None:
        return read_cells(model, source, request.cells, cancelled, request.baselines)
    known = find_tensor(model, request.module)
    stack, width = model.anatomy.stack(request.stack), known.layout.width
    if model.kind == "encoder-decoder" and stack_of(model, known.layout) != stack.name:
        raise RequestError(f"{known.tensor.path} is not in the {stack.name}.", "Choose the other stack's states.")
    if width != stack.width:
        raise RequestError(
            f"The {known.tensor} is {width} wide, and states of {model.name} are {stack.width} wide.",
            "Choose a module that writes into the stream, such as an attention, an MLP or a block.",
        )
    return module_cells(model, request.prompt, known.tensor, request.cells, request.stack, cancelled)[0]


def keep_vector(model: Model, task: KeepVector, cancelled: Callable[[], bool]) -> VectorKept:
    """Write the mean of the states at a task's cells to a file.

    Raises:
        RequestError: for cells that are not there, states that are not finite or not of one width, or a file that
            cannot be written.
    """
    if not task.cells:
        raise RequestError("No cell is chosen.", "Choose at least one.")
    if task.module is None:
        source = source_of(model, task.prompt, task.stack)
        for cell in task.cells:
            model.check_layer(cell.layer, task.stack)
            check_position(source.tokens, cell.position)
        states = read_cells(model, source, task.cells, cancelled)
        tokens, module, stack = [source.tokens[cell.position] for cell in task.cells], None, task.stack
    else:
        known = find_tensor(model, task.module)
        states, tokens = module_cells(model, task.prompt, known.tensor, task.cells, task.stack, cancelled)
        module, stack = known.tensor, stack_of(model, known.layout, task.stack)
    vector = states.vectors.float().mean(0)  # (width,)
    if not bool(vector.isfinite().all()):
        raise RequestError("The state is not finite.", "Choose another cell, or load the model in bf16 or fp32.")
    origin = Origin(model.info(), task.prompt, task.cells, tuple(tokens), stack, module)
    path = write_vector(task.file or task.name, vector, origin, task.overwrite)
    norm = float(vector.norm())
    return VectorKept(file=str(path), name=path.stem, width=len(vector), norm=norm, layers=origin.layer_of_one())
