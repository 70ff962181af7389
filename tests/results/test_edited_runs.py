"""Runs of an edited model say so wherever they are kept, and are not mixed with those of another one."""

from __future__ import annotations

import csv
from pathlib import Path

import msgspec
import pytest

from selfie_tui.edits import edit_line, parse_edit_line, parse_module
from selfie_tui.engine.inspecting.standing import set_edits
from selfie_tui.engine.model import Model
from selfie_tui.errors import RequestError
from selfie_tui.library.api import collect
from selfie_tui.records import (
    Cell,
    Edit,
    EditsSet,
    Interpret,
    JobFinished,
    JobStarted,
    ModelReady,
    ModuleTensor,
    Preset,
    Progress,
    Request,
)
from selfie_tui.results.entries import Entry, Result, RunBegan, decode, encode
from selfie_tui.results.recorder import Recorder
from selfie_tui.results.resuming import check_resumable, differences
from selfie_tui.results.writers import export
from tests.engine.zoo import build
from tests.tui.fake_engine import info

INFO = info("demo", 8)

EDITS = (Edit("model.layers.5.mlp", "scale", 0.5), Edit("model.layers.2", "zero", positions=(3, 4), which="input"))


def edited_info() -> object:
    return msgspec.structs.replace(INFO, edits=EDITS)


def test_a_run_after_an_edit_is_kept_with_it() -> None:
    entries: list[Entry] = []
    recorder = Recorder(lambda event: None, lambda entry: entries.append(entry) or "")
    recorder(ModelReady(model=INFO))
    recorder(EditsSet(job=1, model=edited_info()))
    task = Interpret(Request("a", (Cell(0, 0),), Preset("x", "_"), module=ModuleTensor("model.layers.5")))
    recorder(JobStarted(job=2, task=task))
    recorder(Progress(job=2, cells_done=0, cells=1, steps_done=0, steps=1))
    recorder(JobFinished(job=2, seconds=1.0))
    began = entries[0]
    assert isinstance(began, RunBegan)
    assert began.info is not None
    assert began.info.edits == EDITS
    assert decode(encode(began)) == began


def test_a_run_is_not_resumed_under_other_edits_and_a_repeat_names_them() -> None:
    request = Request("a", (Cell(0, 0),), Preset("x", "_"))
    began = RunBegan(run=1, model=INFO.name, began="2026", task=Interpret(request), info=edited_info())
    check_resumable(began, edited_info())
    with pytest.raises(RequestError, match=r"edits model\.layers\.5\.mlp \* 0\.5; .* → none"):
        check_resumable(began, INFO)
    (difference,) = [each for each in differences(began, INFO) if each.name == "edits"]
    assert difference.now == "none"


def run_of_an_edited_model(model: Model) -> list[Entry]:
    cells = (Cell(2, 3), Cell(2, 4))
    module = ModuleTensor("model.layers.2.mlp")
    request = Request("the man with hat is", cells, Preset("x", "a man _ is"), max_new_tokens=4, module=module)
    set_edits(model, [Edit("layers.1.mlp", "scale", -3.0), Edit("layers.1.mlp", "add", 0.5, (3,))])
    result = collect(model, request)
    set_edits(model, [])
    began = RunBegan(run=1, model="mine", began="2026", task=Interpret(request), info=result.info)
    return [began, *(Result(1, index, each) for index, each in enumerate(result.interpretations))]


def test_exports_name_the_edits_and_a_script_makes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = build("llama")
    entries = run_of_an_edited_model(model)
    lines = "model.layers.1.mlp * -3.0; model.layers.1.mlp + 0.5 at 3"
    for ending in (".csv", ".md", ".py", ".jsonl"):
        export(entries, tmp_path / f"run{ending}")
    row = next(csv.DictReader((tmp_path / "run.csv").open()))
    assert (row["edits"], row["module"]) == (lines, "model.layers.2.mlp output")
    text = (tmp_path / "run.md").read_text().replace("\\", "")
    assert f"edits: {lines}" in text
    assert "states of: model.layers.2.mlp output" in text
    namespace: dict = {"__name__": "exported"}
    exec(compile((tmp_path / "run.py").read_text(), "run.py", "exec"), namespace)
    namespace["load"] = lambda *_, **__: model
    namespace["main"]()
    assert capsys.readouterr().out.splitlines()[-1] == "2 of 2 texts are the exported ones"
    assert model.edits.now == ()


@pytest.mark.parametrize(
    "edit",
    [
        *EDITS,
        Edit("a.b", "noise", 0.1, seed=7),
        Edit("a.b", "add", 2.0, vector="paris", index=1),
        Edit("a.b", "set", -1.5, (0,), which="input", index=2),
        Edit("a.b", "set", 1.0, vector="paris"),
    ],
)
def test_a_line_with_its_module_is_read_as_it_is_written(edit: Edit) -> None:
    read = parse_edit_line(edit_line(edit))
    assert edit_line(read) == edit_line(edit)
    assert (read.path, read.which, read.index, read.positions) == (edit.path, edit.which, edit.index, edit.positions)
    assert edit.action == "zero" or read == edit


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("layers.5", "module first"),
        ("", "module first"),
        ("mlp:sideways zero", "Invalid module"),
        ("mlp:input.x zero", "number of the tensor"),
        (":input zero", "Invalid module"),
        ("mlp ** 2", "Invalid factor"),
    ],
)
def test_a_line_that_cannot_be_read_says_what_to_write(typed: str, says: str) -> None:
    with pytest.raises(RequestError, match=says):
        parse_edit_line(typed)


def test_a_module_is_read_with_the_tensor_that_is_meant() -> None:
    assert parse_module("layers.5.mlp") == ModuleTensor("layers.5.mlp")
    assert parse_module("mlp:input") == ModuleTensor("mlp", "input")
    assert parse_module(" mlp:output.2") == ModuleTensor("mlp", "output", 2)
