"""Runs on the published model that are kept: resumed, exported with their sink and their settings, and made again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas
import pytest

import selfie_tui
from selfie_tui.comparison_table import rows_of
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.source import source_of
from selfie_tui.interpret_settings import InterpretSettings
from selfie_tui.library.control import LayerControl, collect_controlled
from selfie_tui.presets import PRESETS
from selfie_tui.records import CONTROL, EMBED, Cell, CompareModels, ControlLayer, Interpret, Kept, LoadModel, Request
from selfie_tui.results.entries import Result
from selfie_tui.results.history import StoredRun, read_run, search, stored_runs
from selfie_tui.results.resuming import differences, resume_task
from selfie_tui.results.run_kinds.comparisons import comparison_of
from tests.engine.records_compared import assert_same
from tests.results.test_kept_comparisons import to_disk as compare_to_disk
from tests.results.test_kept_patching import to_disk as task_to_disk
from tests.results.test_resuming import events_to_disk

pytestmark = pytest.mark.real

PROMPT = "The Eiffel Tower is located in the city of"
LAYERS = ["embed", 2, 9, 20, 29]


def test_a_stopped_run_goes_on_and_ends_as_a_whole_one(
    smollm2: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("selfie_tui.engine.generation.plan.rows_that_fit", lambda *arguments: 4)
    cells = tuple(Cell(layer, position) for position in (9, 4) for layer in (EMBED, 2, 9, 20, 29))
    request = InterpretSettings(temperature=0.7, seed=4, max_new_tokens=8).request(PROMPT, cells)
    events_to_disk(tmp_path / "whole", smollm2, Interpret(request))
    events_to_disk(tmp_path / "parts", smollm2, Interpret(request), stop_after=6)
    (stopped,) = stored_runs(tmp_path / "parts", tmp_path / "cache")
    assert (stopped.done, stopped.cells, stopped.ending) == (6, 10, "killed")
    assert differences(stopped.began, smollm2.info()) == ()
    events_to_disk(tmp_path / "parts", smollm2, resume_task(stopped), number=2)
    (resumed,) = stored_runs(tmp_path / "parts", tmp_path / "cache")
    (whole,) = stored_runs(tmp_path / "whole", tmp_path / "cache")
    found, wanted = results_of(resumed), results_of(whole)
    assert list(found) == list(wanted) == [CONTROL, *range(10)]
    assert [each.text for each in found.values()] == [each.text for each in wanted.values()]
    assert_same(list(found.values()), list(wanted.values()))


def results_of(run: StoredRun) -> dict[int, Kept]:
    """The results of a run by their index, in its order: cells finish in another one."""
    return dict(sorted((entry.index, entry.value) for entry in read_run(run) if isinstance(entry, Result)))


def test_what_was_found_is_found_again_exported_and_made_again_by_a_script(smollm2: Model, tmp_path: Path) -> None:
    result = selfie_tui.interpret(smollm2, PROMPT, layers=LAYERS, tokens=[0, 9], max_new_tokens=8)
    for ending in (".jsonl", ".csv", ".parquet", ".py"):
        selfie_tui.export(result, tmp_path / f"found{ending}")
    (run,) = stored_runs(tmp_path, tmp_path / "cache")
    texts = [each.text for each in result.interpretations]
    word = next(text for text in texts if text).split()[0]
    (found,) = search([run], word.upper())
    assert found.matches == sum(word.casefold() in text.casefold() for text in texts)
    frame = pandas.read_parquet(tmp_path / "found.parquet")
    assert frame["text"].tolist() == texts
    assert frame["norm"].tolist() == [each.norm for each in result.interpretations]
    assert "^" in frame["mark"].tolist() or "∅" in frame["mark"].tolist()
    table = pandas.read_csv(tmp_path / "found.csv", keep_default_na=False)
    assert table["text"].tolist() == texts
    assert json.loads(table["probabilities"][3]) == [token.probability for token in result.interpretations[3].tokens]
    script = [sys.executable, tmp_path / "found.py"]
    done = subprocess.run(script, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stdout.splitlines()[-1] == "10 of 10 texts are the exported ones"


def test_a_comparison_with_a_model_of_another_vocabulary_goes_on_where_it_stopped(
    smollm2: Model, demo: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("selfie_tui.engine.generation.plan.rows_that_fit", lambda *arguments: 2)
    settings = Request(prompt="", cells=(), preset=PRESETS[0], max_new_tokens=4)
    last = len(source_of(smollm2, PROMPT).tokens) - 1
    task = CompareModels(LoadModel("demo"), PROMPT, positions=(last,), layers=(EMBED, 12, 29), request=settings)
    compare_to_disk(tmp_path / "whole", smollm2, demo, task)
    (whole,) = stored_runs(tmp_path / "whole", tmp_path / "cache")
    assert (whole.done, whole.cells, whole.kind.asked(whole.began.task)) == (10, 10, "≠ demo")
    wanted = rows_of(comparison_of(results_of(whole)))
    assert [row["bits"] for row in wanted] == [None] * 3
    assert all(row["text"] and row["other_text"] for row in wanted)
    for stop_after in (5, 9):  # in the first model's words, and in the other's
        folder = tmp_path / str(stop_after)
        compare_to_disk(folder, smollm2, demo, task, stop_after)
        (stopped,) = stored_runs(folder, tmp_path / "cache")
        assert (stopped.done, stopped.ending) == (stop_after, "killed")
        compare_to_disk(folder, smollm2, demo, resume_task(stopped), number=2)
        (resumed,) = stored_runs(folder, tmp_path / "cache")
        assert resumed.began.resumes == stopped.id
        assert_same(rows_of(comparison_of(results_of(resumed))), wanted)


def test_control_of_a_layer_is_read_back_as_it_was(smollm2: Model, tmp_path: Path) -> None:
    at = len(source_of(smollm2, PROMPT).tokens) - 1
    request = Request(prompt=PROMPT, cells=(Cell(24, at),), preset=PRESETS[0], max_new_tokens=4)
    task = ControlLayer(
        request, like="The Colosseum is located in the city of", steps=5, answer_tokens=3, retain=("Water is",),
        held_out=("Snow is",),
    )  # fmt: skip
    task_to_disk(tmp_path, smollm2, task)
    (run,) = stored_runs(tmp_path, tmp_path / "cache")
    assert (run.done, run.cells, run.ending, run.kind.word) == (1, 1, "finished", "control")
    (found,) = selfie_tui.read_results(run.path)
    assert isinstance(found, LayerControl)
    done = found.done
    assert len(done.curve) == 5
    assert done.distance < 1
    made = collect_controlled(smollm2, task)
    assert found.columns() == made.columns()
    (row, *_) = search([run], done.after.answers[0].text)
    assert row.matches == 1
