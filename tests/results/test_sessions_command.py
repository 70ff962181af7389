"""`selfie-tui sessions`: earlier runs without a screen and, but for resume and replay, without a model."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from selfie_tui.cli import parser
from selfie_tui.commands import client
from selfie_tui.commands.sessions import row
from selfie_tui.interpret_settings import InterpretSettings
from selfie_tui.records import Cell
from selfie_tui.results.entries import RunBegan, RunEnded
from selfie_tui.results.history import stored_runs
from selfie_tui.results.sessions import read
from selfie_tui.text import width as cells_of
from tests.engine.records_compared import assert_same
from tests.results.runs import run_of, write

EIFFEL = "The Eiffel Tower is located in the city of"


@pytest.fixture
def sessions(tmp_path: Path) -> Path:
    return tmp_path / "XDG_STATE_HOME" / "selfie-tui" / "sessions"


@pytest.fixture
def two_runs(sessions: Path) -> Path:
    write(sessions / "old.jsonl", run_of(["the word of.", "Paris, the capital"], 1))
    return write(
        sessions / "new.jsonl", run_of(["Rome\x1b[31m"], 2, prompt="About Rome\n", ending="cancelled", cells=4)
    )


def test_a_list_has_a_line_for_each_run_newest_first(command, two_runs):
    done = command("sessions")
    newest, oldest = done.out.splitlines()
    assert newest.split()[:1] == ["1"]
    assert all(part in newest for part in ("demo", "1/4", "cancelled", "summarize at embed", "new:2", "About Rome"))
    assert all(part in oldest for part in (" 2 ", "old:1", "The Eiffel Tower"))
    assert "cancelled" not in oldest
    assert command("sessions", "list").out == done.out


def test_an_empty_list_says_where_sessions_are_kept(command, sessions):
    done = command("sessions")
    assert (done.code, done.out) == (client.DONE, "")
    assert str(sessions) in done.err


def test_the_list_is_read_by_programs_too(command, two_runs):
    newest, oldest = map(json.loads, command("sessions", "list", "--json").out.splitlines())
    assert (newest["number"], newest["id"], newest["done"], newest["cells"]) == (1, "new:2", 1, 4)
    assert oldest["request"]["prompt"] == "The Eiffel Tower"
    assert oldest["ending"] == "finished"


@pytest.mark.parametrize("name", ["1", "new:2", "new", "new.jsonl"])
def test_a_run_is_shown_by_number_id_or_session(command, two_runs, name):
    done = command("sessions", "show", name)
    assert "About Rome↵" in done.out
    assert "1 of 4" in done.out
    assert "Rome␛[31m" in done.out
    assert "\x1b" not in done.out
    assert "Paris" not in done.out


def test_what_is_shown_as_json_is_what_was_kept(command, two_runs):
    assert command("sessions", "show", "1", "--json").out.encode() == two_runs.read_bytes()


def test_an_unknown_name_is_refused_with_those_there_are(command, two_runs):
    done = command("sessions", "show", "7")
    assert done.code == client.WRONG_USAGE
    assert "1 to 2" in done.err


def test_a_search_shows_the_runs_and_their_texts(command, two_runs):
    done = command("sessions", "search", "PARIS")
    assert done.code == client.DONE
    line, count, text = done.out.splitlines()
    assert "old:1" in line
    assert (count.strip(), text.strip()) == ("1 of 2", "Paris, the capital")
    found = json.loads(command("sessions", "search", "about", "--json").out)
    assert (found["id"], found["matches"], found["texts"]) == ("new:2", 0, [])
    assert command("sessions", "search", "nowhere").code == client.RUN_FAILED


def test_runs_are_exported_oldest_first(command, two_runs, tmp_path):
    done = command("sessions", "export", "all", "--out", tmp_path / "out.jsonl")
    assert done.code == client.DONE
    assert "3 interpretations of 2 runs" in done.err
    assert [entry.run for entry in read(tmp_path / "out.jsonl") if isinstance(entry, RunBegan)] == [1, 2]
    assert command("sessions", "export", "1", "--out", tmp_path / "out.jsonl").code == client.WRONG_USAGE
    assert command("sessions", "export", "1", "--out", tmp_path / "out.jsonl", "--overwrite").code == client.DONE
    assert read(tmp_path / "out.jsonl") == read(two_runs)


def test_a_deletion_asks_and_does_nothing_without_a_yes(command, two_runs, monkeypatch):
    assert command("sessions", "delete", "1").code == client.WRONG_USAGE

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for answer, code in (("n\n", client.RUN_FAILED), ("\n", client.RUN_FAILED), ("", client.RUN_FAILED)):
        monkeypatch.setattr("sys.stdin", Terminal(answer))
        done = command("sessions", "delete", "1")
        assert done.code == code
        assert "Delete 1 run with 1 interpretation for good?" in done.err
    assert two_runs.exists()
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert command("sessions", "delete", "1").code == client.DONE
    assert not two_runs.exists()
    assert command("sessions", "delete", "all", "--yes").code == client.DONE
    assert command("sessions").out == ""


def test_a_session_that_cannot_be_read_is_named_and_the_others_are_listed(command, two_runs):
    two_runs.write_bytes(b"nonsense\n")
    done = command("sessions")
    assert "old:1" in done.out
    assert f"{two_runs}: 1 lines cannot be read" in done.err


def test_a_reader_that_leaves_is_no_error(two_runs, tmp_path, monkeypatch):
    write(two_runs, *(run_of(["x"], number) for number in range(10, 900)))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "XDG_STATE_HOME"))
    child = subprocess.Popen(
        [sys.executable, "-m", "selfie_tui.cli", "sessions"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout
    assert child.stderr
    child.stdout.readline()
    child.stdout.close()
    assert child.stderr.read() == b""
    child.stderr.close()
    child.wait()


def test_a_cancelled_run_is_resumed_and_ends_as_a_whole_one(command, sessions, tmp_path):
    whole = command("interpret", EIFFEL, "--json")
    entries = read(next(sessions.glob("*.jsonl")))
    next(sessions.glob("*.jsonl")).unlink()
    write(sessions / "cut.jsonl", [*entries[:4], RunEnded(entries[0].run, "cancelled")])
    done = command("sessions", "resume", "1")
    assert done.code == client.DONE
    assert "2 of 9 are there" in done.err
    assert len(done.out.splitlines()) == 10
    (line,) = command("sessions", "list", "--json").out.splitlines()
    assert (json.loads(line)["done"], json.loads(line)["ending"]) == (9, "finished")
    shown = [json.loads(each) for each in command("sessions", "show", "1", "--json").out.splitlines()]
    assert_same(
        [each["value"] for each in shown[1:-1]], [json.loads(each)["value"] for each in whole.out.splitlines()[1:-1]]
    )
    assert command("sessions", "resume", "1").code == client.WRONG_USAGE


def test_a_run_of_another_model_is_not_resumed(command, sessions):
    command("interpret", EIFFEL, "--layers", "embed,7")
    path = next(sessions.glob("*.jsonl"))
    path.write_bytes(path.read_bytes().replace(b'"dtype":"fp32"', b'"dtype":"bf16"').replace(b"finished", b"cancelled"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-2]))
    done = command("sessions", "resume", "1")
    assert done.code == client.WRONG_USAGE
    assert "dtype bf16 → fp32" in done.err
    assert len(command("sessions").out.splitlines()) == 1


def test_a_replay_names_what_differs_and_which_texts_do(command, sessions):
    command("interpret", EIFFEL, "--layers", "embed,7")
    path = next(sessions.glob("*.jsonl"))
    path.write_bytes(
        path.read_bytes().replace(b'"dtype":"fp32"', b'"dtype":"bf16"').replace(b'"text":"the', b'"text":"a')
    )
    done = command("sessions", "replay", path.stem)
    assert done.code == client.DONE
    assert "dtype bf16 → fp32" in done.err
    assert "embed · 9 was: a word of." in done.err
    assert f"1 of 2 texts are those of {path.stem}:" in done.err
    assert len(command("sessions").out.splitlines()) == 2


def test_a_run_is_resumed_with_its_own_model_whatever_the_app_would_open():
    found = parser().parse_args(["sessions", "resume", "1"])
    assert (found.model, found.device, found.dtype) == (None, None, None)


def test_no_action_but_resume_and_replay_imports_torch(two_runs, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "XDG_STATE_HOME"))
    out = tmp_path / "x.csv"
    for arguments in (
        ["list"],
        ["show", "1"],
        ["search", "rome"],
        ["export", "1", "--out", str(out)],
        ["delete", "1", "--yes"],
    ):
        code = f"""
import sys
from selfie_tui import cli
assert cli.main(["sessions", *{arguments!r}]) == 0
assert not {{"torch", "textual"}} & set(sys.modules)
"""
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert out.exists()
    assert not two_runs.exists()


def test_the_request_of_a_stored_run_is_what_was_asked(command, sessions):
    command("interpret", EIFFEL, "--layers", "3", "--seed", "9")
    (first, *_) = read(next(sessions.glob("*.jsonl")))
    assert first.request == InterpretSettings(seed=9).request(EIFFEL, (Cell(3, 9),))


@pytest.mark.parametrize(("width", "has_id"), [(60, False), (80, False), (120, True), (200, True)])
def test_a_line_fits_the_terminal_and_shows_the_prompt(sessions, tmp_path, width, has_id):
    write(
        sessions / "2026-01-01_00-00-00_12345.jsonl",
        run_of(["x"], 1, prompt="漢字 漢字 " * 20, ending="cancelled", cells=9),
    )
    (run,) = stored_runs(sessions, tmp_path / "cache")
    line = row(1, run, width)
    assert cells_of(line) <= width
    assert "1/9" in line
    assert ("漢" in line) == (width >= 80)
    assert line.endswith("cancelled 2026-01-01_00-00-00_12345:1") == has_id
