"""What was kept of earlier runs: listed, read back, searched and deleted, whatever became of the files."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfie_tui.errors import SelfieError
from selfie_tui.results import benchmark
from selfie_tui.results import history as module
from selfie_tui.results.deleting import delete_run, delete_session
from selfie_tui.results.entries import RunEnded, encode
from selfie_tui.results.history import StoredRun, history, read_began, read_run, search, stored_runs
from selfie_tui.results.index import indexed
from selfie_tui.results.scan import Scan
from selfie_tui.results.sessions import Session, read
from tests.results.runs import began, run_of, with_fields, write

OLD = Path(__file__).parent.parent / "data" / "session-0.1.0.jsonl"
PARIS = ["the word of.", "Paris, the\ncapital", "PARIS"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "sessions"


@pytest.fixture
def listed(folder: Path, tmp_path: Path):
    return lambda: stored_runs(folder, tmp_path / "cache")


def test_a_run_is_listed_with_what_was_asked_and_how_it_ended(folder, listed):
    write(folder / "a.jsonl", run_of(PARIS[:2], cells=5, ending="cancelled"))
    (run,) = listed()
    assert (run.began.model, run.began.request.prompt, run.number) == ("demo", "The Eiffel Tower", 1)
    assert (run.cells, run.layers, run.positions, run.done, run.ending) == (5, 5, 1, 2, "cancelled")
    assert run.is_partial
    assert run.began.request.cells == ()
    assert len(read_began(run).request.cells) == 5


def test_runs_of_all_sessions_are_listed_newest_first(folder, listed):
    write(folder / "b.jsonl", run_of(["x"], 1), run_of(["x"], 3))
    write(folder / "a.jsonl", run_of(["x"], 2))
    assert [run.id for run in listed()] == ["b:3", "a:2", "b:1"]
    assert stored_runs(folder / "nowhere") == []


def test_what_is_read_of_a_run_is_what_was_written(folder, listed):
    first, second = run_of(PARIS, 1), run_of(["x"], 2, ending=None)
    write(folder / "a.jsonl", first, second)
    newest, oldest = listed()
    assert list(read_run(oldest)) == first
    assert list(read_run(newest)) == second


def test_the_session_of_version_0_1_is_listed_and_read_back(folder, listed):
    folder.mkdir()
    shutil.copy(OLD, folder / "old.jsonl")
    newest, oldest = listed()
    assert (oldest.done, oldest.ending, newest.done, newest.cells) == (7, "finished", 18, 18)
    assert [*read_run(oldest), *read_run(newest)] == read(OLD)
    (found,) = [each for each in search(listed(), "capital of france") if each.run.id == oldest.id]
    assert found.texts[0] == "Paris, the capital of France."


def test_a_run_without_an_end_was_killed_unless_its_program_still_runs(folder, listed):
    session = Session(folder / "a.jsonl")
    for entry in [*run_of(["x"], 1, ending=None), *run_of(["x"], 2, ending=None)]:
        session.append(entry)
    assert [run.ending for run in listed()] == ["running", "killed"]
    assert not listed()[0].is_partial
    session.close()
    assert [run.ending for run in listed()] == ["killed", "killed"]


def test_a_failed_run_says_why(folder, listed):
    entries = [*run_of(["x"], ending=None, cells=2), RunEnded(1, "failed", "The device is gone.")]
    write(folder / "a.jsonl", entries)
    assert listed()[0].problem == "The device is gone."


def test_a_list_reads_on_where_it_ended_when_a_file_has_grown(folder, listed, monkeypatch):
    path = write(folder / "a.jsonl", run_of(PARIS[:1], 1, ending=None, cells=3))
    assert [(run.done, run.ending) for run in listed()] == [(1, "killed")]
    already = path.stat().st_size
    *_, third, end = run_of(PARIS, 1)
    write(path, [third, end], run_of(["x"], 2))
    offsets = []
    monkeypatch.setattr(Scan, "go_on", lambda scan, go_on=Scan.go_on: (offsets.append(scan.scanned), go_on(scan)))
    newest, oldest = listed()
    assert offsets == [already]
    assert (oldest.done, oldest.ending, list(oldest.indices)) == (2, "finished", [0, 2])
    assert [entry.value.text for entry in list(read_run(oldest))[2:-1]] == [PARIS[0], PARIS[2]]
    assert newest.done == 1
    assert [found.matches for found in search([oldest], "paris")] == [1]
    listed()
    assert offsets == [already]


def test_a_file_that_was_replaced_by_a_longer_one_is_read_anew(folder, listed):
    path = write(folder / "a.jsonl", run_of(["x"], 1))
    listed()
    path.unlink()
    write(path, run_of(["y " * 200], 5))
    assert [run.number for run in listed()] == [5]


def test_a_line_in_writing_waits_and_a_broken_one_is_said_and_passed_over(folder, tmp_path):
    path = write(folder / "a.jsonl", run_of(PARIS, 1))
    path.write_bytes(path.read_bytes() + b'{"broken\n' + b'{"type":"RunBegan","run":2}\n' + b'{"type":"Result","run":1')
    runs, problems = history(folder, tmp_path / "cache")
    assert [run.done for run in runs] == [3]
    assert problems == [f"{path}: 2 lines cannot be read"]


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_listed(folder, tmp_path, monkeypatch):
    write(folder / "a.jsonl", run_of(["x"], 1))
    write(folder / "b.jsonl", run_of(["x"], 2))

    def refusing(path, cache):
        if path.name == "b.jsonl":
            raise PermissionError(13, "Permission denied")
        return indexed(path, cache)

    monkeypatch.setattr(module, "indexed", refusing)
    runs, problems = history(folder, tmp_path / "cache")
    assert [run.id for run in runs] == ["a:1"]
    assert problems == [f"{folder / 'b.jsonl'}: Permission denied"]


def test_a_cache_that_cannot_be_written_or_is_broken_changes_nothing(folder, tmp_path):
    write(folder / "a.jsonl", run_of(PARIS, 1))
    (tmp_path / "file").write_text("")
    (run,) = stored_runs(folder, tmp_path / "file" / "cache")
    assert stored_runs(folder, tmp_path / "cache") == [run]
    (index,) = (tmp_path / "cache").rglob("*.index")
    assert stat.S_IMODE(index.stat().st_mode) == 0o600
    index.write_bytes(b"nonsense")
    assert stored_runs(folder, tmp_path / "cache") == [run]


def test_the_index_of_a_session_that_was_removed_by_hand_goes_with_it(folder, listed, tmp_path):
    path = write(folder / "a.jsonl", run_of(["secret"], 1))
    write(folder / "b.jsonl", run_of(["kept"], 2))
    write(tmp_path / "other" / "c.jsonl", run_of(["elsewhere"], 3))
    stored_runs(tmp_path / "other", tmp_path / "cache")
    listed()
    path.unlink()
    listed()
    held = b"".join(index.read_bytes() for index in (tmp_path / "cache").rglob("*.index"))
    assert [word in held for word in (b"secret", b"kept", b"elsewhere")] == [False, True, True]


def test_a_search_finds_texts_prompts_presets_and_models_whatever_their_case(folder, listed):
    write(folder / "a.jsonl", run_of(PARIS, 1), run_of(["nothing"], 2, prompt="About PARIS", model="Gemma"))
    with_text, with_prompt = sorted(search(listed(), "paris"), key=lambda found: -found.matches)
    assert (with_text.run.number, with_text.matches, with_text.texts) == (1, 2, ("Paris, the\ncapital", "PARIS"))
    assert (with_prompt.run.number, with_prompt.matches, with_prompt.texts) == (2, 0, ())
    assert [found.run.number for found in search(listed(), "gemma")] == [2]
    assert [found.run.number for found in search(listed(), "the capital")] == [1]
    assert len(list(search(listed(), "I will summarize"))) == 2
    assert list(search(listed(), "unheard of")) == []
    assert len(list(search(listed(), ""))) == 2


def test_a_search_does_not_find_across_two_texts_nor_in_names_of_fields(folder, listed):
    write(folder / "a.jsonl", run_of(["ends with one", "two begins"], 1))
    assert list(search(listed(), "one two")) == []
    assert list(search(listed(), "probability")) == []


@pytest.mark.parametrize("word", ["Straße", "漢字", "İstanbul", "a\x85b\u202ec\x7f", "\ud800"])
def test_any_text_is_written_in_ascii_read_back_and_found(folder, listed, word):
    path = write(folder / "a.jsonl", run_of([f"of {word} and more"], 1))
    assert all(32 <= byte < 127 or byte == 10 for byte in path.read_bytes())
    (found,) = search(listed(), word.swapcase())
    assert found.texts == (f"of {word} and more",)


def test_a_resumed_run_takes_the_place_of_the_one_it_goes_on_with(folder, listed):
    old = run_of(PARIS[:1], 1, ending="cancelled", cells=3)
    first, *rest = run_of(PARIS, 2)
    resumed = [with_fields(first, resumes="a:1"), *rest]
    write(folder / "a.jsonl", old)
    write(folder / "b.jsonl", resumed)
    assert [run.id for run in listed()] == ["b:2"]


def test_a_resumed_run_that_lost_results_hides_nothing(folder, listed):
    old = run_of(PARIS[:2], 1, ending="cancelled", cells=3)
    first, control, one, *_ = run_of(PARIS, 2)
    write(folder / "a.jsonl", old, [with_fields(first, resumes="a:1"), control, one])
    assert [run.id for run in listed()] == ["a:2", "a:1"]


def test_a_deleted_run_is_gone_from_list_and_file(folder, listed, tmp_path):
    path = write(folder / "a.jsonl", run_of(["secret"], 1), run_of(["kept"], 2))
    delete_run(listed()[1], tmp_path / "cache")
    assert [run.number for run in listed()] == [2]
    assert b"secret" not in path.read_bytes()
    assert read(path) == run_of(["kept"], 2)
    delete_run(listed()[0], tmp_path / "cache")
    assert not path.exists()
    assert listed() == []


def test_a_run_is_deleted_from_a_session_that_is_being_written(folder, listed, tmp_path):
    session = Session(folder / "a.jsonl")
    for entry in [*run_of(["secret"], 1), *run_of(["kept"], 2, ending=None)]:
        session.append(entry)
    running, finished = listed()
    with pytest.raises(SelfieError, match="still running"):
        delete_run(running, tmp_path / "cache")
    delete_run(finished, tmp_path / "cache")
    session.append(RunEnded(2, "finished"))
    session.close()
    assert [(run.number, run.ending) for run in listed()] == [(2, "finished")]
    assert list(read_run(listed()[0])) == run_of(["kept"], 2)
    assert read(folder / "a.jsonl") == run_of(["kept"], 2)


def test_a_session_is_deleted_whole_but_not_while_it_is_written(folder, listed, tmp_path):
    path = folder / "a.jsonl"
    session = Session(path)
    session.append(began())
    with pytest.raises(SelfieError, match="still being written"):
        delete_session(path, tmp_path / "cache")
    session.close()
    listed()
    delete_session(path, tmp_path / "cache")
    assert listed() == []
    assert list((tmp_path / "cache").rglob("*.index")) == []


def test_a_disk_that_refuses_a_deletion_leaves_the_session_as_it_was(folder, listed):
    path = write(folder / "a.jsonl", run_of(["x"], 1), run_of(["y"], 2))
    before = path.read_bytes()
    path.with_name(f".{path.name}.{os.getpid()}.tmp").mkdir()
    with pytest.raises(SelfieError, match="Is a directory"):
        delete_run(listed()[0])
    assert path.read_bytes() == before


def test_a_stored_run_is_a_value(folder, listed):
    write(folder / "a.jsonl", run_of(["x"], 1))
    (run,) = listed()
    assert isinstance(run, StoredRun)
    assert run == listed()[0]
    with pytest.raises(AttributeError):
        run.cells = 3
    assert msgspec.structs.replace(run, path=Path("b")).id == "b:1"


def test_the_benchmark_lists_opens_and_searches_the_session_that_it_makes(monkeypatch, capfd):
    monkeypatch.setattr(sys, "argv", ["benchmark", "--readings", "700", "--per-run", "310"])
    benchmark.main()
    out = capfd.readouterr().out
    assert [line.split("MiB")[-1].strip() for line in out.splitlines()[1:4]] == ["3 runs", "3 runs", "40 entries of 80"]
    paris = sum(int(count) for count in re.findall(r"ms: (\d+) in 3 runs", out)[:1])
    assert 0 < paris <= 700


def test_a_list_of_many_interpretations_takes_a_fraction_of_what_they_take_on_disk(tmp_path):
    benchmark.make_session(tmp_path / "a.jsonl", 3100, 310)
    runs = stored_runs(tmp_path, tmp_path / "cache")
    assert sum(run.done for run in runs) == 3100
    (index,) = (tmp_path / "cache").rglob("*.index")
    assert index.stat().st_size < (tmp_path / "a.jsonl").stat().st_size / 15


@pytest.mark.parametrize(("before", "after"), [(b"Paris", b"Par\x80s"), (b'"seed":0', b'"seed":' + b"9" * 30)])
def test_bytes_that_are_not_utf_8_and_numbers_too_large_cost_their_line_alone(folder, tmp_path, before, after):
    path = write(folder / "a.jsonl", run_of(PARIS, 1), run_of(["x"], 2))
    path.write_bytes(path.read_bytes().replace(before, after, 1))
    runs, _ = history(folder, tmp_path / "cache")
    assert list(read_run(runs[0])) == run_of(["x"], 2)
    assert [len(list(read_run(run))) for run in runs] == [run.done + 3 for run in runs]
    assert sum(run.done for run in runs) == 1 + len(PARIS) - (before == b"Paris")


@given(st.data())
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_session_with_broken_bytes_is_listed_as_far_as_it_can_be_read(tmp_path, data):
    lines = [encode(entry) for run in (run_of(PARIS, 1), run_of(["x"], 2, cells=4)) for entry in run]
    broken = bytearray(b"\n".join(lines) + b"\n")
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(broken) - 1))
        broken[at : at + data.draw(st.integers(0, 40))] = data.draw(
            st.binary(max_size=8)
            | st.sampled_from([b'"', b"9" * 30, b"-7", b"null", b"\\ud800", b"\n", b"[" * 200_000])
        )
    path = tmp_path / "a.jsonl"
    path.write_bytes(broken)
    runs, _ = history(tmp_path, tmp_path / "cache")
    assert history(tmp_path, tmp_path / "cache").runs == runs
    assert len(list(search(runs, ""))) == len(runs)
    for run in runs:
        assert all(0 <= index < run.cells for index in run.indices)
        list(search([run], "paris"))
        try:
            entries = list(read_run(run))
        except (OSError, msgspec.DecodeError):
            continue
        assert len(entries) >= run.done
