"""Exports: each format holds what was kept, read back by the programs it is for; nothing is overwritten unasked."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import subprocess
import sys
from itertools import chain
from pathlib import Path

import msgspec
import pandas
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfie_tui.errors import SelfieError
from selfie_tui.presets import PRESETS
from selfie_tui.records import (
    Cell,
    Control,
    GeneratedToken,
    Interpret,
    Interpretation,
    LensToken,
    ModelInfo,
    Token,
    layer_name,
)
from selfie_tui.results.entries import Result, RunBegan
from selfie_tui.results.history import read_run, stored_runs
from selfie_tui.results.sessions import read
from selfie_tui.results.writers import ENDINGS, WRITERS, ExportError, FileThere, export
from selfie_tui.results.writers.kinds.reading_table import COLUMNS, rows
from selfie_tui.results.writers.markdown_text import escaped
from selfie_tui.results.writers.runs import kept_runs
from selfie_tui.settings import SETTINGS
from selfie_tui.text import prose
from tests.results.runs import run_of, with_fields, write

INFO = ModelInfo(
    "demo", "demo", "llama", 8, 128, 4096, 256, 1000, "cpu", "bf16", "verified", True, revision="content:1f"
)
HARD = [
    "=1+1",
    'a,b;"c"\r\nd\ttab',
    "null",
    "",
    "NaN",
    " spaces ",
    "| pipe | *star* <b> `code` [x](y)",
    "漢字 \x1b[31m \u202e \x7f 😀",
]


def hard_run(number: int = 1, **fields) -> list:
    """A run whose texts are those that formats break on, with every kind of field."""
    began, control, *results, ended = run_of(HARD, number, prompt='A prompt,\nwith "quotes"', info=INFO, **fields)
    random = Control("random", "=noise", (), Cell(0, 2))
    beside = {"lens": LensToken(" lens|", 0.25), "bare": "the message", "samples": ("=1+1", "Rome"), "entropy": 1.5}
    first = msgspec.structs.replace(
        results[0], value=msgspec.structs.replace(results[0].value, random=random, **beside)
    )
    unmeasured = Interpretation(
        Cell(8, 2), Token(2, 7, "-x"), "= ", (GeneratedToken("=", 5, 0.1 + 0.2),), math.nan, None
    )
    return [began, control, first, *results[1:], Result(number, len(HARD), unmeasured), ended]


RUNS = [hard_run(1), run_of(["Paris", "Rome"], 2, ending=None, cells=4)]


@pytest.fixture
def exported(tmp_path: Path):
    def write_to(ending: str, entries=None) -> Path:
        path = tmp_path / f"out{ending}"
        export(list(chain(*RUNS)) if entries is None else entries, path)
        return path

    return write_to


def expected(name: str) -> list:
    """The values of a column, straight from the entries."""
    column = next(column for column in COLUMNS if column.name == name)
    return [column.value(row) for run in kept_runs(chain(*RUNS)) for row in rows(run)]


def same(found, wanted) -> bool:
    """Whether two columns hold the same values, NaN being NaN's equal and no list an array."""
    plain = lambda value: None if value is None else value.tolist() if hasattr(value, "tolist") else value  # noqa: E731
    return [repr(plain(value)) for value in found] == [repr(value) for value in wanted]


def test_json_lines_are_read_back_as_they_were_kept(exported):
    assert repr(read(exported(".jsonl"))) == repr(list(chain(*RUNS)))


def test_json_lines_of_runs_of_one_number_stay_apart(exported):
    entries = [*run_of(["x"], 3), *run_of(["y"], 3), *run_of(["z"], 1)]
    runs = list(kept_runs(read(exported(".jsonl", entries))))
    assert [(run.began.run, run.interpretations[0].text) for run in runs] == [(3, "x"), (4, "y"), (1, "z")]


def test_a_table_has_a_column_for_all_that_decides_a_run():
    names = [column.name for column in COLUMNS]
    assert {setting.field for setting in SETTINGS} <= set(names)
    assert len(set(names)) == len(names)
    assert expected("dtype")[0] == "bf16"
    assert expected("verdict") == ["verified"] * 9 + [""] * 2
    assert expected("injection_layer")[0] == "embed"
    assert expected("layer_name") == [layer_name(layer) for layer in [*range(9), 0, 1]]
    assert expected("random")[:2] == ["=noise", None]


def test_a_table_has_what_stands_beside_a_reading_and_how_much_of_it_the_control_says():
    assert expected("lens")[:2] == [" lens|", None]
    assert expected("lens_probability")[:2] == [0.25, None]
    assert expected("bare")[:2] == ["the message", None]
    assert expected("sample_texts")[:2] == [["=1+1", "Rome"], []]
    assert expected("agreement")[:2] == [0.5, None]
    assert expected("entropy")[:2] == [1.5, None]
    assert expected("first_probability")[:2] == [0.5, 0.5]
    assert expected("control_agreement")[:2] == [0.0, 0.0]


