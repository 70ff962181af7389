"""Exports of patching and steering: each format holds what was kept, read back by the programs it is for."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path

import msgspec
import pandas
import pyarrow.parquet
import pytest

import selfie_tui
from selfie_tui.engine.model import Model
from selfie_tui.errors import RequestError
from selfie_tui.library.patching.patched import collect_patched
from selfie_tui.library.steering import collect_steered
from selfie_tui.patch_maps import score_words
from selfie_tui.records import (
    ATTRIBUTION,
    BEGINNING,
    END,
    AttributionFinished,
    Control,
    GeneratedToken,
    LensToken,
    PatchActivations,
    PatchBegan,
    PatchedRun,
    PatchedSite,
    PatchEnded,
    PromptRun,
    Steer,
    Steered,
    SteeredSoFar,
    Token,
)
from selfie_tui.results.entries import Entry, Result, RunBegan, RunEnded
from selfie_tui.results.sessions import read
from selfie_tui.results.writers import ENDINGS, export
from selfie_tui.results.writers.kinds import WRITTEN
from selfie_tui.results.writers.runs import KeptRun, kept_runs
from tests.results.runs import run_of

TASK = PatchActivations(
    clean="The capital of France is",
    corrupt="The capital of Japan is",
    correct="Paris",
    wrong="Tokyo",
    layers=(0, 3, 7),
)
HOSTILE = '"><script>alert(1)</script>\n|\x1b[31m ‮&amp;'


def entries(number: int, task: PatchActivations | Steer, results: dict[int, object], info=None) -> list[Entry]:
    began = RunBegan(run=number, model="demo", began="2026-01-01T00:00:00+00:00", task=task, info=info)
    return [began, *(Result(number, *item) for item in results.items()), RunEnded(number, "finished")]


@pytest.fixture(scope="module")
def patched(demo: Model) -> list[Entry]:
    found = collect_patched(demo, TASK)
    about = {BEGINNING: found.began, ATTRIBUTION: AttributionFinished(scores=found.attribution)}
    return entries(1, TASK, {**about, **found.runs, END: PatchEnded(sites=54, agreement=found.agreement)}, demo.info())


@pytest.fixture(scope="module")
def steered(demo: Model, tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    vector = selfie_tui.mean_vector(demo, [TASK.corrupt], 5, against=[TASK.clean])
    path = selfie_tui.save_vector(vector, str(tmp_path_factory.mktemp("vectors") / "japan.safetensors"))
    task = Steer(
        line=f'"{path}"',
        prompt=TASK.clean,
        strengths=(0.0, 2.0),
        max_new_tokens=3,
        words=("Tokyo",),
        against=("Paris",),
    )
    return entries(2, task, {0: collect_steered(demo, task).record}, demo.info())


def kept(found: list[Entry]) -> KeptRun:
    (run,) = kept_runs(found)
    return run


def expected(found: list[Entry]) -> dict[str, list[object]]:
    """The columns, straight from the records."""
    table = WRITTEN[type(found[0].task)].table
    return dict(zip(table.names, zip(*table.values(kept(found)), strict=True), strict=True))


def same(one: object, other: object) -> bool:
    one = one.tolist() if hasattr(one, "tolist") else one
    return one == other or (
        isinstance(one, float) and isinstance(other, float) and math.isnan(one) and math.isnan(other)
    )


def test_a_row_a_site_has_its_score_its_attribution_and_its_tokens(patched):
    columns, run = expected(patched), kept(patched)
    began = run.results[BEGINNING]
    assert len(columns["index"]) == len(began.sites) == 54
    assert columns["score"] == tuple(run.results[index].score for index in range(54))
    assert columns["attribution"] == run.results[ATTRIBUTION].scores
    place = columns["sites"].index("resid L7 · 5")
    row = {name: values[place] for name, values in columns.items()}
    assert (row["site"], row["layer"], row["positions"], row["head"]) == ("resid", 7, [5], None)
    assert (row["clean_tokens"], row["top"][0], row["direction"]) == ([" is"], " Paris", "A→B")
    assert (row["clean_answer"], row["corrupt_answer"], row["agreement"]) == (
        " Paris",
        " Tokyo",
        run.results[END].agreement,
    )


def test_a_row_an_answer_has_its_strength_and_the_plain_one_has_none(steered):
    columns, answers = expected(steered), kept(steered).results[0]
    assert columns["strength"] == (None, 0.0, 2.0)
    assert columns["text"] == tuple("".join(token.text for token in each) for each in (
        answers.plain, *(one.tokens for one in answers.steered)
    ))  # fmt: skip
    assert columns["text"][0] == columns["text"][1] != columns["text"][2]
    assert columns["log_odds"][2] > columns["log_odds"][0] == columns["log_odds"][1]
    assert columns["layers"][0] == [5]


@pytest.mark.parametrize("which", ["patched", "steered"])
def test_tables_are_read_back_with_equal_content(request, tmp_path, which):
    found = request.getfixturevalue(which)
    columns, table = expected(found), WRITTEN[type(found[0].task)].table
    for ending in (".csv", ".parquet"):
        export(found, tmp_path / f"out{ending}")
    arrow = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    for name, values in columns.items():
        assert all(map(same, arrow[name].to_pylist(), values)), name
    assert pandas.read_parquet(tmp_path / "out.parquet").shape == (len(columns["run"]), len(table.columns))
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for column in table.columns:
        for row, value in zip(rows, columns[column.name], strict=True):
            text = row[column.name]
            if value is None:
                assert text == ""
            elif column.kind.endswith("s"):
                assert json.loads(text) == value
            else:
                assert text == str(value), column.name


@pytest.mark.parametrize("which", ["patched", "steered"])
def test_json_lines_are_read_back_as_they_were_kept(request, tmp_path, which):
    found = request.getfixturevalue(which)
    export(found, tmp_path / "out.jsonl")
    assert kept(read(tmp_path / "out.jsonl")) == kept(found)


def test_a_table_holds_runs_of_one_kind_and_what_was_there_stays(patched, steered, tmp_path):
    for ending in (".csv", ".parquet"):
        path = tmp_path / f"out{ending}"
        path.write_text("before")
        with pytest.raises(RequestError, match="runs of several kinds: patch, steer"):
            export([*patched, *steered], path, overwrite=True)
        assert path.read_text() == "before"
    for ending in (".md", ".html", ".jsonl", ".py"):
        done = export([*patched, *steered, *run_of(["Paris"], 3)], tmp_path / f"all{ending}")
        assert str(done) == f"54 sites, 1 answer, 1 interpretation of 3 runs: {tmp_path / f'all{ending}'}"


def test_markdown_has_a_map_for_each_site_and_the_strongest_sites(patched, steered, tmp_path):
    export([*patched, *steered], tmp_path / "out.md")
    text = (tmp_path / "out.md").read_text()
    run = kept(patched)
    index = run.results[BEGINNING].sites.index((PatchedSite("resid", 3, (4,)),))
    (row, *_) = (line for line in text.splitlines() if line.startswith("| L3 |"))
    assert row.split(" | ")[5] == score_words(run.results[index].score)
    assert [title for title in ("resid", "attn", "mlp") if f"| {title} | 0 " in text] == ["resid", "attn", "mlp"]
    assert "rank correlation with the scores" in text
    assert "- metric: logit\\_difference ·Paris − ·Tokyo" in text
    assert "| plain | " in text
    assert "| 2 | " in text


class Cells(HTMLParser):
    """The texts of the cells of tables, and every tag that was opened."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attributes: object) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.rstrip("\n")


