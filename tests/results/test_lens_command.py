"""`selfie-tui lens`: a map that fits the terminal, lines of JSON, files, and prompts from a stream."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas
import pytest

import selfie_tui
from selfie_tui.commands import lens as command_module
from selfie_tui.commands.lens_lines import first_text, lens_lines
from selfie_tui.engine.methods import lens as lens_method
from selfie_tui.lens_table import COLUMNS
from selfie_tui.records import EMBED, Cell, Lens, LensRow, LensToken, Token, TrackedToken
from selfie_tui.results.part_file import part_of
from selfie_tui.results.writers import ExportError
from selfie_tui.streams import prompt_lines
from selfie_tui.text import width
from tests.engine.test_tuned_lens import saved

EIFFEL = "The Eiffel Tower is located in the city of"
NAN = float("nan")


def test_a_map_has_layers_down_tokens_across_and_what_the_model_says(command):
    done = command("lens", EIFFEL)
    assert done.code == 0, done.err
    head, *layers, says = done.out.splitlines()
    assert head.split()[:4] == ["1", "·The", "2", "·Eiffel"]
    assert [line.split()[0] for line in layers] == ["embed", *(f"L{layer}" for layer in range(8))]
    assert says.startswith("says")
    assert says.endswith("·Paris")
    assert layers[-1].endswith("█·Paris")
    assert not layers[0].endswith("·Paris")


def test_a_tracked_word_is_in_the_bars_and_in_a_row_of_its_own(command):
    done = command("lens", EIFFEL, "--track", "Paris", "--tokens=-2,-1")
    *_, says, first = done.out.splitlines()
    assert says.split() == ["says", "·of", "·Paris"]
    label, rank, _, layer = first.split()
    assert (label, rank[0], layer[0]) == ("first", "#", "L")
    assert "probability of “·Paris”" in done.err


def test_lines_of_json_have_every_column_of_every_cell(command):
    done = command(
        "lens", EIFFEL, "--json", "--layers", "embed,7", "--tokens", "3,-1", "--top", "2", "--track", "Paris"
    )
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [(row["layer"], row["position"]) for row in rows] == [(-1, 3), (7, 3), (-1, 9), (7, 9)]
    assert {tuple(row) for row in rows} == {tuple(column.name for column in COLUMNS)}
    last = rows[-1]
    assert (last["top"][0], last["answer"], last["answer_rank"], last["kl"]) == (" Paris", " Paris", 0, 0.0)
    assert last["tracked_probability"] == last["probabilities"][0] == last["answer_probability"] > 0.9
    assert len(last["top"]) == 2
    assert (last["model"], last["verdict"], last["edits"]) == ("demo", "verified", [])


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".md", ".parquet"])
def test_cells_of_all_prompts_go_into_a_file(command, tmp_path, ending):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text('The Louvre is in\n\n{"prompt": "The Colosseum\\nis in"}\n')
    path = tmp_path / f"found{ending}"
    done = command("lens", "--prompts", prompts, "--layers", "6,7", "--tokens=-1", "--out", path, "--json")
    assert done.code == 0, done.err
    assert f"4 cells of 2 prompts: {path}" in done.err
    printed = [json.loads(line) for line in done.out.splitlines()]
    assert [row["prompt"] for row in printed] == ["The Louvre is in"] * 2 + ["The Colosseum\nis in"] * 2
    if ending == ".md":
        text = path.read_text()
        assert text.count("## ") == 2
        assert "| L7 |" in text
        return
    readers = {".jsonl": lambda file: pandas.read_json(file, lines=True), ".csv": pandas.read_csv}
    frame = readers.get(ending, pandas.read_parquet)(path)
    assert frame["layer"].tolist() == [6, 7, 6, 7]
    assert frame["kl"].tolist() == pytest.approx([row["kl"] for row in printed])
    if ending == ".csv":
        with path.open(newline="") as file:
            assert [json.loads(row["top"]) for row in csv.DictReader(file)] == [row["top"] for row in printed]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "Give one prompt, or --prompts FILE."),
        (["a", "--prompts", "x"], 2, "Give one prompt, or --prompts FILE."),
        ([" "], 2, "The prompt is empty."),
        (["a", "--top", "0"], 2, "Invalid number of tokens “0”."),
        (["a", "--layers", "9"], 2, "Layer 9 is out of range"),
        (["a", "--tokens", "70"], 2, "Token 70 is out of range"),
        (["a", "--tuned", "nowhere"], 2, "There is no tuned lens in nowhere"),
        (["a", "--tuned"], 2, "names no tuned lens for demo."),
        (["a", "--out", "x.py"], 2, "A lens is not written as .py. Use one of: .jsonl .csv .md .parquet."),
        (["--prompts", "missing.txt"], 2, "missing.txt cannot be read: No such file or directory."),
    ],
)
def test_what_cannot_be_read_has_its_own_message(command, arguments, code, words):
    done = command("lens", *arguments)
    assert (done.code, done.out) == (code, "")
    assert words in done.err


def test_a_tuned_lens_is_named_by_its_folder_or_by_the_settings(command, demo, tmp_path, monkeypatch):
    monkeypatch.setattr("tests.engine.test_tuned_lens.HIDDEN", demo.hidden)
    folder = saved(tmp_path / "tuned", demo, [3])
    plain = command("lens", EIFFEL, "--tokens=-1")
    tuned = command("lens", EIFFEL, "--tokens=-1", "--tuned", folder)
    assert [a == b for a, b in zip(plain.out.splitlines(), tuned.out.splitlines(), strict=True)].count(False) == 1
    config = tmp_path / "XDG_CONFIG_HOME" / "selfie-tui" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[tuned_lenses]\ndemo = "{folder}"\n')
    assert command("lens", EIFFEL, "--tokens=-1", "--tuned").out == tuned.out


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".md", ".parquet"])
def test_a_stream_that_is_stopped_goes_on_and_ends_as_one_that_was_not(command, tmp_path, monkeypatch, ending):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("\n".join(["The city", "The city", *(f"The number {number}" for number in range(4))]))
    arguments = ("lens", "--prompts", prompts, "--layers=6,7", "--track=Paris")
    whole, path = tmp_path / f"whole{ending}", tmp_path / f"found{ending}"
    assert command(*arguments, "--out", whole).code == 0
    original = command_module.Lenses.task

    def interrupting(self: Any, prompt: str) -> Any:
        if prompt.endswith("2"):
            signal.raise_signal(signal.SIGINT)
        return original(self, prompt)

    with monkeypatch.context() as patch:
        patch.setattr(command_module.Lenses, "task", interrupting)
        done = command(*arguments, "--out", path)
    part = tmp_path / f"found{ending}.part"
    assert (done.code, path.exists()) == (130, False)
    assert f"{part}; the same command goes on with it" in done.err
    with part.open("rb+") as file:
        file.truncate(part.stat().st_size - 100)  # as one that was killed leaves it: in the middle of a line
    asked: list[str] = []
    monkeypatch.setattr("selfie_tui.engine.methods.lens.logit_lens", counting(asked, lens_method.logit_lens))
    done = command(*arguments, "--out", path)
    assert done.code == 0, done.err
    assert len(asked) == 3, "three prompts were whole, the fourth was cut short"
    assert path.read_bytes() == whole.read_bytes() or ending == ".parquet"
    if ending == ".parquet":
        assert pandas.read_parquet(path).equals(pandas.read_parquet(whole))
    assert not part.exists()


def counting(asked: list[str], function: Any) -> Any:
    """A function that notes each call."""

    def counted(*arguments: Any, **more: Any) -> Any:
        asked.append("")
        return function(*arguments, **more)

    return counted


def test_a_stream_that_is_killed_goes_on_and_ends_as_one_that_was_not(tmp_path):
    """`kill -9` in the middle of the real program, twice; then the bytes of the uninterrupted file."""
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("".join(f"The number {number} is in\n" for number in range(60)))
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    program = [sys.executable, "-m", "selfie_tui.cli", "lens", "--prompts", str(prompts), "--dtype", "fp32"]
    arguments = [*program, "--layers", "3,7", "--json"]
    whole, path = tmp_path / "whole.jsonl", tmp_path / "parts.jsonl"
    subprocess.run([*arguments, "--out", str(whole)], check=True, env=environment, stdout=subprocess.DEVNULL)
    part = part_of(path)
    for share in (0.1, 0.5):
        child = subprocess.Popen([*arguments, "--out", str(path)], env=environment, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while (part.stat().st_size if part.exists() else 0) < share * whole.stat().st_size:
            assert child.poll() is None, "it was killed before its end"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        assert part.exists()
    subprocess.run([*arguments, "--out", str(path)], check=True, env=environment, stdout=subprocess.DEVNULL)
    assert path.read_bytes() == whole.read_bytes()
    assert not part.exists()


def test_a_part_of_other_prompts_or_settings_is_refused(command, tmp_path, monkeypatch):
    prompts, path = tmp_path / "prompts.txt", tmp_path / "found.jsonl"
    prompts.write_text("The city\nThe number")

    def refuse(self: Any) -> str:
        raise ExportError("The disk is gone.", "Find it.")

    with monkeypatch.context() as patch:
        patch.setattr(command_module.LensStream, "finish", refuse)
        assert command("lens", "--prompts", prompts, "--layers=7", "--out", path).code == 1
    for arguments, words in (
        (("--prompts", prompts, "--layers=6"), "was begun with other settings or another model"),
        (("The country", "--layers=7"), "was begun with another prompt"),
        (("The city", "--layers=7"), "has lenses of more prompts"),
    ):
        done = command("lens", *arguments, "--out", path)
        assert done.code == 2
        assert words in done.err


def test_a_prompt_that_is_refused_is_named_and_the_next_one_is_read(command, tmp_path):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text(f"The city\n{'a b ' * 1000}\nThe country\n")
    done = command("lens", "--prompts", prompts, "--layers", "7", "--tokens=-1", "--out", tmp_path / "x.csv")
    assert done.code == 1
    assert "prompt 2: The prompt has" in done.err
    assert "1 of 3 prompts could not be read" in done.err
    assert "2 cells of 2 prompts" in done.err
    assert ["The city" in done.out, "The country" in done.out] == [True, True]


def test_prompts_of_a_file_are_read_one_at_a_time(tmp_path, monkeypatch):
    path = tmp_path / "prompts.txt"
    path.write_bytes(b'\xef\xbb\xbfone\r\n{"prompt": "two\\nlines"}\n{"prompt": 3}\n{not json\n\xff\n')
    lines = prompt_lines(str(path))
    assert [next(lines) for _ in range(4)] == ["one", "two\nlines", '{"prompt": 3}', "{not json"]
    with pytest.raises(selfie_tui.errors.RequestError, match=r"Line 5 of .* is not UTF-8"):
        next(lines)
    monkeypatch.setattr("sys.stdin", io.StringIO("a\n\nb"))
    assert list(prompt_lines("-")) == ["a", "b"]


def made(positions: int, tracked: TrackedToken | None = None) -> Lens:
    """A lens of three layers whose tracked token leads from L1 on at even positions, and never at odd ones."""
    tokens = tuple(Token(position, position, f" word{position}") for position in range(positions))
    rows = []
    for position in range(positions):
        for layer in (EMBED, 0, 1):
            rank = None if tracked is None else 0 if layer == 1 and position % 2 == 0 else 5 - layer
            probability = NAN if layer == 0 else 0.6
            top = (LensToken("" if layer == 0 else " a\x1b[31m漢字 long word", probability, 3),)
            rows.append(LensRow(Cell(layer, position), top, 1.0, 0, 0.5, None if tracked is None else 0.2, rank))
    return Lens(
        prompt="p", tokens=tokens, rows=tuple(rows), answers=(LensToken(" b", 0.5, 4),) * positions, tracked=tracked
    )


@pytest.mark.parametrize("columns", [20, 80, 120, 240])
def test_lines_fit_and_hold_every_token_whatever_its_text(columns):
    lines = list(lens_lines(made(40), columns))
    assert max(map(width, lines)) <= columns
    assert sum(line.count("word") for line in lines) == 40
    assert not any("\x1b" in line for line in lines)
    assert any("×" in line for line in lines)


def test_the_tracked_token_leads_from_a_layer_on_or_has_a_best_rank():
    lens = made(2, TrackedToken(" b", 4))
    assert [first_text(lens, position) for position in (0, 1)] == [" L1", "#5 L1"]


def test_the_library_gives_the_same_as_records_table_and_file(demo, tmp_path: Path):
    result = selfie_tui.lens(demo, EIFFEL, layers="embed,7", tokens="3,-1", k=2, track="Paris")
    assert [row.cell for row in result.rows] == [Cell(EMBED, 3), Cell(7, 3), Cell(EMBED, 9), Cell(7, 9)]
    assert result.answers[-1].text == " Paris"
    assert result.records.row(7, 9) == result.rows[-1]
    table = result.to_dicts()
    assert table[-1]["top"] == [token.text for token in result.rows[-1].top]
    assert result.to_pandas()["tracked_rank"].tolist() == [row.tracked_rank for row in result.rows]
    done = selfie_tui.export([result, result], tmp_path / "found.jsonl")
    assert (done.prompts, done.cells) == (2, 8)
    written = [json.loads(line) for line in (tmp_path / "found.jsonl").read_text().splitlines()]
    assert [row["entropy"] for row in written[:4]] == pytest.approx([row["entropy"] for row in table])
    with pytest.raises(selfie_tui.errors.RequestError, match="Expected a lens, got Result"):
        selfie_tui.export([result, selfie_tui.interpret(demo, "a", layers=7, max_new_tokens=1)], tmp_path / "b.csv")
