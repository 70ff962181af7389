"""Runs from requests to gathered records: of one request, or of several with one interpretation prompt."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from msgspec.structs import replace

from selfie_tui.engine.cell_states import CellStates, joined, layers_read, positions_read, read_cells, states_at
from selfie_tui.engine.methods.activations import read_prompts
from selfie_tui.engine.methods.interpret import interpret, interpret_vectors, warnings_of
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.placeholders import TargetPrompt
from selfie_tui.engine.prompts.prepare import prepare
from selfie_tui.engine.prompts.source import Source
from selfie_tui.library.tables import Table, columns_of, data_frame, rows_of
from selfie_tui.records import (
    CellFinished,
    Control,
    ControlFinished,
    Event,
    Interpretation,
    ModelInfo,
    Notice,
    Request,
    Token,
)


@dataclass(frozen=True)
class Result(Table):
    """The records of a run: the interpretations in the order of the request's cells, and the control without injection.

    `info` describes the model, None where that is not known. `verdict` is the model's: whether reading and writing its
    states was verified when it was loaded. `notices` are the model's own, such as that it is not verified, and then the
    run's; the library warns of the former once.
    """

    request: Request
    control: Control
    interpretations: tuple[Interpretation, ...]
    notices: tuple[str, ...] = ()
    verdict: str = ""
    info: ModelInfo | None = None

    def columns(self) -> dict[str, list[Any]]:
        """The interpretations as equally long lists (see `tables.columns_of`)."""
        return columns_of(self.request.prompt, self.interpretations)


class InterpretationTable(dict[str, list[Any]]):
    """A run's table, and its records: equally long lists under the names of `tables.COLUMNS`, a row for each cell.

    The layer of the embeddings is written `"embed"`.
    """

    def __init__(self, result: Result) -> None:
        super().__init__(result.columns())
        self.result = result

    @property
    def records(self) -> tuple[Interpretation, ...]:
        """The interpretations: text, tokens with probabilities and effects, whether the text is the control's."""
        return self.result.interpretations

    @property
    def control(self) -> Control:
        """The answer to the interpretation prompt with nothing injected."""
        return self.result.control

    @property
    def verdict(self) -> str:
        """The verdict of the checks run on the model: `verified`, or the one that failed."""
        return self.result.verdict

    @property
    def notices(self) -> tuple[str, ...]:
        """Notices of the model and of the run, such as that the model is not verified."""
        return self.result.notices

    def to_dicts(self) -> list[dict[str, Any]]:
        """The interpretations as one dictionary each."""
        return rows_of(self)

    def to_pandas(self) -> Any:
        """A pandas `DataFrame`; raises SelfieError if pandas is not installed."""
        return data_frame(self)


def collect(model: Model, request: Request) -> Result:
    """Run a request to its end and gather its records."""
    return gather(model, request, interpret(model, request))


def collect_batch(model: Model, requests: Sequence[Request]) -> list[Result]:
    """Run requests that differ in prompt and cells alone as one batch with one control; returns a result for each.

    Raises:
        SelfieError: for a request that the model cannot fulfil, before any forward.
    """
    prepared = [prepare(model, request) for request in requests]
    target = prepared[0].target
    pairs = [(request, prompts.source) for request, prompts in zip(requests, prepared, strict=True)]
    states = read_all(model, pairs)
    tokens = [source.tokens[cell.position] for request, source in pairs for cell in request.cells]
    cells = tuple(cell for request in requests for cell in request.cells)
    batch = decode_vectors(model, replace(requests[0], cells=cells), states, tokens, target)
    batch = dataclasses.replace(batch, notices=(*batch.notices, *(notice.text for notice in warnings_of(tokens))))
    interpretations = iter(batch.interpretations)
    return [
        dataclasses.replace(batch, request=request, interpretations=tuple(islice(interpretations, len(request.cells))))
        for request in requests
    ]


def read_all(model: Model, pairs: Sequence[tuple[Request, Source]]) -> CellStates:
    """The states at the cells of several prompts, in as few forwards as the model allows.

    Prompts with a decoder's prefix are read one by one.
    """
    if len(pairs) > 1 and not any(source.prefix for _, source in pairs):
        bare = pairs[0][0].baselines
        layers = layers_read((cell for request, _ in pairs for cell in request.cells), bare)
        positions = [positions_read(source.tokens, request.cells) for request, source in pairs]
        found = read_prompts(model, [source.ids for _, source in pairs], layers, positions)
        parts = [
            states_at(model, source.tokens, request.cells, own, states, bare)
            for (request, source), own, states in zip(pairs, positions, found, strict=True)
        ]
    else:
        parts = [read_cells(model, source, request.cells, embeddings=request.baselines) for request, source in pairs]
    return joined(parts)


def decode_vectors(
    model: Model,
    request: Request,
    states: CellStates,
    tokens: Sequence[Token],
    target: TargetPrompt,
    control: bool = True,
) -> Result:
    """The result of a request for vectors; the arguments are those of `engine.methods.interpret.interpret_vectors`."""
    return gather(model, request, interpret_vectors(model, request, states, tokens, target, control=control))


def gather(model: Model, request: Request, events: Iterable[Event]) -> Result:
    """The records of a run's events."""
    control = Control(kind="none", text="")
    found: dict[int, Interpretation] = {}
    notices = []
    for event in events:
        match event:
            case ControlFinished(control=finished):
                control = finished
            case CellFinished(index=index, interpretation=interpretation):
                found[index] = interpretation
            case Notice(text=text):
                notices.append(text)
    interpretations = tuple(found[index] for index in sorted(found))
    return Result(request, control, interpretations, (*model.notices, *notices), model.verdict, model.info())
