"""Weights that were kept are used again by an edit, and files that hold something else are refused in one sentence."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from selfie_tui import paths
from selfie_tui.engine.inspecting.standing import let_stand, set_edits
from selfie_tui.engine.inspecting.weights_file import FORMAT, origin_in, write_weights
from selfie_tui.engine.methods.control import control
from selfie_tui.engine.model import Model, adopt
from selfie_tui.errors import RequestError
from selfie_tui.records import Edit, LayerControlled, WeightsOrigin
from tests.engine import zoo
from tests.engine.control.test_control import LAYER, asked, done
from tests.engine.inspecting.models import build, edited_logits, logits, source

PATH = f"model.layers.{LAYER}.mlp"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of a short training of a Llama."""
    file = tmp_path_factory.mktemp("weights") / "w.safetensors"
    (*_, ended), _ = done(build("llama"), asked(build("llama"), file=str(file), steps=3))
    assert isinstance(ended, LayerControlled)
    assert ended.file == str(file)
    return file


def refused(model: Model, edit: Edit) -> str:
    before = logits(model, source(model))
    with pytest.raises(RequestError) as error:
        set_edits(model, [edit])
    assert model.edits.now == ()
    assert logits(model, source(model)).equal(before)
    return str(error.value)


def test_weights_that_were_kept_are_those_that_were_trained(kept: Path, tmp_path: Path) -> None:
    model = build("llama")
    _, weights = done(model, asked(model, steps=3))
    let_stand(model, [weights])
    expected = edited_logits(model, source(model))
    set_edits(model, [Edit("layers.2.mlp", "weights", weights=str(kept))])
    assert edited_logits(model, source(model)).equal(expected)
    assert model.info().edits == (Edit(PATH, "weights", weights=str(kept)),)
    let_stand(model, [])
    assert not logits(model, source(model)).equal(expected)
    with safe_open(kept, framework="pt") as file:
        metadata = file.metadata()
    assert metadata["format"] == FORMAT
    assert "Eiffel" in metadata["source"]


def test_a_name_stands_for_a_file_of_the_programs_own_folder_and_is_not_taken_twice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    model = build("llama")
    (*_, ended), _ = done(model, asked(model, file="rome", steps=1))
    assert isinstance(ended, LayerControlled)
    assert Path(ended.file) == paths.weights_dir() / "rome.safetensors"
    set_edits(model, [Edit(PATH, "weights", weights="rome")])
    let_stand(model, [])
    polled: list[int] = []
    with pytest.raises(RequestError, match="is there already"):
        list(control(model, asked(model, file="rome", steps=1), None, lambda: bool(polled.append(1))))
    assert polled == []  # nothing was run before it was refused
    done(model, asked(model, file="rome", steps=1, overwrite=True))


def test_files_that_hold_something_else_are_refused(kept: Path, tmp_path: Path) -> None:
    model = build("llama")
    other = tmp_path / "x.safetensors"

    def says(edit: Edit | None = None) -> str:
        return refused(model, edit or Edit(PATH, "weights", weights=str(other)))

    assert "there is no file" in says()
    save_file({"vector": torch.ones(4)}, other)
    assert "does not hold the weights of a layer" in says()
    other.write_bytes(kept.read_bytes()[:200])
    assert "cannot be read as safetensors" in says()
    other.write_bytes(kept.read_bytes()[:-10])
    assert "cannot be read as safetensors" in says()
    other.write_bytes(struct.pack("<Q", 2**40) + b"{}")
    assert "cannot be read as safetensors" in says()
    tensors, origin = load_file(kept), origin_of(kept)
    write_weights(other, tensors | {"down_proj.weight": torch.ones(64, 95)}, origin)
    assert "down_proj.weight is (64, 95), not (64, 96)" in says()
    write_weights(other, {}, origin)
    assert "do not fit model.layers.2.mlp: there are none" in says()
    write_weights(other, tensors | {"more": torch.ones(2)}, origin)
    assert "more is not there" in says()
    write_weights(other, tensors | {"down_proj.weight": torch.full((64, 96), torch.nan)}, origin)
    assert "are not finite" in says()
    write_weights(other, tensors, replace(origin, model=replace(origin.model, name="another", title="another")))
    assert "were trained on another model, another" in says()
    whole = Edit(PATH, "weights", weights=str(kept))
    assert "do not fit model.layers.1.self_attn" in says(replace(whole, path="layers.1.self_attn"))
    assert "not of tokens or an input" in says(replace(whole, positions=(1,)))
    assert "not of tokens or an input" in says(replace(whole, which="input"))


def origin_of(file: Path) -> WeightsOrigin:
    with safe_open(file, framework="pt") as opened:
        found = origin_in(opened.metadata())
    assert found is not None
    return found


def test_where_weights_come_from_is_in_their_file(kept: Path) -> None:
    model = build("llama")
    origin = origin_of(kept)
    task = asked(model, steps=3)
    assert origin.task == replace(task, file=str(kept))
    assert (origin.module, origin.layer, origin.model.name) == (PATH, LAYER, model.name)
    assert 0 < origin.distance < 1


def test_weights_of_another_number_format_are_converted(kept: Path) -> None:
    whole = build("llama")
    module = type(whole.module)(zoo.CONFIGS["llama"](4)).to(torch.bfloat16).eval()
    module.load_state_dict(whole.module.state_dict())
    model = adopt(module, whole.tokenizer, whole.name)
    set_edits(model, [Edit(PATH, "weights", weights=str(kept))])
    (ready,) = model.edits.now
    assert {each.dtype for each in (ready.weights or {}).values()} == {torch.bfloat16}
    assert bool(edited_logits(model, source(model)).isfinite().all())