def test_markdown_has_columns_for_the_baselines_where_a_run_has_them(exported):
    first, second = exported(".md").read_text().split("## ")[1:]
    assert "| lens | bare embedding |" in first
    assert "·lens\\| 0.25 | the message |" in first
    assert "bare embedding" not in second


def test_csv_is_read_back_by_pandas_with_equal_content(exported):
    numbers = [column.name for column in COLUMNS if column.kind == "number"]
    frame = pandas.read_csv(
        exported(".csv"),
        keep_default_na=False,
        na_values={name: ["", "nan"] for name in numbers},
    )
    assert list(frame.columns) == [column.name for column in COLUMNS]
    for column in COLUMNS:
        found, wanted = frame[column.name].tolist(), expected(column.name)
        if column.kind.endswith("s"):
            found = [json.loads(value) for value in found]
        wanted = [("" if column.kind == "text" else math.nan) if value is None else value for value in wanted]
        assert same(found, wanted), column.name


def test_csv_is_read_back_by_pythons_own_reader(exported):
    with exported(".csv").open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert [row["text"] for row in found] == expected("text")
    assert [json.loads(row["probabilities"]) for row in found] == expected("probabilities")


def test_parquet_is_read_back_by_pyarrow_and_by_pandas_with_equal_content(exported):
    path = exported(".parquet")
    table = pyarrow.parquet.read_table(path)
    frame = pandas.read_parquet(path)
    for column in COLUMNS:
        wanted = expected(column.name)
        assert same(table[column.name].to_pylist(), wanted), column.name
        if column.kind == "text":
            found = frame[column.name].astype(object)
            assert same(found.where(found.notna(), None), wanted), column.name
        elif column.kind not in ("number", "numbers"):
            assert same(frame[column.name], wanted), column.name
    assert str(table.schema.field("effects").type) == "list<element: double>"


def test_parquet_without_pyarrow_is_refused_with_what_to_install(exported, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SelfieError, match=re.escape("pip install 'selfie-tui[tables]'")):
        exported(".parquet")
    assert list(tmp_path.iterdir()) == []


def test_markdown_has_a_table_whose_cells_are_the_texts_as_they_are_shown(exported):
    text = exported(".md").read_text()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    tables = [re.split(r"(?<!\\) \| ", line[2:-2]) for line in text.splitlines() if line.startswith("| ")]
    cells = [row for row in tables if row[0] != "layer"]
    unescaped = [re.sub(r"\\(.)", r"\1", row[2]) for row in cells]
    assert unescaped == [prose(value) for value in expected("text")]
    assert [row[0] for row in cells] == expected("layer_name")
    assert "2 of 4 cells" in text
    assert all(f"{escaped(setting.field)} " in text for setting in SETTINGS)


def test_every_ending_is_written_and_named_in_the_refusal_of_another(exported, tmp_path):
    assert ENDINGS == (".jsonl", ".csv", ".md", ".html", ".parquet", ".py")
    assert [exported(writer.ending).exists() for writer in WRITERS] == [True] * 6
    with pytest.raises(ExportError, match=re.escape(".jsonl .csv .md .html .parquet .py")):
        export(RUNS[0], tmp_path / "out.xlsx")
    assert export(RUNS[0], tmp_path / "OUT.CSV").interpretations == 9


def test_a_file_that_is_there_is_overwritten_only_when_asked(exported, tmp_path):
    path = exported(".csv")
    before = path.read_bytes()
    with pytest.raises(FileThere):
        export(RUNS[1], path)
    assert path.read_bytes() == before
    done = export(RUNS[1], path, overwrite=True)
    assert str(done) == f"2 interpretations: {path}"
    assert path.read_bytes() != before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_folder_that_is_missing_or_is_no_folder_is_refused_and_none_is_made(tmp_path):
    with pytest.raises(ExportError, match="There is no folder"):
        export(RUNS[0], tmp_path / "new" / "out.csv")
    (tmp_path / "x.csv").mkdir()
    with pytest.raises(ExportError, match="is a folder"):
        export(RUNS[0], tmp_path / "x.csv")
    assert [each.name for each in tmp_path.iterdir()] == ["x.csv"]


