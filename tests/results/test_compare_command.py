"""`selfie-tui compare`: two maps in one, files, lines of JSON, and what is refused before a model is loaded."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pandas
import pytest
import torch

from selfie_tui.commands.comparison_lines import DIFFERENT, SPELT_OTHERWISE, number, reading_lines
from selfie_tui.comparison_table import COLUMNS, OTHER, SAME, SPELT, texts_apart
from selfie_tui.engine.loading.load import load
from selfie_tui.records import Cell, CellPair, ComparedReading, Interpretation, Token

EIFFEL = "The Eiffel Tower is located in the city of"
PAIR = CellPair(Cell(3, 2), Cell(3, 2))


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled model in float32 with the MLP of layer 4 taken out."""
    model = load("demo", device="cpu", dtype="fp32")
    with torch.no_grad():
        model.blocks[4].mlp.down_proj.weight.zero_()
    folder = tmp_path_factory.mktemp("changed")
    model.module.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def _other_models_are_loaded(command, demo, monkeypatch):
    """The bundled model is there once; every other is loaded by its name."""
    monkeypatch.setattr(
        "selfie_tui.engine.service.load",
        lambda name, **options: demo if name == "demo" else load(name, **options),
    )


def test_both_maps_stand_layer_below_layer_and_the_words_that_differ_are_marked(command, changed):
    done = command("compare", "demo", changed, EIFFEL, "--dtype", "fp32", "--tokens", "2,-1", "--layers", "3,4,7")
    assert done.code == 0, done.err
    lens, apart = done.out.split("\n\n")
    head, *lines = lens.splitlines()
    assert head.split() == ["2", "·Eiffel", "9", "·of"]
    assert [line.split()[0] for line in lines[::2]] == ["L3", "L4", "L7", "says"]
    for own, other in zip(lines[::2], lines[1::2], strict=True):
        words = [[cell[-7:].lstrip("▁▂▃▄▅▆▇█≠ ") for cell in line.split()[-2:]] for line in (own, other)]
        assert (words[0] != words[1]) == (DIFFERENT in other)
    assert DIFFERENT not in lines[1]
    _, _, before, after, last, kl = apart.splitlines()
    assert before.split() == ["L3", "0", "0"]
    assert "0" not in after.split()[1:]
    assert last.startswith("L7")
    assert kl.startswith("KL")
    assert "the weights need" in done.err
    assert "of 6 cells" in done.err


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".md", ".parquet"])
def test_a_comparison_goes_into_a_file_with_all_that_is_known_of_each_cell(command, changed, tmp_path, ending):
    path = tmp_path / f"found{ending}"
    given = ("--dtype", "fp32", "--tokens", "2,-1", "--layers", "3,7", "--interpret", "--max-new-tokens", "6")
    done = command("compare", "demo", changed, EIFFEL, *given, "--json", "--out", path)
    assert done.code == 0, done.err
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [(row["position"], row["layer"]) for row in rows] == [(2, 3), (2, 7), (9, 3), (9, 7)]
    assert {tuple(row) for row in rows} == {tuple(column.name for column in COLUMNS)}
    assert [row["bits"] for row in rows if row["layer"] == 3] == [0.0, 0.0]
    assert all((row["text"] == row["other_text"]) == (row["texts"] == SAME) for row in rows)
    assert all(row["texts_apart"] == 0 for row in rows if row["texts"] == SAME)
    assert all(row["bits"] > 0 and row["next_kl"] > 0 for row in rows if row["layer"] == 7)
    assert {(row["model"], row["other_model"], row["same_vocabulary"]) for row in rows} == {
        ("demo", str(changed), True)
    }
    assert [row["next"] for row in rows][-1] == " Paris"
    assert {row["mapped_text"] for row in rows} == {None}
    if ending == ".md":
        text = path.read_text()
        assert "| L7 |" in text
        assert "| cell | model | other model | |" in text
        return
    readers = {".jsonl": lambda file: pandas.read_json(file, lines=True), ".csv": pandas.read_csv}
    frame = readers.get(ending, pandas.read_parquet)(path)
    assert frame["bits"].tolist() == pytest.approx([row["bits"] for row in rows])
    assert frame["other_text"].tolist() == [row["other_text"] for row in rows]
    if ending == ".csv":
        with path.open(newline="") as file:
            assert [json.loads(row["other_top"]) for row in csv.DictReader(file)] == [row["other_top"] for row in rows]


