"""`selfie-tui grid`: a map for the terminal, a stream of prompts in constant memory, a file that goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas
import pytest

from selfie_tui.commands import client
from selfie_tui.commands.grid_map import grid_lines, words_of
from selfie_tui.measures import agreement
from selfie_tui.presets import PRESETS
from selfie_tui.records import Cell, Interpretation, Progress, Request, Token
from selfie_tui.results.entries import RunBegan, RunEnded
from selfie_tui.results.locks import hold
from selfie_tui.results.part_file import part_of
from selfie_tui.results.sessions import read
from selfie_tui.results.stream_file import whole_runs
from selfie_tui.results.writers.runs import kept_runs
from tests.results.runs import reading

EIFFEL = "The Eiffel Tower is located in the city of"
CITIES = [
    "Paris is a city",
    "Tokyo is the capital of Japan",
    "London is a city",
    "Rome is in Italy",
    "Chopin was born in Poland",
]
FEW = ("--layers", "embed,3,6", "--tokens", "1,-1", "--max-new-tokens", "3")


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.txt"
    path.write_text("\n".join(CITIES) + "\n")
    return path


def stopping_after(monkeypatch, prompts: int) -> None:
    """Have ctrl+c pressed in the middle of the run after so many prompts."""
    seen: set[str] = set()

    def show(progress, which=""):
        seen.add(which)
        if len(seen) > prompts and isinstance(progress, Progress):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("selfie_tui.commands.grid.show_progress", show)


# The map ------------------------------------------------------------------------------------------------------------


def test_a_grid_is_a_map_of_first_words_with_every_cell_that_was_asked_for(command):
    done = command("grid", EIFFEL, "--layers", "embed,0,6-7")
    assert done.code == 0
    head, *rows, control = done.out.splitlines()
    assert head.split()[:4] == ["1", "·The", "2", "·Eiffel"]
    assert [row.split()[0] for row in rows] == ["embed", "L0", "L6", "L7"]
    assert "Paris" in rows[-1][-20:]
    assert control.startswith("control: ")
    assert "mean effect" in done.err


def test_a_map_is_as_wide_as_the_terminal_and_in_blocks_where_that_is_narrow():
    tokens = tuple(Token(position, position, f" w{position}") for position in range(9))
    request = Request("w", tuple(Cell(layer, position) for position in range(9) for layer in (-1, 0)), PRESETS[0])
    found = {index: reading(cell.layer, "wörd 漢字 and more of it") for index, cell in enumerate(request.cells[:-1])}
    for width, blocks in ((200, 1), (80, 2), (40, 3), (12, 9)):
        lines = list(grid_lines(request, tokens, found, width))
        assert sum(not line for line in lines) == blocks - 1
        assert sum(line.startswith("embed") for line in lines) == blocks
        assert max(map(len, lines)) <= max(width, 17)
        assert "".join(lines).count("·w") == 9
    assert "·" in lines[-1].split()


def test_a_cell_of_the_map_is_its_mark_where_it_says_no_more_and_shows_no_control_characters():
    assert words_of(None) == "·"
    assert "\x1b" not in words_of(reading(0, "\x1b[31mred\n"))
    assert words_of(reading(0, "Paris", effect=0.9)) == "█Paris"
    assert words_of(Interpretation(Cell(0, 0), Token(0, 0, "x"), "", (), 1.0)) == "∅"
    unread = Interpretation(Cell(0, 0), Token(0, 0, "x"), "", (), 1.0, problem="the state is not finite in fp16")
    assert words_of(unread) == "!"


# A stream of prompts ------------------------------------------------------------------------------------------------


def test_every_prompt_of_a_file_has_its_map_under_its_text(command, prompts):
    done = command("grid", "--prompts", prompts, *FEW)
    assert done.code == 0
    lines = done.out.splitlines()
    assert [line for line in lines if line in CITIES] == CITIES
    assert sum(line.startswith("control: ") for line in lines) == 5


def test_prompts_come_from_standard_input_and_may_hold_line_ends(command, lines_on_stdin):
    lines_on_stdin('Paris is a city\n\n{"prompt": "two\\nlines"}\n')
    done = command("grid", "--prompts", "-", *FEW, "--json")
    entries = [json.loads(line) for line in done.out.splitlines()]
    assert [entry["task"]["request"]["prompt"] for entry in entries if entry["type"] == "RunBegan"] == [
        "Paris is a city", "two\nlines",
    ]  # fmt: skip
    assert [entry["ending"] for entry in entries if entry["type"] == "RunEnded"] == ["finished"] * 2


def test_json_has_all_that_is_known_of_each_cell(command, tmp_path, prompts):
    settings = ("--temperature", "0.7", "--samples", "3")
    done = command("grid", "--prompts", prompts, *FEW, *settings, "--json", "--out", tmp_path / "found.jsonl")
    assert done.code == 0
    assert (tmp_path / "found.jsonl").read_text() == done.out
    runs = list(kept_runs(read(tmp_path / "found.jsonl")))
    assert [run.began.run for run in runs] == [1, 2, 3, 4, 5]
    for run in runs:
        assert len(run.interpretations) == len(run.began.request.cells)
        for each in run.interpretations.values():
            assert len(each.samples) == 3
            assert agreement(each) >= 1 / 3
            assert each.lens.text
            assert each.bare is not None
            assert each.entropy >= 0
    (session,) = (tmp_path / "XDG_STATE_HOME").rglob("*.jsonl")
    assert [run.interpretations for run in kept_runs(read(session))] == [run.interpretations for run in runs]


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".md", ".py"])
def test_a_stream_is_exported_in_any_format(command, tmp_path, prompts, ending):
    path = tmp_path / f"found{ending}"
    done = command("grid", "--prompts", prompts, *FEW, "--out", path)
    assert done.code == 0
    assert f"of 5 runs: {path}" in done.err
    assert not part_of(path).exists()
    if ending == ".csv":
        frame = pandas.read_csv(path)
        assert list(dict.fromkeys(frame["prompt"])) == CITIES
        assert frame["lens"].notna().all()
        assert frame["bare"].notna().all()
    else:
        assert path.stat().st_size


def test_a_prompt_that_cannot_be_read_is_kept_as_a_failed_run_and_the_others_are_read(command, tmp_path):
    path = tmp_path / "prompts.txt"
    path.write_text("Paris is a city\n" + "word " * 2000 + "\nLondon is a city\n")
    done = command("grid", "--prompts", path, *FEW, "--json", "--out", tmp_path / "found.jsonl")
    assert done.code == client.RUN_FAILED
    assert "prompt 2: The prompt has " in done.err
    assert "1 of 3 prompts could not be read" in done.err
    ended = [entry for entry in read(tmp_path / "found.jsonl") if isinstance(entry, RunEnded)]
    assert [(entry.run, entry.ending) for entry in ended] == [(1, "finished"), (2, "failed"), (3, "finished")]
    assert "tokens" in ended[1].problem


def test_what_is_wrong_is_refused_before_the_model_is_loaded(command, tmp_path, monkeypatch, prompts):
    monkeypatch.setattr("selfie_tui.engine.service.load", lambda name, **options: pytest.fail("loaded"))
    (tmp_path / "there.jsonl").write_text("mine")
    for arguments, words in (
        ((), "Give one prompt"),
        ((EIFFEL, "--prompts", prompts), "Give one prompt"),
        ((" ",), "The prompt is empty"),
        ((EIFFEL, "--strength", "x"), "strength"),
        ((EIFFEL, "--samples", "0"), "samples"),
        ((EIFFEL, "--samples", "3"), "would be the same text"),
        ((EIFFEL, "--out", tmp_path / "there.jsonl"), "is there already"),
        ((EIFFEL, "--out", tmp_path / "no" / "x.csv"), "no folder"),
    ):
        done = command("grid", *arguments)
        assert (done.code, words in done.err) == (client.WRONG_USAGE, True), arguments
    assert (tmp_path / "there.jsonl").read_text() == "mine"


def test_what_is_wrong_with_the_model_or_the_prompts_is_said(command, tmp_path, lines_on_stdin):
    for arguments, words in (
        ((EIFFEL, "--layers", "99"), "99"),
        ((EIFFEL, "--tokens", "77"), "77"),
        (("--prompts", tmp_path / "none.txt"), "cannot be read"),
    ):
        done = command("grid", *arguments)
        assert (done.code, words in done.err) == (client.WRONG_USAGE, True), (arguments, done.err)
    lines_on_stdin("\n\n")
    done = command("grid", "--prompts", "-")
    assert (done.code, "There are no prompts" in done.err) == (client.WRONG_USAGE, True)


# Going on -----------------------------------------------------------------------------------------------------------


def again(command, tmp_path, prompts, name: str, *more: object):
    return command("grid", "--prompts", prompts, *FEW, "--json", "--no-session", "--out", tmp_path / name, *more)


def test_a_stream_that_was_interrupted_goes_on_and_ends_with_the_same_bytes(command, tmp_path, prompts, monkeypatch):
    again(command, tmp_path, prompts, "whole.jsonl")
    path = tmp_path / "parts.jsonl"
    with monkeypatch.context() as patch:
        stopping_after(patch, 2)
        stopped = again(command, tmp_path, prompts, "parts.jsonl")
    assert stopped.code == client.INTERRUPTED
    assert not path.exists()
    assert f"what there is so far: {part_of(path)}" in stopped.err
    assert len(list(whole_runs(part_of(path)))) == 2
    assert again(command, tmp_path, prompts, "parts.jsonl").code == 0
    assert path.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 9, 15, 16, 17, 40])
def test_a_file_that_ends_anywhere_goes_on_to_the_same_bytes(command, tmp_path, prompts, keep):
    """Cut after so many lines, and in the middle of the next: each run here has nine lines."""
    whole = again(command, tmp_path, prompts, "whole.jsonl")
    lines = (tmp_path / "whole.jsonl").read_bytes().splitlines(keepends=True)
    assert len(lines) == 5 * 9
    part_of(tmp_path / "parts.jsonl").write_bytes(b"".join(lines[:keep]) + lines[keep][: len(lines[keep]) // 2])
    done = again(command, tmp_path, prompts, "parts.jsonl")
    assert done.code == 0
    assert (tmp_path / "parts.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert done.out == whole.out
    assert not part_of(tmp_path / "parts.jsonl").exists()


def test_what_is_there_is_not_read_again(command, tmp_path, prompts, monkeypatch):
    again(command, tmp_path, prompts, "whole.jsonl")
    (tmp_path / "whole.jsonl").rename(part_of(tmp_path / "parts.csv"))
    monkeypatch.setattr("selfie_tui.engine.model.Model.read", lambda *arguments: pytest.fail("read"))
    done = command("grid", "--prompts", prompts, *FEW, "--no-session", "--out", tmp_path / "parts.csv")
    assert done.code == 0
    assert len(pandas.read_csv(tmp_path / "parts.csv")) == 5 * 6


def test_a_file_of_other_prompts_settings_or_a_shorter_list_is_refused_and_kept(command, tmp_path, prompts):
    again(command, tmp_path, prompts, "whole.jsonl")
    part = part_of(tmp_path / "parts.jsonl")
    content = (tmp_path / "whole.jsonl").read_bytes()
    part.write_bytes(content)
    for change, words in (
        (lambda: again(command, tmp_path, prompts, "parts.jsonl", "--strength", "2"), "another setting at prompt 1"),
        (lambda: again(command, tmp_path, prompts, "parts.jsonl", "--layers", "3"), "another setting at prompt 1"),
    ):
        done = change()
        assert (done.code, words in done.err) == (client.WRONG_USAGE, True)
    prompts.write_text("\n".join([CITIES[0], "Berlin", *CITIES[2:]]))
    done = again(command, tmp_path, prompts, "parts.jsonl")
    assert (done.code, "another prompt at prompt 2" in done.err) == (client.WRONG_USAGE, True)
    prompts.write_text("\n".join(CITIES[:3]))
    done = again(command, tmp_path, prompts, "parts.jsonl")
    assert (done.code, "runs of more prompts" in done.err) == (client.WRONG_USAGE, True)
    assert part.read_bytes() == content
    part.write_bytes(b"something else\n")
    done = again(command, tmp_path, prompts, "parts.jsonl")
    assert (done.code, "something else than runs" in done.err) == (client.WRONG_USAGE, True)


def test_a_file_that_another_program_writes_is_left_alone(command, tmp_path, prompts):
    part = part_of(tmp_path / "parts.jsonl")
    with part.open("wb") as file:
        hold(file.fileno())
        done = again(command, tmp_path, prompts, "parts.jsonl")
    assert (done.code, "another program" in done.err) == (client.WRONG_USAGE, True)


def test_a_stream_that_is_killed_goes_on_and_ends_as_one_that_was_not(tmp_path):
    """`kill -9` in the middle of a run of the real program, three times; then the bytes of the uninterrupted file."""
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("".join(f"{city} is a city of {number} people\n" for number in range(8) for city in CITIES[2:]))
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    program = [sys.executable, "-m", "selfie_tui.cli", "grid", "--prompts", str(prompts), "--dtype", "fp32"]
    arguments = [*program, "--layers", "0,5", "--tokens", "all", "--no-session"]
    subprocess.run([*arguments, "--out", str(tmp_path / "whole.jsonl")], check=True, env=environment)
    path = tmp_path / "parts.jsonl"
    for runs in (1, 4, 11):
        child = subprocess.Popen([*arguments, "--out", str(path)], env=environment, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while ended(part_of(path)) <= runs and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert part_of(path).exists(), "it was killed before its end"
    subprocess.run([*arguments, "--out", str(path)], check=True, env=environment)
    assert path.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert [entry.run for entry in read(path) if isinstance(entry, RunBegan)] == [*range(1, 25)]


def ended(part: Path) -> int:
    """The number of runs that have ended in a file."""
    return part.read_bytes().count(b'"RunEnded"') if part.exists() else 0
