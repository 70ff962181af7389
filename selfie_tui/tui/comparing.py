"""A comparison with another model as the interface asks for it: of what is marked of the prompt, or of all of it."""

from __future__ import annotations

from selfie_tui.errors import SelfieError
from selfie_tui.interpret_settings import InterpretSettings
from selfie_tui.records import CompareModels, LoadModel, ModelInfo, ordinary_positions
from selfie_tui.tui.state import AppState


def compare_with(
    state: AppState, name: str, device: str, dtype: str, settings: InterpretSettings | None = None
) -> None:
    """Have the prompt compared in the current model and in another; with `settings` also in words.

    The tokens and layers are those that are marked, or all of them.

    Raises:
        SelfieError: where there is no model or the tokens are not there.
    """
    if state.model is None or not state.ready or not state.selection.tokens:
        raise SelfieError("The tokens of the prompt are still to come.", "Wait for them.")
    selection = state.selection
    cells = selection.marked_cells
    positions = selection.marked_positions or {cell.position for cell in cells} or ordinary_positions(selection.tokens)
    layers = selection.marked_layers or {cell.layer for cell in cells} or selection.layers
    task = CompareModels(
        other=LoadModel(name, device, dtype, state.layer_paths.get(name, ())),
        prompt=selection.prompt,
        positions=tuple(sorted(positions)),
        layers=tuple(sorted(layers)),
        stack=selection.stack,
        request=None if settings is None else settings.request("", (), selection.stack),
    )
    state.compared.begin(task, state.submit(task), state.model)


def compare_in_words(state: AppState) -> bool:
    """Have both models put the cells of the last comparison into words; False where they have, or one is under way.

    Raises:
        SelfieError: where the first of them is not the current model.
    """
    compared, task, model = state.compared, state.compared.task, state.compared.model
    if task is None or compared.step or compared.found is None or compared.found.readings:
        return False
    if model is not None and (state.model is None or identity(state.model) != identity(model)):
        raise SelfieError(
            f"The comparison is of {model.name}, and another model is loaded.", f"Load {model.name} first."
        )
    changed = CompareModels(
        other=task.other,
        prompt=task.prompt,
        positions=task.positions,
        layers=task.layers,
        stack=task.stack,
        request=state.settings.request("", (), task.stack),
    )
    compared.begin(changed, state.submit(changed), state.model)
    return True


def identity(model: ModelInfo) -> tuple[str, str, str]:
    """What makes two loads of a model one."""
    return model.name, model.revision, model.dtype