def test_texts_stand_below_each_other_where_they_differ(command, changed):
    given = ("--dtype", "fp32", "--tokens", "1,2", "--layers", "3,7", "--interpret")
    done = command("compare", "demo", changed, EIFFEL, *given)
    assert done.code == 0, done.err
    _, readings = done.out.rsplit("KL", 1)
    lines = readings.splitlines()[1:]
    labels = [line.split()[0] for line in lines]
    assert [label for label in labels if label.startswith("L")] == ["L3", "L7", "L3", "L7"]
    assert set(labels) <= {"L3", "L7", DIFFERENT, SPELT_OTHERWISE}
    assert labels.index("L3") + 1 == labels.index("L7")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["demo", "demo", " "], 2, "The prompt is empty."),
        (["demo", "demo", "a", "--top", "0"], 2, "Invalid number of tokens “0”."),
        (["demo", "demo", "a", "--layers", "9"], 2, "Layer 9 is out of range"),
        (["demo", "demo", "a", "--tokens", "70"], 2, "Token 70 is out of range"),
        (["demo", "demo", "a", "--other-layers", "3"], 2, "There are 9 layers of demo and 1 of demo."),
        (["demo", "demo", "a", "--layers", "3", "--other-layers", "8"], 2, "demo has 8 layers"),
        (["demo", "demo", "a", "--preset", "entity"], 2, "--preset says how cells are put into words"),
        (["demo", "demo", "a", "--interpret", "--preset", "nothing"], 2, "nothing"),
        (["demo", "/nowhere/at-all", "a"], 3, "Folder not found: /nowhere/at-all"),
        (["/nowhere/at-all", "demo", "a"], 3, "Folder not found: /nowhere/at-all"),
        (["demo", "demo", "a", "--out", "x.py"], 2, "A comparison is not written as .py."),
        (["demo", "demo", "a", "--map", "missing.txt"], 2, "missing.txt cannot be read: No such file or directory."),
    ],
)
def test_what_cannot_be_compared_has_its_own_message(command, arguments, code, words):
    done = command("compare", *arguments)
    assert (done.code, done.out) == (code, "")
    assert words in done.err


def said(text: str) -> Interpretation:
    return Interpretation(cell=PAIR.cell, token=Token(2, 7, " Tower"), text=text, tokens=(), norm=1.0)


@pytest.mark.parametrize(
    ("one", "other", "apart", "mark"),
    [
        ("Paris", "Paris ", SAME, ""),
        ("the word Paris.", "The word paris", SPELT, SPELT_OTHERWISE),
        ("the word in", "the word of", OTHER, DIFFERENT),
        ("", "", SAME, ""),
        ("", "a", OTHER, DIFFERENT),
        ("a\x1b[31m", "b\nc", OTHER, DIFFERENT),
    ],
)
def test_texts_are_marked_by_how_they_stand_to_each_other(one, other, apart, mark):
    reading = ComparedReading(PAIR, said(one), said(other))
    assert texts_apart(reading) == apart
    first, *more = reading_lines(reading)
    assert first.startswith("L3      2 ·Tower")
    assert len(more) == bool(mark)
    assert all(line.split()[0] == mark for line in more)
    assert "\x1b" not in first
    assert "\n" not in "".join([first, *more])


def test_numbers_tell_nothing_at_all_from_little():
    assert [number(each) for each in (0.0, 1e-6, -1e-9, 0.006, 1.0, None, float("nan"))] == [
        "0",
        "<.01",
        "<.01",
        "0.01",
        "1.00",
        "·",
        "·",
    ]
