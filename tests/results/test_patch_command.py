"""`selfie-tui patch`: maps that fit the terminal, entries of JSON, files, pairs from a stream that was stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from selfie_tui.commands.patch_lines import patch_lines, score_cell
from selfie_tui.commands.patch_means import Means
from selfie_tui.commands.patch_options import parse_places
from selfie_tui.errors import RequestError
from selfie_tui.library.patching.patched import Patched, patch
from selfie_tui.patch_maps import score_words
from selfie_tui.records import PatchBegan, PatchedRun, PatchedSite, PromptRun, Token
from selfie_tui.results.part_file import part_of
from selfie_tui.results.sessions import read
from selfie_tui.results.writers.runs import kept_runs
from selfie_tui.text import width

FRANCE, JAPAN, ITALY = (f"The capital of {country} is" for country in ("France", "Japan", "Italy"))
NAN = float("nan")


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    lines = [
        {"source": FRANCE, "target": JAPAN},
        {"clean": ITALY, "corrupt": JAPAN, "correct": "Rome", "wrong": "Tokyo"},
        {"source": ITALY, "target": "The capital of the United Kingdom is"},
        {"source": JAPAN, "target": FRANCE},
    ]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


def test_a_map_for_each_site_and_the_strongest_sites_are_those_of_the_library(command, demo):
    done = command("patch", FRANCE, JAPAN, "--sites", "resid,attn")
    assert done.code == 0, done.err
    clean, corrupt, asked, _, title, head, *rest = done.out.splitlines()
    assert clean.startswith("A clean")
    assert "says ·Paris" in clean
    assert "says ·Tokyo" in corrupt
    assert asked == "logit_difference ·Paris − ·Tokyo · A into B"
    assert (title, head.split()[:4]) == ("resid", ["0", "<|end|>", "1", "·The"])
    assert [line.split()[0] for line in rest[:8]] == [f"L{layer}" for layer in range(8)]
    assert rest[9] == "attn"
    assert "rank correlation" in rest[-1]
    found = patch(demo, FRANCE, JAPAN, "Paris", "Tokyo", sites=("resid", "attn"))
    subject = {
        sites[0].layer: found.runs[index].score
        for index, sites in enumerate(found.began.sites)
        if sites[0].name == "resid" and sites[0].positions == (4,)
    }
    for layer, line in enumerate(rest[:8]):
        assert line.split()[5] == score_cell(subject[layer])
    best = found.strongest(1)[0]
    assert done.out.split("strongest")[1].splitlines()[1].split()[-6:-4] == ["·Paris", f"{best.top[0].probability:.2f}"]


def test_answers_default_to_what_both_prompts_say_and_are_refused_where_these_are_one(command):
    (first, *_) = json_lines(command("patch", FRANCE, JAPAN, "--json", "--sites", "resid", "--layers", "7"))
    assert (first["task"]["correct"], first["task"]["wrong"]) == ('" Paris"', '" Tokyo"')
    refused = command("patch", FRANCE, FRANCE)
    assert refused.code == 2
    assert "Both prompts are answered with" in refused.err
    assert "Give --correct and --wrong." in refused.err
    assert command("patch", FRANCE, JAPAN, "--metric", "kl", "--layers", "7", "--sites", "resid").code == 0


def json_lines(done):
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def test_entries_are_printed_kept_and_written_alike(command, tmp_path):
    path = tmp_path / "found.jsonl"
    done = command("patch", FRANCE, JAPAN, "--json", "--layers", "3,-1", "--out", path)
    assert path.read_text() == done.out
    (run,) = kept_runs(read(path))
    assert run.began.task.layers == (3, 7)
    assert run.parts == 2 * 6 * 3
    listed = json_lines(command("sessions", "list", "--json"))
    assert [(each["kind"], each["done"], each["cells"]) for each in listed] == [("patch", 36, 36)]
    assert listed[0]["task"]["clean"] == FRANCE
    shown = command("sessions", "show", "1")
    assert "logit diff A→B" in shown.out
    assert "strongest" in shown.out
    assert command("sessions", "search", "tokyo").code == 0
    replayed = command("sessions", "replay", "1", "--no-session")
    assert "36 of 36 scores are those of" in replayed.err
    assert command("sessions", "delete", "1", "--yes").err.strip() == "deleted 1 run with 36 sites"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((FRANCE,), "Give two prompts, or --pairs FILE."),
        ((FRANCE, JAPAN, "--pairs", "x"), "Give two prompts, or --pairs FILE."),
        ((FRANCE, " "), "The prompt is empty."),
        ((FRANCE, JAPAN, "--layers", "9"), "Layer 9 is out of range"),
        ((FRANCE, JAPAN, "--sites", "foo"), "No layer of demo has foo"),
        ((FRANCE, JAPAN, "--sites", ","), "There is no site."),
        ((FRANCE, JAPAN, "--positions", "first"), "Invalid positions “first”."),
        ((FRANCE, JAPAN, "--positions", "9"), "Position 9 is out of range: the prompt has 6 tokens."),
        ((FRANCE, JAPAN, "--top", "x"), "Invalid number of tokens “x”."),
        (
            (FRANCE, "The capital of the United Kingdom is"),
            "from token 3 on:  of| France| is against  of| the| United|",
        ),
        (("--pairs", "missing.jsonl"), "missing.jsonl cannot be read: No such file or directory."),
    ],
)
def test_what_cannot_be_patched_has_its_own_message(command, arguments, words):
    done = command("patch", *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err


def test_unequal_prompts_are_patched_at_their_last_positions(command):
    done = command("patch", FRANCE, "The capital of the United Kingdom is", "--positions", "last:2", "--sites", "resid")
    assert done.code == 0, done.err
    assert "8 ·is" in done.out
    assert "█1.00" in done.out


def test_positions_are_read_in_every_form():
    assert parse_places("each") == ("each", ())
    assert parse_places("last:4") == ("lastk", (4,))
    assert parse_places("3, -1") == ("custom", (3, -1))
    assert parse_places("3+5") == ("custom_constant", (3, 5))
    for text in ("", "last:", "last:0", "3-5", "a+b"):
        with pytest.raises(RequestError):
            parse_places(text)


def test_several_pairs_have_a_line_each_and_a_mean_like_the_librarys(command, demo, pairs):
    done = command("patch", "--pairs", pairs, "--sites", "resid", "--layers", "3,7", "--no-session")
    assert done.code == 1
    assert "pair 3: The prompts have 6 and 9 tokens" in done.err
    assert "1 of 4 pairs could not be read" in done.err
    lines = done.out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["1", "2", "4"]
    assert "mean of 3 pairs" in lines
    whole = [
        patch(demo, *each, sites="resid", layers=[3, 7])
        for each in (
            (FRANCE, JAPAN, "Paris", "Tokyo"),
            (ITALY, JAPAN, "Rome", "Tokyo"),
            (JAPAN, FRANCE, "Tokyo", "Paris"),
        )
    ]
    clean, corrupt = (sum(getattr(each.began, name).value for each in whole) / 3 for name in ("clean", "corrupt"))
    index = whole[0].began.sites.index((PatchedSite("resid", 3, (4,)),))
    value = sum(each.runs[index].value for each in whole) / 3
    (row,) = (line for line in lines[lines.index("mean of 3 pairs") :] if line.startswith("L3"))
    assert row.split()[5] == score_cell((value - corrupt) / (clean - corrupt))
    each = command("patch", "--pairs", pairs, "--sites", "resid", "--layers", "7", "--per-example", "--no-session")
    assert each.out.count("A clean") == 4
    assert "pair 4" in each.out


def test_a_stream_of_pairs_comes_from_standard_input_and_a_bad_line_ends_it(command, lines_on_stdin):
    few = ("--sites", "resid", "--layers", "7", "--no-session")
    lines_on_stdin(f'{{"source": "{FRANCE}", "target": "{JAPAN}"}}\n\n{{"source": "x"}}\n')
    done = command("patch", "--pairs", "-", *few)
    assert done.code == 2
    assert "Line 3 is no pair." in done.err
    assert len(done.out.splitlines()) == 1
    lines_on_stdin("no json\n")
    assert "Line 1 is no JSON object." in command("patch", "--pairs", "-", *few).err


def test_pairs_that_stopped_go_on_with_the_same_bytes_and_the_same_mean(command, tmp_path, pairs):
    few = ("--pairs", pairs, "--sites", "resid", "--layers", "3,7", "--no-session")
    whole = command("patch", *few, "--out", tmp_path / "whole.jsonl")
    lines = (tmp_path / "whole.jsonl").read_bytes().splitlines(keepends=True)
    path = tmp_path / "parts.jsonl"
    for kept in (1, 9, 23, len(lines) - 3, len(lines)):
        part_of(path).write_bytes(b"".join(lines[:kept]) + b'{"torn')
        done = command("patch", *few, "--out", path, "--overwrite")
        assert (done.code, done.out) == (whole.code, whole.out)
        assert path.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    part_of(path).write_bytes(b"".join(lines[:30]))
    other = command("patch", *few, "--metric", "probability", "--out", path, "--overwrite")
    assert other.code == 2
    assert "was begun with another setting at pair 1." in other.err


def test_a_stream_that_is_killed_goes_on_and_ends_as_one_that_was_not(tmp_path):
    """`kill -9` in the middle of a run of the real program, twice; then the bytes of the uninterrupted file."""
    countries = ("France", "Japan", "Italy", "Spain", "Egypt", "Greece")
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text(
        "".join(
            json.dumps({"source": f"The capital of {a} is", "target": f"The capital of {b} is"}) + "\n"
            for a in countries
            for b in countries
            if a != b
        )
    )
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    program = [
        sys.executable,
        "-m",
        "selfie_tui.cli",
        "patch",
        "--pairs",
        str(pairs),
        "--dtype",
        "fp32",
        "--no-session",
    ]
    whole = tmp_path / "whole.jsonl"
    first = subprocess.run([*program, "--out", str(whole)], env=environment, capture_output=True, check=False)
    path = tmp_path / "parts.jsonl"
    for runs in (1, 7):
        child = subprocess.Popen([*program, "--out", str(path)], env=environment, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while ended(part_of(path)) <= runs and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert part_of(path).exists(), "it was killed before its end"
    last = subprocess.run([*program, "--out", str(path)], env=environment, capture_output=True, check=False)
    assert (last.returncode, last.stdout) == (first.returncode, first.stdout)
    assert path.read_bytes() == whole.read_bytes()
    assert ended(path) == 30


def ended(part: Path) -> int:
    """The number of runs that have ended in a file."""
    return part.read_bytes().count(b'"RunEnded"') if part.exists() else 0


def test_a_patching_that_is_killed_is_gone_on_with_from_the_session(command, demo, tmp_path):
    """`kill -9` of the program after so many lines: no site that was printed is lost, the rest has the same bits."""
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "XDG_STATE_HOME")}
    arguments = ["patch", FRANCE, JAPAN, "--json", "--dtype", "fp32", "--no-attribution"]
    child = subprocess.Popen([sys.executable, "-c", SLOWLY, *arguments], stdout=subprocess.PIPE, env=environment)
    assert child.stdout is not None
    printed = [json.loads(child.stdout.readline()) for _ in range(60)]
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    (stored,) = json_lines(command("sessions", "list", "--json"))
    assert stored["ending"] == "killed"
    assert 58 <= stored["done"] < stored["cells"] == 144
    resumed = json_lines(command("sessions", "resume", "1", "--json"))
    found = {entry["index"]: entry["value"] for entry in resumed if entry["type"] == "Result"}
    assert all(found[entry["index"]] == entry["value"] for entry in printed if entry["type"] == "Result")
    whole = json_lines(command("patch", FRANCE, JAPAN, "--json", "--no-attribution", "--no-session"))
    assert found == {entry["index"]: entry["value"] for entry in whole if entry["type"] == "Result"}
    assert [each["ending"] for each in json_lines(command("sessions", "list", "--json"))] == ["finished"]


SLOWLY = """
import sys, time
from selfie_tui.engine.patching import joined
joined.TOKENS = 96  # in several batches
run = joined.JoinedRuns.run
def slowly(*arguments):
    time.sleep(0.2)
    return run(*arguments)
