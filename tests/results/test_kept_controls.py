"""Control of a layer is kept: listed, shown, written in every format, made again; one that stopped begins anew."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pyarrow.parquet
import pytest

import selfie_tui
from selfie_tui.engine.model import Model
from selfie_tui.library.control import LayerControl
from selfie_tui.presets import PRESETS
from selfie_tui.records import BEGINNING, Cell, ControlLayer, LayerControlBegan, LayerControlled, Request
from selfie_tui.results.history import read_run, search
from selfie_tui.results.resuming import contents, resume_task
from selfie_tui.results.stored import StoredRun
from selfie_tui.results.writers import export
from tests.results.test_kept_patching import listed, to_disk

EIFFEL = "The Eiffel Tower is located in the city of"
COLOSSEUM = "The Colosseum is located in the city of"
TASK = ControlLayer(
    Request(prompt=EIFFEL, cells=(Cell(5, 9),), preset=PRESETS[0], max_new_tokens=6),
    like=COLOSSEUM,
    also=("The Eiffel Tower is in the city of",),
    held_out=("The Kremlin is located in the city of",),
    retain=("The capital of France is",),
    steps=60,
    answer_tokens=2,
)


@pytest.fixture(scope="module")
def run(demo: Model, tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    folder = tmp_path_factory.mktemp("kept")
    to_disk(folder, demo, TASK)
    (found,) = listed(folder)
    return found


def both(run: StoredRun) -> tuple[LayerControlBegan, LayerControlled]:
    results = contents(run)[1]
    began, done = results[BEGINNING], results[0]
    assert isinstance(began, LayerControlBegan)
    assert isinstance(done, LayerControlled)
    return began, done


def test_a_control_is_listed_read_back_and_found_by_what_it_says(demo, run):
    assert (run.kind.word, run.prompt, run.done, run.cells, run.ending) == ("control", EIFFEL, 1, 1, "finished")
    assert run.kind.asked(run.began.task) == f"L5 → “{COLOSSEUM}”"
    began, done = both(run)
    wanted = selfie_tui.control_layer(
        demo, EIFFEL, 5, like=COLOSSEUM, also=TASK.also, held_out=TASK.held_out, retain=TASK.retain, steps=60,
        answer_tokens=2, max_new_tokens=6,
    )  # fmt: skip
    assert LayerControl(began, done).columns() == wanted.columns()
    assert (done.curve, len(done.curve)) == (wanted.done.curve, 60)
    assert [each.text.strip() for each in done.after.answers] == ["Rome.", "Rome."]
    (hit,) = search([run], "rome")
    assert hit.matches == 1
    assert "Rome" in hit.texts[0]
    events = [msgspec.structs.replace(event, job=0) for event in run.kind.events(contents(run)[1])]
    assert events == [began, done]


def test_one_that_stopped_begins_again_and_says_what_was_before(demo, tmp_path, run):
    to_disk(tmp_path, demo, TASK, stop_after=0)
    (entries,) = listed(tmp_path)
    path = entries.path
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(line for line in lines if b"LayerControlled" not in line and b"RunEnded" not in line))
    (stopped,) = listed(tmp_path)
    assert (stopped.ending, stopped.done, stopped.is_partial) == ("killed", 0, True)
    assert contents(stopped)[1] == {BEGINNING: both(run)[0]}
    assert resume_task(stopped) == TASK
    assert selfie_tui.read_results(path) == []
    text = export(read_run(stopped), tmp_path / "stopped.md").path.read_text()
    assert "- before: " in text
    assert "not trained to the end" in text


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".md", ".html", ".parquet"])
def test_a_control_is_written_in_every_format(run, tmp_path, ending):
    began, done = both(run)
    path = tmp_path / f"found{ending}"
    assert export(read_run(run), path).results == {"training": 1}
    wanted = LayerControl(began, done).to_dicts()
    if ending == ".jsonl":
        (found,) = selfie_tui.read_results(path)
        assert found == LayerControl(began, done)
    elif ending == ".csv":
        with path.open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert [(row["kind"], row["before"], row["after"]) for row in rows] == [
            (row["kind"], row["before"], row["after"]) for row in wanted
        ]
        assert {(row["layer"], row["like"], row["steps"]) for row in rows} == {("5", COLOSSEUM, "60")}
    elif ending == ".parquet":
        rows = pyarrow.parquet.read_table(path).to_pylist()
        assert [{name: row[name] for name in wanted[0]} for row in rows] == wanted
        assert rows[0]["distances"] == [distance for distance, _ in done.curve]
    else:
        text = path.read_text(encoding="utf-8")
        assert text.count("Rome.") == 2
        assert f"{done.curve[-1][0]:.4f}" in text
        assert "The Kremlin" in text


def test_the_command_keeps_what_it_did_and_makes_it_again_and_so_does_a_script(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}

    def selfie(*arguments: str) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-m", "selfie_tui.cli"]
        done = subprocess.run([*program, *arguments], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done

    asked = ("control", EIFFEL, "--layer", "5", "--like", COLOSSEUM, "--steps", "15", "--answer", "2")
    selfie(*asked, "--no-session", "--max-new-tokens", "4")
    assert selfie("sessions").stdout == ""
    printed = selfie(*asked, "--max-new-tokens", "4", "--keep", "rome", "--dtype", "fp32").stdout
    shown = selfie("sessions", "show", "1").stdout
    assert printed.rstrip() in shown
    again = selfie("sessions", "replay", "1")
    assert "1 of 1 sets of texts are those of" in again.stderr
    script = tmp_path / "again.py"
    selfie("sessions", "export", "2", "--out", str(script))
    made = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True, env=environment)
    assert made.stdout.splitlines()[-1] == "2 of 2 texts are the exported ones"