def test_a_full_disk_leaves_the_file_that_was_there(exported, monkeypatch):
    path = exported(".csv")
    before = path.read_bytes()

    def refusing(runs, to):
        to.write_text("half")
        raise OSError(28, "No space left on device")

    writers = [writer._replace(write=refusing) for writer in WRITERS]
    monkeypatch.setattr("selfie_tui.results.writers.WRITERS", writers)
    with pytest.raises(ExportError, match="No space left on device"):
        export(RUNS[0], path, overwrite=True)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_session_that_is_broken_or_gone_leaves_no_half_export(tmp_path):
    path = write(tmp_path / "a.jsonl", run_of(["x"], 1), run_of(["y"], 2))
    runs = stored_runs(tmp_path, tmp_path / "cache")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"probability", b"improbable!"))
    with pytest.raises(ExportError, match="A run cannot be read"):
        export(chain.from_iterable(map(read_run, runs)), tmp_path / "out.csv")
    path.unlink()
    with pytest.raises(ExportError, match="No such file"):
        export(chain.from_iterable(map(read_run, runs)), tmp_path / "out.csv")
    assert [each.name for each in tmp_path.iterdir()] == ["cache"]


def test_an_export_has_the_rights_that_the_user_chose_for_new_files(tmp_path):
    before = os.umask(0o027)
    try:
        export(RUNS[0], tmp_path / "out.csv")
    finally:
        os.umask(before)
    assert (tmp_path / "out.csv").stat().st_mode & 0o777 == 0o640


def test_runs_of_several_sessions_are_exported_together(tmp_path):
    folder = tmp_path / "sessions"
    write(folder / "a.jsonl", run_of(["x"], 1))
    write(folder / "b.jsonl", run_of(["y"], 1, model="gemma"))
    runs = sorted(stored_runs(folder, tmp_path / "cache"), key=lambda run: run.id)
    done = export(chain.from_iterable(map(read_run, runs)), tmp_path / "out.csv")
    assert str(done) == f"2 interpretations of 2 runs: {tmp_path / 'out.csv'}"
    assert pandas.read_csv(tmp_path / "out.csv")["model"].tolist() == ["demo", "gemma"]


def test_a_script_holds_every_text_as_a_literal_and_makes_the_same_request(exported):
    evil = [with_fields(RUNS[0][0], model="demo\"\n'''\nimport os"), *RUNS[0][1:]]
    source = exported(".py", evil).read_text("ascii")
    namespace: dict = {"__name__": "exported"}
    exec(compile(source, "out.py", "exec"), namespace)
    ((name, device, dtype, layer_paths, edits, request, texts),) = namespace["RUNS"]
    assert (name, device, dtype, layer_paths, edits) == ("demo\"\n'''\nimport os", "cpu", "bf16", None, ())
    assert request == RUNS[0][0].request
    assert texts == dict(enumerate([*HARD, "= "]))


def test_a_script_runs_and_prints_the_same_words_on_the_bundled_model(demo, tmp_path):
    from selfie_tui.interpret_settings import InterpretSettings
    from selfie_tui.library.api import collect

    cells = tuple(Cell(layer, position) for position in (9, 1) for layer in (-1, 5))
    prompt = "The Eiffel Tower is located in the city of"
    request = InterpretSettings(preset=PRESETS[2], temperature=0.7, seed=3).request(prompt, cells)
    result = collect(demo, request)
    began = RunBegan(run=1, model="demo", began="2026-01-01T00:00:00+00:00", task=Interpret(request), info=demo.info())
    results = [Result(1, index, each) for index, each in enumerate(result.interpretations)]
    changed = msgspec.structs.replace(results[3].value, text="something else")
    path = tmp_path / "again.py"
    export([began, *results[:3], Result(1, 3, changed)], path)
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=True, cwd=root)
    printed = [line.split("\t") for line in done.stdout.splitlines()]
    assert [line[2] for line in printed[1:5]] == [prose(each.text) for each in result.interpretations]
    assert [line[:2] for line in printed[1:5]] == [["embed", "9"], ["L5", "9"], ["embed", "1"], ["L5", "1"]]
    assert printed[4][3] == "was: something else"
    assert printed[5] == ["3 of 4 texts are the exported ones"]


@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_read_back_from_every_table(tmp_path, texts):
    entries = run_of(texts, prompt=texts[0])
    for ending in (".csv", ".parquet", ".jsonl"):
        export(entries, tmp_path / f"any{ending}", overwrite=True)
    assert read(tmp_path / "any.jsonl") == entries
    assert pyarrow.parquet.read_table(tmp_path / "any.parquet")["text"].to_pylist() == texts
    with (tmp_path / "any.csv").open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert [row["text"] for row in found] == texts
    assert [row["prompt"] for row in found] == [texts[0]] * len(texts)
    frame = pandas.read_csv(tmp_path / "any.csv", keep_default_na=False, dtype=str)
    assert frame["text"].tolist() == texts
