"""Results of the library as files: what `export` writes `read_results` reads, and sessions of the program too."""

from __future__ import annotations

from pathlib import Path

import pandas
import pytest
import torch

import selfie_tui
from selfie_tui.errors import LoadError, RequestError, SelfieError
from selfie_tui.library.facade import ModelAgnosticSelfie
from selfie_tui.results.sessions import read
from tests.results.runs import run_of, write

EIFFEL = "The Eiffel Tower is located in the city of"


def test_a_result_is_read_back_as_it_was(demo, tmp_path):
    result = selfie_tui.interpret(demo, EIFFEL, layers="embed,6", tokens="1,9", random_control=True)
    other = selfie_tui.interpret(demo, "Tokyo is a city", layers="6")
    done = selfie_tui.export([result, other], tmp_path / "found.jsonl")
    assert (done.runs, done.interpretations) == (2, 5)
    first, second = selfie_tui.read_results(tmp_path / "found.jsonl")
    assert (first.request, first.control, first.interpretations) == (
        result.request,
        result.control,
        result.interpretations,
    )
    assert first.info == demo.info()
    assert first.verdict == "verified"
    assert second.interpretations == other.interpretations
    assert first.to_dicts() == result.to_dicts()


def test_patchings_and_steered_answers_are_read_back_as_they_were(demo, tmp_path):
    pair = "The capital of France is", "The capital of Japan is"
    patched = selfie_tui.patch(demo, *pair, "Paris", "Tokyo", sites="resid", layers="3,7")
    vector = selfie_tui.mean_vector(demo, pair[1], 5, against=pair[0])
    steered = selfie_tui.steer(demo, vector, pair[0], [0, 2], max_new_tokens=2)
    done = selfie_tui.export([patched, steered], tmp_path / "found.jsonl")
    assert done.results == {"site": 12, "answer": 1}
    assert selfie_tui.read_results(tmp_path / "found.jsonl") == [patched, steered]
    selfie_tui.export(patched, tmp_path / "found.csv")
    assert pandas.read_csv(tmp_path / "found.csv")["score"].tolist() == patched.columns()["score"]
    with pytest.raises(RequestError, match="runs of several kinds"):
        selfie_tui.export([patched, steered], tmp_path / "both.csv")


def test_a_table_of_the_facade_is_exported_too(demo, tmp_path):
    table = ModelAgnosticSelfie(demo).interpret(EIFFEL, "concept", [(6, 9)])
    selfie_tui.export(table, str(tmp_path / "found.csv"))
    frame = pandas.read_csv(tmp_path / "found.csv")
    assert frame["text"].tolist() == table["interpretation"]
    assert frame["model"].tolist() == [demo.name]
    with pytest.raises(SelfieError, match="is there already"):
        selfie_tui.export(table, tmp_path / "found.csv")
    selfie_tui.export(table, tmp_path / "found.csv", overwrite=True)


def test_vectors_are_exported_but_not_as_a_script(demo, tmp_path):
    result = selfie_tui.interpret_vectors(demo, torch.randn(2, demo.hidden))
    selfie_tui.export(result, tmp_path / "found.md")
    with pytest.raises(RequestError, match="Vectors are not kept"):
        selfie_tui.export(result, tmp_path / "found.py")
    assert [each.name for each in tmp_path.iterdir()] == ["found.md"]


def test_a_session_of_the_program_is_read_as_results(tmp_path):
    write(tmp_path / "a.jsonl", run_of(["Paris", "Rome"], 1, ending="cancelled", cells=4))
    (result,) = selfie_tui.read_results(tmp_path / "a.jsonl")
    assert [each.text for each in result.interpretations] == ["Paris", "Rome"]
    assert (len(result.request.cells), result.info) == (4, None)
    selfie_tui.export(result, tmp_path / "b.jsonl")
    assert [entry.index for entry in read(tmp_path / "b.jsonl")[1:-1]] == [-1, 0, 1]


def test_what_is_no_result_and_no_session_is_refused(tmp_path: Path):
    with pytest.raises(RequestError, match="Expected a result, got str"):
        selfie_tui.export(["x"], tmp_path / "x.csv")
    (tmp_path / "x.txt").write_text("nonsense\n\n")
    with pytest.raises(LoadError, match="is not a session"):
        selfie_tui.read_results(tmp_path / "x.txt")
    with pytest.raises(LoadError, match="No such file"):
        selfie_tui.read_results(tmp_path / "nowhere.jsonl")
