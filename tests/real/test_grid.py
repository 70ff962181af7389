"""A grid of a published model: cells say what they say alone, and lens and bare embedding stand beside them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from selfie_tui.engine.generation import plan as planning
from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.engine.model import Model
from selfie_tui.engine.unembed import lens_logits
from selfie_tui.measures import agreement
from selfie_tui.presets import preset_called
from selfie_tui.records import EMBED, Cell, CellFinished, Interpretation, PartialTexts, Request
from tests.engine.reference import state_at

pytestmark = pytest.mark.real

PROMPT = "The Eiffel Tower is located in the city of"
GRID = tuple(Cell(layer, position) for position in (2, 3, 9) for layer in (EMBED, 8, 16, 24, 29))
REQUEST = Request(PROMPT, GRID, preset_called("identity"), injection_layer=0, max_new_tokens=5)
"""A text that a single batch and batches of four decode to the same words in float32."""


def readings(model: Model, request: Request) -> list[Interpretation]:
    found = {e.index: e.interpretation for e in interpret(model, request) if isinstance(e, CellFinished)}
    return [found[index] for index in sorted(found)]


def test_a_cell_of_a_grid_says_what_it_says_alone_and_has_its_baselines(
    smollm2: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "rows_that_fit", lambda *_: 4)
    grid = dict(zip(GRID, readings(smollm2, REQUEST), strict=True))
    assert len({each.text for each in grid.values()}) > 8
    for cell in (Cell(EMBED, 2), Cell(8, 2), Cell(16, 3), Cell(24, 9), Cell(29, 9)):
        (alone,) = readings(smollm2, replace(REQUEST, cells=(cell,)))
        assert (alone.text, alone.bare) == (grid[cell].text, grid[cell].bare)
        assert alone.entropy == pytest.approx(grid[cell].entropy, abs=1e-3)
        best = lens_logits(smollm2, state_at(smollm2, PROMPT, cell).unsqueeze(0))[0].softmax(-1).max()
        assert grid[cell].lens is not None
        assert grid[cell].lens.probability == pytest.approx(float(best), abs=1e-4)
    last = grid[Cell(29, 9)]
    assert last.lens is not None
    assert last.lens.text == " Paris"
    assert {each.bare for cell, each in grid.items() if cell.position == 9} == {grid[Cell(EMBED, 9)].text}


def test_all_cells_have_words_before_the_first_is_whole(smollm2: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "rows_that_fit", lambda *_: 4)
    seen: set[int] = set()
    for event in interpret(smollm2, replace(REQUEST, relevancy=False)):
        if isinstance(event, PartialTexts):
            seen |= {index for index, text in event.texts if index >= 0 and text}
        if isinstance(event, CellFinished):
            break
    assert seen == {*range(len(GRID))}


def test_samples_agree_the_less_the_higher_the_temperature(smollm2: Model) -> None:
    def mean(temperature: float) -> float:
        cells = (Cell(EMBED, 3), Cell(8, 3), Cell(24, 9), Cell(29, 9))
        request = replace(REQUEST, cells=cells, temperature=temperature, samples=6, max_new_tokens=3)
        return sum(agreement(each) or 0 for each in readings(smollm2, request)) / len(cells)

    assert mean(0.05) > 0.9
    assert mean(0.05) > mean(0.7) > mean(3.0)
