"""`selfie-tui vectors` and `steer` as a user runs them, on the bundled model."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from selfie_tui import paths
from selfie_tui.engine.inspecting.vector_file import read_vectors
from selfie_tui.engine.model import Model
from tests.engine.vectors.test_files import adapter, write_control_vector

EIFFEL = "The Eiffel Tower is located in the city of"
Run = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def cities(run: Run) -> Run:
    """The same with the states of a few names kept."""
    for word in ("Paris", "France", "Japan"):
        assert run("vectors", "keep", word.lower(), word, "--layer", "2")[0] == 0
    return run


def test_states_are_kept_and_listed_with_where_they_are_from(cities: Run) -> None:
    code, lines, _ = cities("vectors")
    assert code == 0
    assert [line.split()[:2] for line in lines] == [["japan", "L2"], ["france", "L2"], ["paris", "L2"]]
    assert all("demo" in line and "one state" in line for line in lines)
    listed = [json.loads(line) for line in cities("vectors", "list", "--json")[1]]
    assert [(each["width"], each["layers"], each["origin"]["prompt"]) for each in listed] == [
        (256, [2], word) for word in ("Japan", "France", "Paris")
    ]


def test_a_line_is_kept_compared_and_put_into_words(cities: Run) -> None:
    code, lines, _ = cities("vectors", "line", "paris - france + japan", "--keep", "tokyo")
    assert code == 0
    assert lines[0].startswith("kept tokyo · L2 · 256 wide · norm ")
    assert (paths.vectors_dir() / "tokyo.safetensors").is_file()
    _, (control, made, alone), _ = cities("vectors", "interpret", "tokyo", "japan")
    assert control.startswith("control")
    assert made.startswith("L2")
    assert "Tokyo, the capital of Japan" in made
    assert "Japan, a country in Asia" in alone
    found = [json.loads(line) for line in cities("vectors", "interpret", "tokyo", "--json")[1]]
    assert [each["type"] for each in found] == ["ControlFinished", "CellFinished"]
    assert "Tokyo" in found[1]["interpretation"]["text"]
    _, lines, _ = cities("vectors", "compare", "paris - france + japan", "tokyo", "paris", "--centred", "--top", "2")
    assert "·Tokyo" in lines[1]
    assert lines[-4] == "cosines, centred" + " " * 11 + "      1      2      3"
    (compared,) = [json.loads(line) for line in cities("vectors", "compare", "tokyo", "paris", "--json")[1]]
    assert compared["vectors"][0]["cosines"][0] == pytest.approx(1.0, abs=1e-5)


def test_texts_in_a_line_are_read_with_the_model(run: Run) -> None:
    line = "'Paris'@2 - 'France'@2 + 'Japan'@2"
    _, (_, made), _ = run("vectors", "interpret", line)
    assert "Tokyo, the capital of Japan" in made
    code, lines, _ = run("vectors", "line", line, "--keep", "tokyo")
    assert code == 0
    assert lines[0].startswith("kept tokyo · L2 · 256 wide · norm ")
    (listed,) = [json.loads(each) for each in run("vectors", "list", "--json")[1]]
    assert listed["origin"]["line"] == line
    assert listed["origin"]["model"]["name"] == "demo"
    assert run("vectors", "line", "tokyo - tokyo")[0] == 0
    for arguments, says in (((line[:-2],), "No layer stands behind 'Japan'"), (("'Paris'@99",), "out of range")):
        code, lines, err = run("vectors", "line", *arguments)
        assert (code, lines) == (2, [])
        assert says in err


def test_what_is_kept_says_the_same_words_in_another_process(cities: Run) -> None:
    here = cities("vectors", "interpret", "paris - france + japan", "--json", "--dtype", "fp32")[1]
    command = [sys.executable, "-m", "selfie_tui.cli", "vectors", "interpret", "paris - france + japan", "--json"]
    done = subprocess.run([*command, "--dtype", "fp32"], capture_output=True, text=True, check=True)
    texts = [
        [json.loads(line).get("interpretation", {}).get("text") for line in lines]
        for lines in (here, done.stdout.splitlines())
    ]
    assert texts[0] == texts[1]
    assert "Tokyo" in texts[0][1]


def test_a_difference_over_prompts_steers_the_answer(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "of.txt"
    file.write_text("The capital of Japan is\n")
    mean = ("vectors", "mean", "japan", "--of-file", str(file), "--less", "The capital of France is")
    code, lines, _ = run(*mean, "--layers", "4-5")
    assert code == 0
    assert lines[0].startswith("kept japan · L4–5 · 256 wide")
    assert read_vectors("japan").layers == (4, 5)
    steer = (
        "steer",
        "japan@5",
        EIFFEL,
        "--strength=0,1",
        "--max-new-tokens",
        "3",
        "--odds",
        "Tokyo",
        "--over",
        "Paris",
    )
    code, lines, _ = run(*steer)
    assert code == 0
    assert lines[0].startswith("plain     -")
    assert " Paris." in lines[0]
    assert lines[1].split()[2:] == lines[0].split()[2:]
    assert "the same tokens · states moved by 0.00" in lines[2]
    assert " Tokyo." in lines[3]
    assert "differs from token 0" in lines[4]
    (found,) = [json.loads(line) for line in run(*steer, "--json")[1]]
    assert found["finished"]
    assert found["steered"][0]["tokens"] == found["plain"]
    assert found["steered"][1]["log_odds"] > 0 > found["log_odds"]
    last = run("steer", "japan@5", EIFFEL, "--tokens=-1", "--max-new-tokens", "1")[1]
    assert " Tokyo" in last[1]
    rows = [json.loads(line) for line in run("sessions", "list", "--json")[1]]
    assert {(row["kind"], row["done"], row["task"]["line"]) for row in rows} == {("steer", 1, "japan@5")}
    assert run("sessions", "show", "1")[1][-3:] == last
    code, _, said = run(*steer, "--out", str(tmp_path / "answers.md"), "--no-session")
    assert (code, f"1 answer: {tmp_path / 'answers.md'}" in said) == (0, True)
    assert "| plain |" in (tmp_path / "answers.md").read_text()
    assert len(run("sessions")[1]) == len(rows)
    assert run(*mean, "--layers", "4")[0] == 2


def test_what_heads_add_is_kept_as_one_vector_of_no_layer(run: Run, demo: Model) -> None:
    code, lines, _ = run("vectors", "mean", "heads", "--of", EIFFEL, "--heads", "5.0,5.1,5.2,5.3,5.4,5.5,5.6,5.7")
    assert code == 0
    assert "kept heads · – · 256 wide" in lines[0]
    added = torch.zeros(256)

    def note(module: Any, args: Any, output: Any) -> None:
        added.copy_(output[0][0, -1])

    handle = demo.module.model.layers[5].self_attn.register_forward_hook(note)
    with torch.no_grad():
        demo.module(**demo.inputs([demo.tokenizer(EIFFEL)["input_ids"]], use_cache=False))
    handle.remove()
    torch.testing.assert_close(read_vectors("heads").rows[0], added, rtol=1e-4, atol=1e-4)
    assert "of no layer" in run("steer", "heads", EIFFEL)[2]
    assert run("steer", "heads", EIFFEL, "--layers", "5", "--max-new-tokens", "1")[0] == 0
    assert "8 heads, 1 prompts" in run("vectors")[1][0]


def test_files_of_other_programs_are_imported_browsed_and_adapted(cities: Run, tmp_path: Path) -> None:
    rows = {layer: read_vectors("paris").rows[0].numpy() * layer for layer in (1, 2, 3)}
    control_vector = str(write_control_vector(tmp_path / "v.gguf", rows))
    assert cities("vectors", "import", control_vector, "mine")[1][0].startswith("kept mine · L1–3 · 256 wide")
    assert cities("vectors", "import", control_vector, "two", "--layer", "2")[1][0].startswith("kept two · L2")
    assert len(cities("vectors", "interpret", "mine")[1]) == 4
    sae = tmp_path / "sae.safetensors"
    decoder = torch.randn(300, 256)
    decoder[123] = read_vectors("japan").rows[0]
    save_file({"W_dec": decoder}, sae)
    code, lines, _ = cities("vectors", "directions", str(sae), "--like", "2 * japan", "--count", "3")
    assert code == 0
    assert lines[0].endswith("300 directions · 256 wide")
    assert lines[1].split()[0] == "123"
    assert "cosine 1.00" in lines[1]
    by_word = cities("vectors", "directions", str(sae), "--word", "Japan", "--count", "1", "--json")[1]
    assert json.loads(by_word[0])["directions"][0]["index"] == 123
    plain = cities("vectors", "directions", str(sae), "--first", "298")[1]
    assert [line.split()[0] for line in plain[1:]] == ["298", "299"]
    assert cities("vectors", "import", str(sae), "feature", "--index", "123")[0] == 0
    _, (_, feature), _ = cities("vectors", "interpret", f'"{sae}"[123]')
    assert "Japan" in feature
    steered = cities("steer", f'"{sae}"[123]', EIFFEL, "--layers", "2", "--strength=0,1", "--max-new-tokens", "2")
    assert (steered[0], steered[1][0].split()[-1], "the same tokens" in steered[1][2]) == (0, "Paris.", True)
    narrow_sae = tmp_path / "narrow.safetensors"
    save_file({"decoder.weight": torch.randn(8, 300)}, narrow_sae)
    for command in (
        ("vectors", "directions", str(narrow_sae)),
        ("steer", f'"{narrow_sae}"[1]', EIFFEL, "--layers", "2"),
    ):
        code, lines, err = cities(*command)
        assert (code, lines) == (2, [])
        assert "8 wide, and the states of demo are 256 wide" in err
    scale = torch.tensor(float(read_vectors("japan").rows[0].norm())).log()
    same = adapter(tmp_path / "a.safetensors", "scale_only", {"log_scale": scale})
    _, (_, adapted), _ = cities("vectors", "interpret", "3 * japan", "--adapter", str(same))
    assert "Japan, a country in Asia" in adapted
    narrow = adapter(tmp_path / "b.safetensors", "scalar_affine", {"log_scale": scale, "bias": torch.ones(4)})
    assert "4 wide, and these are 256 wide" in cities("vectors", "interpret", "japan", "--adapter", str(narrow))[2]


def test_vectors_are_deleted_all_or_none(cities: Run) -> None:
    code, _, err = cities("vectors", "rm", "paris", "nobody")
    assert (code, "No vector “nobody” was kept" in err) == (2, True)
    assert len(cities("vectors")[1]) == 3
    assert cities("vectors", "rm", "paris", "japan")[0] == 0
    assert [line.split()[0] for line in cities("vectors")[1]] == ["france"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("vectors", "line", "paris +"), "missing at the end"),
        (("vectors", "line", "nobody"), "No vector “nobody”"),
        (("vectors", "line", "2 * 3"), "is the number 6"),
        (("vectors", "line", "paris", "--keep", "japan"), "is there already"),
        (("vectors", "line", "paris", "--keep", "a/b"), "cannot be the name"),
        (("vectors", "import", "/nowhere.gguf", "x"), "cannot be read"),
        (("vectors", "compare", "paris - (france"), "is not closed"),
        (("vectors", "interpret", "nobody"), "No vector “nobody”"),
        (("vectors", "interpret", "paris", "--strength", "much"), "Invalid strength"),
        (("vectors", "directions", "paris"), "is a vector, not a file of many directions"),
        (("vectors", "keep", "x", "Paris", "--layer", "2-3"), "is not one layer"),
        (("vectors", "keep", "x", "Paris", "--layer", "99"), "out of range"),
        (("vectors", "mean", "x", "--of", "Paris"), "Give --layers or --heads"),
        (("vectors", "mean", "x", "--layers", "2"), "There are no prompts"),
        (("vectors", "mean", "x", "--of", "Paris", "--heads", "5"), "Invalid head"),
        (("vectors", "mean", "x", "--of", "Paris", "--heads", "5.9"), "has 8 heads"),
        (("vectors", "mean", "x", "--of", "Paris", "--heads", "9.0"), "out of range"),
        (("vectors", "mean", "x", "--of-file", "/nowhere", "--layers", "2"), "cannot be read"),
        (("steer", "paris", " "), "prompt is empty"),
        (("steer", "paris", EIFFEL, "--strength", "x"), "Invalid strength"),
        (("steer", "paris", EIFFEL, "--layers", "12"), "out of range"),
        (("steer", "paris", EIFFEL, "--tokens", "30"), "out of range"),
        (("steer", "paris", EIFFEL, "--odds", "Paris"), "both sides"),
        (("steer", "paris", EIFFEL, "--mode", "loud"), "Unknown injection mode"),
        (("steer", "paris", "one two " * 400), "tokens"),
    ],
)
def test_what_cannot_be_done_is_refused_with_what_to_do(cities: Run, arguments: tuple[str, ...], says: str) -> None:
    code, lines, err = cities(*arguments)
    assert code == 2
    assert says in err
    assert lines == []


def test_a_model_that_is_not_there_has_its_own_exit_code(cities: Run) -> None:
    assert cities("vectors", "compare", "paris", "--model", "./nowhere")[0] == 3
    assert cities("steer", "paris", EIFFEL, "--model", "./nowhere")[0] == 3