joined.JoinedRuns.run = slowly
from selfie_tui import cli
cli.main(sys.argv[1:])
"""


# What is printed ----------------------------------------------------------------------------------------------------


def made(scores: dict[int, float], tokens: int = 3) -> tuple[PatchBegan, dict[int, PatchedRun]]:
    prompt = PromptRun(tuple(Token(place, place, f" w{place}") for place in range(tokens)), 1.0, ())
    sites = tuple((PatchedSite("resid", layer, (place,)),) for layer in range(2) for place in range(tokens))
    began = PatchBegan(clean=prompt, corrupt=prompt, sites=sites)
    return began, {index: PatchedRun(index, score, score) for index, score in scores.items()}


def test_a_cell_has_a_bar_and_a_number_and_a_sign_that_is_no_colour():
    assert [score_cell(each) for each in (0.0, 0.842, 1.0, 1.2, -0.31, NAN, None)] == [
        "▁.00", "▇.84", "█1.00", "█1.20", "▽-.31", "×", "×",
    ]  # fmt: skip
    assert [score_words(each) for each in (-0.001, -1.5, 0.999)] == [".00", "-1.50", "1.00"]


def test_a_map_is_as_wide_as_the_terminal_and_shows_no_control_characters():
    began, runs = made({0: 0.5, 5: -0.2}, tokens=9)
    for cells in (200, 80, 40):
        assert max(width(line) for line in patch_lines(began, runs, (), cells)) <= cells
    hostile = PatchBegan(
        clean=PromptRun((Token(0, 0, "\x1b[31m"),), 1.0, ()),
        corrupt=PromptRun((Token(0, 0, "\x1b]0;x\x07"),), 0.0, ()),
        sites=((PatchedSite("resid", 0, (0,)),),),
    )
    lines = list(patch_lines(hostile, {0: PatchedRun(0, 1.0, 1.0)}, (), 100))
    assert not any(character in line for line in lines for character in "\x1b\x07")


def test_pairs_of_other_sites_are_not_in_the_mean():
    means = Means()
    assert means.mean() is None
    means.add(*made({0: 1.0}))
    means.add(*made({0: 1.0}, tokens=4))
    assert (means.pairs, means.others) == (1, 1)


def test_the_librarys_result_is_a_table(demo):
    found = patch(demo, FRANCE, JAPAN, "Paris", "Tokyo", sites="resid", layers="6-7", kind="last", attribution=False)
    assert isinstance(found, Patched)
    (_, row) = found.to_dicts()
    assert (row["site"], row["answer"]) == ("resid L7 · 5 ·is", " Paris")
    assert row["score"] == pytest.approx(1, abs=1e-4)
    assert list(found.to_pandas()["score"]) == [each["score"] for each in found.to_dicts()]
