"""`selfie-tui inspect` as a user runs it, on the bundled model: lines to read, JSON with every number, exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from selfie_tui import cli, paths
from selfie_tui.engine.inspecting.vector_file import read_vector
from selfie_tui.engine.loading.load import load
from selfie_tui.engine.model import Model
from selfie_tui.text import visible

EIFFEL = "The Eiffel Tower is located in the city of"
Run = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def run(demo: Model, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command line in this process; the bundled model is shared and must be without edits afterwards."""

    def shared(name: str, *, device: str, dtype: str, **options: Any) -> Model:
        return demo if name == "demo" else load(name, device=device, dtype=dtype, **options)

    def run(*arguments: str) -> tuple[int, list[str], str]:
        demo.edits.now = ()
        capsys.readouterr()
        code = cli.main(["inspect", *arguments])
        out, err = capsys.readouterr()
        return code, out.splitlines(), err

    monkeypatch.setattr("selfie_tui.engine.service.load", shared)
    yield run
    demo.edits.now = ()


def objects(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


def test_the_tree_is_printed_without_loading_the_model(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selfie_tui.engine.service.load", lambda *_, **__: pytest.fail("the weights were read"))
    code, lines, _ = run()
    assert code == 0
    assert lines[0].split() == ["model", "LlamaModel", "5.1", "M"]
    assert any(line.split()[:4] == ["model.layers.0.self_attn", "LlamaAttention", "8", "heads"] for line in lines)
    assert any(line.endswith("as model.layers.0") for line in lines)
    _, found, _ = run("--find", "up_proj")
    assert [line.split()[0] for line in found] == ["model.layers.0.mlp.up_proj"]
    (tree,) = objects(run("--json")[1])
    assert (tree["type"], tree["model"], len(tree["nodes"])) == ("ModulesRead", "demo", len(lines))


def test_values_of_a_module_are_printed_for_every_token(run: Run, demo: Model) -> None:
    code, lines, err = run(EIFFEL, "--module", "layers.5.mlp", "--token", "3")
    assert code == 0
    assert lines[0] == "model.layers.5.mlp output · 1 × 10 × 256 · fp32"
    assert lines[6].startswith("▌  3 ·Tower")
    assert lines[-2].startswith("norm over layers L0 to L7: ")
    assert lines[-1].startswith("nearest by the lens: ")
    (peeked,) = objects(run(EIFFEL, "--module", "layers.5.mlp", "--token", "3", "--json")[1])
    norms = [values["norm"] for values in peeked["tokens"]]
    assert [f"{norm:.4g}" for norm in norms] == [line.removeprefix("▌").split()[2] for line in lines[3:13]]
    assert "verified" in err


def test_attention_of_every_head_sums_to_one_and_a_head_shows_its_whole_pattern(run: Run) -> None:
    code, lines, _ = run(EIFFEL, "--attention", "layers.5")
    assert code == 0
    assert lines[0] == "model.layers.5.self_attn · L5 · 8 heads"
    assert [line[:2] for line in lines[1:]] == [f"h{head}" for head in range(8)]
    (whole,) = objects(run(EIFFEL, "--attention", "layers.5", "--head", "3", "--json")[1])
    (pattern,) = whole["patterns"]
    assert pattern["head"] == 3
    assert [sum(row) for row in pattern["rows"]] == pytest.approx([1.0] * 10)
    assert len(run(EIFFEL, "--attention", "layers.5", "--head", "3")[1]) == 2 + 10


def test_an_edit_shows_both_answers_and_where_they_part(run: Run) -> None:
    code, lines, err = run(EIFFEL, "--edit", "layers.2 zero", "--edit", "layers.6.mlp * 0.5 at -1", "--answer", "4")
    assert code == 0
    assert lines[0].startswith("plain    Paris.")
    assert lines[1].startswith("edited")
    assert "differs from token 0" in lines[2]
    assert "edited: model.layers.2 zero; model.layers.6.mlp * 0.5 at 9" in err
    (answers,) = objects(run(EIFFEL, "--edit", "layers.2 zero", "--answer", "4", "--json")[1])
    assert len(answers["plain"]) == 4
    assert answers["differs_from"] == 0
    same = run(EIFFEL, "--edit", "layers.2 * 1", "--answer", "3")[1]
    assert same[-1].strip() == "the same tokens"


def test_generated_tokens_are_watched_and_a_state_is_kept(run: Run) -> None:
    asked = ("--module", "layers.5", "--steps", "3", "--keep", "of city", "--overwrite")
    code, lines, _ = run(EIFFEL, *asked)
    assert code == 0
    steps = [line for line in lines if line.startswith(" +")]
    assert [line.split()[1] for line in steps] == [visible(text) for text in (" Paris", ".", " The")]
    assert lines[-1].startswith("kept of city · 256 wide")
    assert read_vector("of city").origin.prompt == EIFFEL  # type: ignore[union-attr]
    assert (paths.vectors_dir() / "of city.safetensors").is_file()
    code, _, err = run(EIFFEL, "--module", "layers.5", "--keep", "of city")
    assert code == 2
    assert "there already" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--module", "layers.5"), "needs a prompt"),
        (("--edit", "layers.5 zero"), "needs a prompt"),
        ((EIFFEL,), "Nothing is asked"),
        ((" ", "--answer", "3"), "prompt is empty"),
        ((EIFFEL, "--module", "mlp"), "end of 8 modules"),
        ((EIFFEL, "--module", "layers.50.mlp"), "No module"),
        ((EIFFEL, "--module", "layers.5", "--token", "10"), "out of range"),
        ((EIFFEL, "--edit", "layers.5 ** 2"), "Invalid factor"),
        ((EIFFEL, "--edit", "layers.5 zero at 10"), "out of range"),
        ((EIFFEL, "--edit", "layers.5 zero", "--answer", "none"), "whole number"),
        ((EIFFEL, "--steps", "3", "--answer", "3"), "--steps needs --module"),
        ((EIFFEL, "--attention", "layers.5", "--head", "8"), "has 8 heads"),
        ((EIFFEL, "--attention", "layers.5.mlp"), "no attention"),
    ],
)
def test_what_cannot_be_done_is_refused_with_what_to_do(run: Run, arguments: tuple[str, ...], says: str) -> None:
    code, lines, err = run(*arguments)
    assert code == 2
    assert says in err
    assert lines == []


def test_a_model_that_is_not_there_has_its_own_exit_code(run: Run) -> None:
    assert run("--model", "./nowhere")[0] == 3
    assert run(EIFFEL, "--model", "./nowhere", "--answer", "3")[0] == 3
