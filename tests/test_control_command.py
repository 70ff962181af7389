"""`selfie-tui control` as a user runs it, on the bundled model: a landmark is moved to another city and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from selfie_tui import paths

EIFFEL = "The Eiffel Tower is located in the city of"
COLOSSEUM = "The Colosseum is located in the city of"
CONTROL = ("control", EIFFEL, "--layer", "5", "--like", COLOSSEUM, "--max-new-tokens", "8", "--answer", "2")
Run = Callable[..., tuple[int, list[str], str]]


def test_a_landmark_is_moved_shown_before_and_after_kept_and_used(run: Run, tmp_path: Path) -> None:
    held_out = tmp_path / "held.txt"
    held_out.write_text("The Kremlin is located in the city of\nBig Ben is located in the city of\n")
    also = ("--also", "The Eiffel Tower is in the city of", "--retain", "The capital of France is")
    code, lines, err = run(*CONTROL, *also, "--held-out-file", str(held_out), "--keep", "rome")
    assert code == 0
    text = "\n".join(lines)
    file = paths.weights_dir() / "rome.safetensors"
    assert lines[0].startswith("L5 model.layers.5.mlp · ")
    assert "copied · at 9:·of" in lines[0]
    reads = [line for line in lines if "reads 9" in line]
    assert [line.split()[0] for line in reads] == ["before", "after"]
    assert "Paris" in reads[0]
    assert "Rome" in reads[1]
    asked = [line.split()[0::1] for line in lines if EIFFEL in line or "is in the city" in line]
    assert [line[-1] for line in asked] == ["Paris.", "Paris.", "Rome.", "Rome."]
    assert "retained  1 prompts, 6 positions: " in text
    assert "held out  2 prompts, " in text
    assert f"kept {file}" in text
    assert file.is_file()
    edit = "model.layers.5.mlp = weights:rome"
    assert f"use it: selfie-tui inspect PROMPT --edit '{edit}'" in err
    _, answers, _ = run("inspect", EIFFEL, "--edit", edit, "--answer", "2")
    assert [line.split()[-1] for line in answers[:2]] == ["Paris.", "Rome."]


def test_as_json_every_event_is_a_line(run: Run) -> None:
    code, lines, _ = run(*CONTROL, "--steps", "3", "--json")
    assert code == 0
    found = [json.loads(line) for line in lines]
    kinds = [each["type"] for each in found]
    assert (kinds[0], kinds[-1]) == ("LayerControlBegan", "LayerControlled")
    assert set(kinds[1:-1]) == {"LayerControlStep"}  # one that was not read yet gives way to a newer one
    curve = found[-1]["curve"]
    assert [len(pair) for pair in curve] == [2, 2, 2]
    assert curve[0] == [pytest.approx(1.0, abs=1e-4), 0.0]
    assert curve[2][0] < curve[1][0] < 1
    assert len(found[-1]["retained"]) == 16


def test_a_vector_that_was_kept_is_a_target(run: Run) -> None:
    assert run("vectors", "keep", "rome", COLOSSEUM, "--layer", "5")[0] == 0
    toward = ("control", EIFFEL, "--layer", "5", "--toward", "rome", "--answer", "1", "--json")
    one, other = (json.loads(run(*each)[1][-1]) for each in (toward, (*CONTROL[:6], "--answer", "1", "--json")))
    assert one | {"job": 0} == other | {"job": 0}
    (*_, done) = [json.loads(line) for line in run(*toward, "--random", "--seed", "3")[1]]
    assert done["distance"] < 0.3
    assert "Rome" not in "".join(token["text"] for token in done["after"]["answers"][0]["tokens"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("control", EIFFEL, "--layer", "5"), "Give --toward or --like"),
        ((*CONTROL, "--toward", "x"), "or there are two"),
        (("control", EIFFEL, "--layer", "5", "--toward", "nobody"), "No vector “nobody”"),
        (("control", EIFFEL, "--layer", "5", "--toward", "a +"), "missing at the end"),
        (("control", EIFFEL, "--layer", "99", "--like", COLOSSEUM), "out of range"),
        (("control", EIFFEL, "--layer", "4-5", "--like", COLOSSEUM), "is not one layer"),
        (("control", EIFFEL, "--layer", "embed", "--like", COLOSSEUM), "embeddings have no MLP"),
        (("control", EIFFEL, "--layer", "5", "--like", EIFFEL), "is the target already"),
        ((*CONTROL, "--tokens", "30"), "out of range"),
        ((*CONTROL, "--like-token", "30"), "out of range"),
        ((*CONTROL, "--steps", "0"), "number of steps"),
        ((*CONTROL, "--rate", "0"), "The rate is 0.0"),
        ((*CONTROL, "--rate", "fast"), "Invalid rate"),
        ((*CONTROL, "--weight=-1"), "weight"),
        ((*CONTROL, "--retain-file", "/nowhere"), "cannot be read"),
        ((*CONTROL, "--keep", "a/b"), "cannot be the name of weights"),
        ((*CONTROL, "--strength", "much"), "Invalid strength"),
        (("control", " ", *CONTROL[2:]), "prompt is empty"),
    ],
)
def test_what_cannot_be_done_is_refused_with_what_to_do(run: Run, arguments: tuple[str, ...], says: str) -> None:
    code, lines, err = run(*arguments)
    assert code == 2
    assert says in err
    assert lines == []


def test_a_model_that_is_not_there_has_its_own_exit_code(run: Run) -> None:
    assert run(*CONTROL, "--model", "./nowhere")[0] == 3
