"""Lines over vectors that were kept or are in files, and over states of texts, computed."""

from __future__ import annotations

from collections.abc import Callable

import torch

from selfie_tui.engine.generation.prefill import never
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.checks import check_position
from selfie_tui.engine.prompts.source import Source, source_of
from selfie_tui.engine.vectors.arithmetic import evaluate_line
from selfie_tui.engine.vectors.files import open_vector
from selfie_tui.engine.vectors.vector import Vector
from selfie_tui.engine.verify import sample_ids
from selfie_tui.errors import RequestError
from selfie_tui.kept_vectors import kept_names
from selfie_tui.records import EMBED, Cell, Origin
from selfie_tui.text import prose
from selfie_tui.vector_line import Name, State
from selfie_tui.vector_line_tokens import LineError


class Lines:
    """Computes the lines of a task: names are those that were kept, or files, and texts are read with the model.

    Without a model texts are refused. A state that several lines name is read once.
    """

    def __init__(self, model: Model | None = None, cancelled: Callable[[], bool] = never) -> None:
        self.model = model
        self.cancelled = cancelled
        self._read: dict[str, Vector] = {}

    def value(self, line: str) -> Vector:
        """What a line is.

        Raises:
            RequestError: for a line that cannot be read or computed, and a vector or a token that is not there.
            PromptError: for a text that the model does not take.
            Cancelled: before any block, once `cancelled` gives true.
        """
        return evaluate_line(line, kept_names(), self.vector)

    def vector(self, name: Name | State) -> Vector:
        """The vector of a name, or the state of a text; raises as `value`."""
        if isinstance(name, Name):
            return open_vector(name.name, name.layer, name.index)
        if self.model is None:
            raise LineError(
                f"{name} is read with a model, and none is given.",
                "Keep the state first: selfie-tui vectors keep NAME PROMPT.",
                name.at,
            )
        if str(name) not in self._read:
            self._read[str(name)] = state_of(self.model, name, self.cancelled)
        return self._read[str(name)]


SINK = 0.9
"""Cosine of two texts' first tokens from which on their states say little of the texts."""


def state_of(model: Model, state: State, cancelled: Callable[[], bool] = never) -> Vector:
    """The state of a text's token at a layer of the stack that prompts run through first.

    A text's first token is an attention sink to many models (Xiao et al. 2023, arXiv 2309.17453, §3.1): on SmolLM2 any
    two of them have a cosine of .98 and more at L8. Where it is, a notice says so.

    Raises:
        SelfieError: as `Lines.value`.
    """
    source = source_of(model, state.text)
    position = len(source.tokens) - 1 if state.position is None else state.position
    check_position(source.tokens, position)
    model.check_layer(state.layer)
    row = model.read(source.ids, [state.layer], [position], cancelled, source.prefix)[state.layer]  # (1, width)
    if not bool(row.isfinite().all()):
        raise RequestError(f"The state of {state} is not finite.", "Load the model in bf16 or fp32.")
    cells, info = (Cell(state.layer, position),), model.info()
    origin = Origin(info, state.text, cells, (source.tokens[position],))
    notices = () if position else sink_notices(model, source, state, row, cancelled)
    return Vector(row.float().cpu().clone(), (state.layer,), str(state), info, notices, origin)


def sink_notices(
    model: Model, source: Source, state: State, row: torch.Tensor, cancelled: Callable[[], bool]
) -> tuple[str, ...]:
    """What is to be known of the state `(1, width)` of a text's first token, if it is nearly that of another's."""
    other = next((token for token in sample_ids(model) if token != source.ids[0]), None)
    if other is None or state.layer == EMBED:
        return ()
    theirs = model.read([other], [state.layer], [0], cancelled, source.prefix)[state.layer]
    cosine = float(torch.nn.functional.cosine_similarity(row.float(), theirs.float()))
    if not cosine >= SINK:
        return ()
    return (
        f"{prose(str(state))} is nearly the state of another text's first token (cosine {cosine:.2f}): write something "
        "before the word, such as “The ”.",
    )


def line_value(line: str, model: Model | None = None, cancelled: Callable[[], bool] = never) -> Vector:
    """What one line is; raises as `Lines.value`."""
    return Lines(model, cancelled).value(line)
