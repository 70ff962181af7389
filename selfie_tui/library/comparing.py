"""Two models over the same cells in one call: their lenses and words side by side, and maps between their spaces.

See `engine.methods.compare` for what its numbers are and when they mislead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from selfie_tui.comparison_table import columns_of, gathered
from selfie_tui.engine.generation.prefill import never
from selfie_tui.engine.methods import compare as method
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.source import source_of
from selfie_tui.errors import RequestError
from selfie_tui.library.arguments import Facade, as_int, as_list, as_model
from selfie_tui.library.cells import Layer, layer_numbers, positions_in
from selfie_tui.library.interpretation_prompt import Prompt
from selfie_tui.library.notices import warn_of_notices
from selfie_tui.library.requests import make_request, prompt_text
from selfie_tui.library.tables import Table
from selfie_tui.parse import parse_layers, positions_among
from selfie_tui.records import (
    Cell,
    ComparedCell,
    ComparedReading,
    CompareModels,
    Comparison,
    Interpretation,
    LoadModel,
    MappedCell,
    MappedReading,
    SpaceMap,
    layer_name,
)


@dataclass(frozen=True)
class ModelComparison(Table):
    """Two models over the same cells: its `records`, and the same as a table with a row for each pair of cells."""

    records: Comparison

    @property
    def cells(self) -> tuple[ComparedCell, ...]:
        """The lens of both models at each cell, token by token and layer by layer."""
        return self.records.cells

    @property
    def next(self) -> tuple[ComparedCell, ...]:
        """What both models say next at each token, with KL(one || other)."""
        return self.records.next

    @property
    def readings(self) -> tuple[ComparedReading, ...]:
        """What both models say of each cell; empty where that was not asked for."""
        return self.records.readings

    @property
    def maps(self) -> tuple[SpaceMap, ...]:
        """What the map of each pair of layers is worth; empty without texts."""
        return self.records.maps

    @property
    def mapped(self) -> tuple[MappedCell, ...]:
        """The other model's lens of the one's states, mapped into it; empty without texts."""
        return self.records.mapped

    @property
    def mapped_readings(self) -> tuple[MappedReading, ...]:
        """What the other model says of the one's states; empty without texts and an interpretation prompt."""
        return self.records.mapped_readings

    def columns(self) -> dict[str, list[Any]]:
        """The table as equally long lists (see `comparison_table.COLUMNS`)."""
        return columns_of(self.records)


def compare_models(
    model: Model | Facade,
    other: Model | Facade,
    prompt: str,
    *,
    layers: str | int | Sequence[Layer] = "all",
    other_layers: str | int | Sequence[Layer] | None = None,
    tokens: str | int | Sequence[int] = "all",
    k: int = 5,
    texts: str | Sequence[str] = (),
    stack: str = "",
    preset: Prompt | None = None,
    **settings: Any,
) -> ModelComparison:
    """The same cells of a prompt in two models: by the lens of each, in words, and through a map between them.

    Args:
        model: from `load` or `adopt`, or a `ModelAgnosticSelfie`.
        other: the model beside it.
        prompt: the text whose states are read.
        layers: such as `"embed,0-7"` or `"all"`, or one or more numbers or `"embed"`; layer `l` is the output of block
            `l`. A negative number that is no text is refused.
        other_layers: the layer of the other model beside each; by default the one that is as deep.
        tokens: positions in the first model such as `"3,4"`, `"all"` but special ones, or one or more numbers.
        k: how many tokens of the lens each cell has.
        texts: passages on which an affine map is fitted from each layer to the one beside it, five at least; the other
            model then reads the first one's states through it.
        stack: of an encoder-decoder, `encoder` or `decoder`.
        preset: an interpretation prompt with which both models put the cells into words; they do not if None.
        settings: of the words, by their names in `interpret`, such as `max_new_tokens`.

    Raises:
        PromptError: for a prompt that the models split differently at a token that is asked for.
        SelfieError: for a request that a model cannot fulfil, with what to change.
    """
    one, two = as_model(model), as_model(other)
    for each in (one, two):
        warn_of_notices(each, 2)
    if as_int(k, "number of tokens") < 1:
        raise RequestError("Nothing to show: no token is chosen.", "Choose at least one.")
    if settings and preset is None:
        raise RequestError(f"{next(iter(settings))} is a setting of words.", "Give a preset, such as “summarize”.")
    here = source_of(one, prompt_text(prompt), stack).tokens
    task = CompareModels(
        other=LoadModel(two.name),
        prompt=prompt_text(prompt),
        positions=positions_among(tokens, here) if isinstance(tokens, str) else tuple(positions_in(here, tokens)),
        layers=numbers_of(one, layers, stack),
        other_layers=None if other_layers is None else numbers_of(two, other_layers, stack),
        k=k,
        stack=stack,
        request=None if preset is None else make_request("", (), preset, settings),
        texts=tuple(prompt_text(text) for text in as_list(texts, "text")),
    )
    return ModelComparison(gathered(method.run(one, two, task, never)))


def collect_compared(model: Model, other: Model, task: CompareModels) -> Iterator[tuple[int, str, str]]:
    """Do a task: the index of each result, of what it is and what it says."""
    for event in method.run(model, other, task, never):
        for index, value in event.results():
            match value:
                case ComparedCell():
                    words = (token.text.strip() for token in (*value.top, *value.other_top))
                    yield index, cell_name(value.pair.cell), " ".join(words)
                case MappedCell():
                    yield index, cell_name(value.pair.cell), " ".join(token.text.strip() for token in value.top)
                case Interpretation():
                    yield index, cell_name(value.cell), value.text


def cell_name(cell: Cell) -> str:
    """A cell in a few letters."""
    return f"{layer_name(cell.layer)} · {cell.position}"


def numbers_of(model: Model, layers: str | int | Sequence[Layer], stack: str) -> tuple[int, ...]:
    """Layers of a model as numbers; raises RequestError for what is none of its layers."""
    if isinstance(layers, str):
        return parse_layers(layers, len(model.anatomy.stack(stack).blocks))
    return tuple(layer_numbers(layers))
