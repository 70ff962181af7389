"""`--out`: what a command finds goes into a file too, also when it is interrupted, and nothing is lost unasked."""

from __future__ import annotations

import signal

import pandas
import pytest

from selfie_tui.commands import client
from selfie_tui.records import Progress
from selfie_tui.results.sessions import read

EIFFEL = "The Eiffel Tower is located in the city of"


def test_the_file_holds_what_was_printed(command, tmp_path):
    path = tmp_path / "found.csv"
    done = command("interpret", EIFFEL, "--layers", "embed,5-7", "--out", path)
    assert done.code == 0
    assert f"4 interpretations: {path}" in done.err
    frame = pandas.read_csv(path)
    assert frame["layer_name"].tolist() == ["embed", "L5", "L6", "L7"]
    assert all(text in done.out for text in frame["text"])
    assert "Paris" in frame["text"][3]
    assert set(frame["dtype"]) == {"fp32"}


def test_json_lines_are_those_of_the_session(command, tmp_path):
    done = command("interpret", EIFFEL, "--json", "--out", tmp_path / "found.jsonl")
    assert (tmp_path / "found.jsonl").read_text() == done.out
    (session,) = (tmp_path / "XDG_STATE_HOME").rglob("*.jsonl")
    assert read(session) == read(tmp_path / "found.jsonl")


def test_what_cannot_be_written_is_refused_before_the_model_is_loaded(command, tmp_path, monkeypatch):
    monkeypatch.setattr("selfie_tui.engine.service.load", lambda name, **options: pytest.fail("loaded"))
    (tmp_path / "there.csv").write_text("mine")
    for name, words in (("there.csv", "is there already"), ("x.doc", ".jsonl .csv"), ("no/x.csv", "no folder")):
        done = command("interpret", EIFFEL, "--out", tmp_path / name)
        assert done.code == client.WRONG_USAGE
        assert words in done.err
    assert (tmp_path / "there.csv").read_text() == "mine"


def test_a_file_that_is_there_is_replaced_when_asked(command, tmp_path):
    (tmp_path / "there.md").write_text("old")
    done = command("interpret", EIFFEL, "--layers", "7", "--out", tmp_path / "there.md", "--overwrite")
    assert done.code == 0
    assert "Paris" in (tmp_path / "there.md").read_text()


def test_an_interrupted_run_leaves_a_file_with_how_it_ended(command, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "selfie_tui.commands.printing.show_progress",
        lambda progress: signal.raise_signal(signal.SIGINT) if isinstance(progress, Progress) else None,
    )
    done = command("interpret", EIFFEL, "--tokens", "all", "--max-new-tokens", "200", "--out", tmp_path / "found.jsonl")
    assert done.code == client.INTERRUPTED
    assert read(tmp_path / "found.jsonl")[-1].ending == "cancelled"


def test_a_disk_that_refuses_at_the_end_is_said_and_counts_as_a_failure(command, tmp_path, monkeypatch):
    folder = tmp_path / "gone"
    folder.mkdir()

    keep = client.keep_in

    def keep_while_the_folder_goes(entries):
        folder.rmdir()
        return keep(entries)

    monkeypatch.setattr(client, "keep_in", keep_while_the_folder_goes)
    done = command("interpret", EIFFEL, "--layers", "7", "--out", folder / "found.csv")
    assert done.code == client.RUN_FAILED
    assert "no folder" in done.err
    assert "Paris" in done.out
