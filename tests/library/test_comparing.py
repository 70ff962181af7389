"""Two models in one call: records, tables, files, and what is refused."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pandas
import pytest

import selfie_tui
from selfie_tui.comparison_table import COLUMNS
from selfie_tui.demo.corpus import documents
from selfie_tui.engine.model import Model
from selfie_tui.errors import PromptError, RequestError, SelfieError
from tests.engine.comparing.rotated import rotated
from tests.engine.zoo import build

EIFFEL = "The Eiffel Tower is located in the city of"
TEXTS = list(islice(documents(7), 60))


@pytest.fixture(scope="module")
def turned(demo: Model) -> Model:
    return rotated(demo)


def test_cells_words_and_maps_come_as_records_and_as_one_table(demo: Model, turned: Model, tmp_path: Path) -> None:
    given = {"layers": [2, 5], "tokens": [3, -1], "texts": TEXTS}
    found = selfie_tui.compare_models(demo, turned, EIFFEL, **given, preset="summarize", max_new_tokens=6)
    assert len(found.cells) == len(found.readings) == len(found.mapped) == len(found.mapped_readings) == 4
    assert [(each.layer, each.other_layer) for each in found.maps] == [(2, 2), (5, 5)]
    assert [cell.top[0].text for cell in found.next] == [" is", " Paris"]
    for parts in (found.readings, found.mapped, found.mapped_readings):
        assert [each.pair for each in parts] == [cell.pair for cell in found.cells]
    table = found.to_pandas()
    assert list(table.columns) == [column.name for column in COLUMNS]
    assert table["text"].tolist() == table["other_text"].tolist() == table["mapped_text"].tolist()
    assert table["texts"].tolist() == ["same"] * 4
    assert min(table["map_explained"]) > 0.99
    assert found.to_dicts()[3]["layer_name"] == "L5"
    path = tmp_path / "found.parquet"
    assert str(selfie_tui.export(found, path)) == f"4 cells: {path}"
    assert pandas.read_parquet(path)["mapped_bits"].tolist() == table["mapped_bits"].tolist()


def test_without_a_preset_or_texts_only_the_lens_is_compared(demo: Model, turned: Model) -> None:
    found = selfie_tui.compare_models(demo, turned, EIFFEL, layers="7", tokens="-1", k=2)
    assert (found.readings, found.maps, found.mapped, found.mapped_readings) == ((), (), (), ())
    (row,) = found.to_dicts()
    assert (row["top"][0], row["differs"], row["text"], row["map_explained"]) == (" Paris", False, None, None)
    assert len(row["top"]) == 2


def test_what_cannot_be_compared_is_refused(demo: Model, turned: Model) -> None:
    with pytest.raises(PromptError, match="split the prompt differently"):
        selfie_tui.compare_models(demo, build("gpt2"), "qxzv", tokens=[0])
    with pytest.raises(RequestError, match="max_new_tokens is a setting of words"):
        selfie_tui.compare_models(demo, turned, EIFFEL, max_new_tokens=3)
    with pytest.raises(RequestError, match="Unknown setting “beams”"):
        selfie_tui.compare_models(demo, turned, EIFFEL, preset="summarize", beams=3)
    with pytest.raises(RequestError, match="fitted on 5 texts at least"):
        selfie_tui.compare_models(demo, turned, EIFFEL, texts="one text")
    with pytest.raises(RequestError, match="Load it first"):
        selfie_tui.compare_models(demo, "demo", EIFFEL)  # type: ignore[arg-type]
    with pytest.raises(SelfieError, match="no token is chosen"):
        selfie_tui.compare_models(demo, turned, EIFFEL, k=0)