def parsed(path: Path) -> Cells:
    cells = Cells()
    cells.feed(path.read_text(encoding="utf-8"))
    return cells


def test_a_page_has_the_scores_as_numbers_and_the_answers_as_texts(patched, steered, tmp_path):
    export([*patched, *steered, *run_of(["Paris is a city"], 3)], tmp_path / "out.html")
    rows = parsed(tmp_path / "out.html").rows
    run = kept(patched)
    first = next(row for row in rows if row[0] == "L3")
    sites = run.results[BEGINNING].sites
    wanted = [run.results[sites.index((PatchedSite("resid", 3, (place,)),))].score for place in range(6)]
    assert [cell.removeprefix("▽ ") for cell in first[1:]] == [score_words(score) for score in wanted]
    answers = kept(steered).results[0]
    assert [row[1] for row in rows if row[0] in ("plain", "0", "2")] == [
        "".join(token.text for token in tokens).replace("\n", "↵")
        for tokens in (answers.plain, *(each.tokens for each in answers.steered))
    ]
    assert next(row for row in rows if row[0] == "L0" and row[1].startswith("2 "))[2] == " Paris is a city"


def test_no_text_of_a_prompt_or_a_model_becomes_part_of_a_document(tmp_path):
    run = PromptRun((Token(0, 1, HOSTILE),), 1.0, (LensToken(HOSTILE, 0.5, 1),))
    began = PatchBegan(clean=run, corrupt=run, sites=((PatchedSite("resid", 0, (0,)),),), problem=HOSTILE)
    task = PatchActivations(clean=HOSTILE, corrupt=HOSTILE, correct=HOSTILE, wrong=HOSTILE, kind=HOSTILE)
    patching = {BEGINNING: began, 0: PatchedRun(0, math.nan, 1.0, run.top)}
    tokens = (GeneratedToken(HOSTILE, 1, 0.5),)
    answers = SteeredSoFar(
        prompt=HOSTILE, line=HOSTILE, layers=(1,), plain=tokens, steered=(Steered(1.0, tokens),), finished=True
    )
    steering = Steer(line=HOSTILE, prompt=HOSTILE)
    reading = [
        msgspec.structs.replace(entry, value=Control("none", HOSTILE)) if getattr(entry, "index", 0) == -1 else entry
        for entry in run_of([HOSTILE], 3, prompt=HOSTILE)
    ]
    runs = [entries(1, task, patching), entries(2, steering, {0: answers}), reading]
    for ending in ENDINGS:
        for number, each in enumerate(runs):
            export(each, tmp_path / f"{number}{ending}")
    export(chain(*runs), tmp_path / "all.html")
    page = parsed(tmp_path / "all.html")
    assert page.tags <= {
        "html", "head", "meta", "title", "style", "body", "section", "h2", "dl", "dt", "dd", "div", "table", "tr", "td",
        "th", "span", "p",
    }  # fmt: skip
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", (tmp_path / "all.html").read_text())
    export(chain(*runs), tmp_path / "all.md")
    text = (tmp_path / "all.md").read_text()
    assert "<script>" not in re.sub(r"\\<", "", text)
    assert all(line.count(" | ") == 3 for line in text.splitlines() if line.startswith("| 1 |"))
    compile((tmp_path / "0.py").read_text(), "0.py", "exec")
    assert (tmp_path / "0.py").read_bytes().isascii()


def test_a_script_makes_the_runs_again_and_compares_them(patched, steered, tmp_path):
    wrong = [
        msgspec.structs.replace(entry, value=msgspec.structs.replace(entry.value, score=0.5))
        if isinstance(entry, Result) and entry.index == 3
        else entry
        for entry in patched
    ]
    export([*wrong, *steered], tmp_path / "again.py")
    done = subprocess.run(
        [sys.executable, str(tmp_path / "again.py")], capture_output=True, text=True, env=dict(os.environ), check=True
    )
    lines = done.stdout.splitlines()
    assert lines[-2:] == ["3 of 3 texts are the exported ones", "53 of 54 scores are the exported ones"]
    assert sum("was: 0.5000" in line for line in lines) == 1
    assert lines[0].startswith("resid L")
