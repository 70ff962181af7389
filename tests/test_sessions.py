"""What a session file keeps: every finished reading at once, through kills, torn lines and full disks."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from selfie_tui.config import Memory, read_memory, write_memory
from selfie_tui.presets import PRESETS
from selfie_tui.records import (
    CONTROL,
    Cell,
    Control,
    GeneratedToken,
    Interpret,
    Interpretation,
    ModelInfo,
    Request,
    Token,
)
from selfie_tui.results.entries import SCHEMA, Result, RunBegan, RunEnded, decode, encode
from selfie_tui.results.sessions import Session, new_path, read

REQUEST = Request("a prompt\n\x1b[31m", (Cell(-1, 0), Cell(3, 1)), PRESETS[0])
READING = Interpretation(
    Cell(3, 1), Token(1, 7, " prompt"), "Paris ▁ 漢", (GeneratedToken(" Paris", 3, 0.5, -0.25),), 4.5, 0.25, False
)
ENTRIES = [
    RunBegan(run=1, model="demo", began="2026-01-01T00:00:00+00:00", task=Interpret(REQUEST)),
    Result(1, CONTROL, Control("none", "nothing")),
    Result(1, 1, READING),
    RunEnded(1, "finished"),
]


def written(path: Path, entries=ENTRIES) -> Session:
    session = Session(path)
    for entry in entries:
        session.append(entry)
    return session


def test_a_run_carries_its_model_schema_and_versions():
    model = ModelInfo("t5", "t5", "t5", 6, 64, 100, 0, 1000, "cpu", "fp32", "verified", False, "encoder-decoder")
    entry = msgspec.structs.replace(ENTRIES[0], info=model, versions={"torch": "2.13.0"})
    line = json.loads(encode(entry))
    assert (line["type"], line["schema"], line["info"]["proof"]) == ("RunBegan", SCHEMA, "verified")
    assert (line["task"]["type"], line["task"]["request"]["prompt"]) == ("Interpret", REQUEST.prompt)
    assert decode(json.dumps(line).encode()) == entry


def test_what_is_written_is_read_back(tmp_path):
    written(tmp_path / "a" / "s.jsonl").close()
    assert read(tmp_path / "a" / "s.jsonl") == ENTRIES


def test_an_entry_is_in_the_file_as_soon_as_it_is_appended(tmp_path):
    session = Session(tmp_path / "s.jsonl")
    for number, entry in enumerate(ENTRIES, 1):
        session.append(entry)
        assert read(tmp_path / "s.jsonl") == ENTRIES[:number]


def test_nothing_is_created_before_the_first_entry_nor_without_a_path(tmp_path):
    Session(tmp_path / "s.jsonl").close()
    session = Session(None)
    session.append(ENTRIES[0])
    assert list(tmp_path.iterdir()) == []
    assert session.problem == ""


def test_a_torn_last_line_is_left_out_wherever_it_is_torn(tmp_path):
    path = tmp_path / "s.jsonl"
    written(path).close()
    whole = path.read_bytes()
    last = whole[:-1].rfind(b"\n") + 1
    for end in range(last, len(whole) - 1):
        path.write_bytes(whole[:end])
        assert read(path) == ENTRIES[:-1]
    path.write_bytes(whole[:-1])
    assert read(path) == ENTRIES


def test_a_broken_line_in_the_middle_is_an_error(tmp_path):
    path = tmp_path / "s.jsonl"
    path.write_bytes(b'{"type": "nonsense"}\n' + encode(ENTRIES[0]) + b"\n")
    with pytest.raises(msgspec.DecodeError):
        read(path)


def test_a_killed_process_loses_nothing_that_it_appended(tmp_path):
    path = tmp_path / "s.jsonl"
    program = (
        "import time; from pathlib import Path; from selfie_tui.results.entries import RunEnded\n"
        "from selfie_tui.results.sessions import Session\n"
        f"session = Session(Path({str(path)!r}))\n"
        "for run in range(100): session.append(RunEnded(run, 'finished'))\n"
        "print('done', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"done\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert len(read(path)) == 100


def test_a_disk_that_refuses_is_told_once_and_raises_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    session = Session(tmp_path / "file" / "s.jsonl")
    first, *later = [session.append(entry) for entry in ENTRIES]
    assert "no longer saved" in first
    assert later == [""] * len(later)


def test_folder_and_file_are_the_users_alone(tmp_path):
    (tmp_path / "sessions").mkdir(mode=0o755)
    written(tmp_path / "sessions" / "s.jsonl").close()
    assert stat.S_IMODE((tmp_path / "sessions").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "sessions" / "s.jsonl").stat().st_mode) == 0o600


def test_nothing_is_written_after_the_session_was_closed(tmp_path):
    session = written(tmp_path / "s.jsonl", ENTRIES[:2])
    session.close()
    assert session.append(ENTRIES[2]) == ""
    assert read(tmp_path / "s.jsonl") == ENTRIES[:2]


def test_two_programs_that_start_in_one_second_have_two_files(tmp_path):
    path = new_path(tmp_path, datetime(2026, 1, 2, 3, 4, 5))
    assert path.name == f"2026-01-02_03-04-05_{os.getpid()}.jsonl"


def test_a_session_file_of_version_0_1_still_opens():
    entries = read(Path(__file__).parent / "data" / "session-0.1.0.jsonl")
    first, second = (entry for entry in entries if isinstance(entry, RunBegan))
    assert (first.model, first.info.verdict, first.info.layers) == ("demo", "proven", 8)
    assert (second.request.random_control, second.request.preset.name) == (True, "summarize")
    assert [entry.ending for entry in entries if isinstance(entry, RunEnded)] == ["finished", "finished"]
    results = {entry.index: entry.value for entry in entries if isinstance(entry, Result) and entry.run == second.run}
    assert list(results) == [CONTROL, *range(len(second.request.cells))]
    assert results[CONTROL].text == "the message is empty."
    found = [results[index] for index in range(18)]
    assert (found[0].text, found[0].cell, found[0].token.text) == ("the word the.", Cell(-1, 7), " the")
    assert sum(each.equals_control for each in found) == 0
    assert all(each.random is not None and 0 < each.treatment_effect < 1 for each in found)
    assert [decode(encode(entry)) for entry in entries[1:]] == entries[1:]


def test_a_full_disk_leaves_no_half_line_is_said_once_and_closing_raises_nothing(tmp_path, monkeypatch):
    path = tmp_path / "s.jsonl"
    session = written(path, ENTRIES[:1])
    written_before = path.read_bytes()
    write, room = os.write, [20]

    def into_little_room(file: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        count, room[0] = write(file, data[: room[0]]), 0
        return count

    monkeypatch.setattr(os, "write", into_little_room)
    assert session.append(ENTRIES[1]) == f"The session is no longer saved: {path}: No space left on device"
    monkeypatch.undo()
    assert session.append(ENTRIES[2]) == ""
    session.close()
    assert path.read_bytes() == written_before


def test_a_process_that_may_write_no_more_goes_on_and_says_so_once(tmp_path):
    path = tmp_path / "s.jsonl"
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "from pathlib import Path; from selfie_tui.results.entries import RunEnded\n"
        "from selfie_tui.results.sessions import Session\n"
        f"session = Session(Path({str(path)!r}))\n"
        "problems = [session.append(RunEnded(run, 'finished')) for run in range(100)]\n"
        "session.close(); print('\\n'.join(filter(None, problems)))"
    )
    done = subprocess.run([sys.executable, "-B", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == f"The session is no longer saved: {path}: File too large\n"
    assert done.stderr == ""
    assert path.read_bytes().endswith(b"}\n")
    assert [entry.run for entry in read(path)] == [*range(len(read(path)))]
    assert 0 < path.stat().st_size <= 1000


def test_a_draft_with_half_a_surrogate_pair_is_kept(tmp_path):
    memory = Memory(draft="half of \ud83d a pair")
    write_memory(tmp_path / "memory.json", memory)
    assert read_memory(tmp_path / "memory.json") == (memory, "")
    assert stat.S_IMODE((tmp_path / "memory.json").stat().st_mode) == 0o600
