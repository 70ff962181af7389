"""Inspecting from a notebook: trees, states, patterns, edits as a context, answers, kept vectors."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import selfie_tui
from selfie_tui.errors import RequestError
from selfie_tui.records import Edit, ModuleTensor, Preset
from tests.engine.zoo import build

PROMPT = "the man with hat is in Paris"


def ids() -> list[int]:
    return build("llama").tokenizer(PROMPT)["input_ids"]


def test_a_tree_is_the_same_of_a_name_and_of_an_open_model(demo) -> None:
    of_name, of_model = selfie_tui.module_tree("demo"), selfie_tui.module_tree(demo)
    assert [node.path for node in of_name] == [node.path for node in of_model]
    assert {node.layer for node in of_name} == {None}
    assert next(node for node in of_model if node.path == "model.layers.0.mlp").layer == 0


def test_a_blocks_states_are_those_of_its_layer() -> None:
    model = build("llama")
    states = selfie_tui.module_states(model, PROMPT, "layers.2")
    assert states.equal(model.read(ids(), [2], range(len(ids())))[2])
    entry = selfie_tui.module_states(model, PROMPT, "layers.2:input")
    assert entry.equal(model.read(ids(), [1], range(len(ids())))[1])
    peeked = selfie_tui.inspect_module(model, PROMPT, ModuleTensor("layers.2"), position=-1)
    assert peeked.position == len(ids()) - 1
    assert peeked.tokens[-1].norm == pytest.approx(float(states[-1].norm()))


def test_a_pattern_is_a_tensor_of_heads_queries_and_keys() -> None:
    pattern = selfie_tui.attention_pattern(build("llama"), PROMPT, "layers.1")
    assert pattern.shape == (4, len(ids()), len(ids()))
    assert torch.allclose(pattern.sum(-1), torch.ones(4, len(ids())), atol=1e-5)
    assert selfie_tui.attention_pattern(build("llama"), PROMPT, "layers.1", heads=[2]).equal(pattern[[2]])
    assert selfie_tui.attention_pattern(build("llama"), PROMPT, "layers.1", heads=2).equal(pattern[[2]])


def test_edits_stand_within_a_block_and_whatever_happens_not_after_it() -> None:
    model = build("llama")
    before = model.read(ids(), [2], [3])[2]
    with selfie_tui.edited(model, "layers.1.mlp * -3"):
        assert not model.read(ids(), [2], [3])[2].equal(before)
        with selfie_tui.edited(model, [Edit("layers.2", "zero")]):
            assert not model.read(ids(), [2], [3])[2].any()
        assert [edit.action for edit in model.info().edits] == ["scale"]
    assert model.info().edits == ()
    with pytest.raises(ZeroDivisionError), selfie_tui.edited(model, "layers.1 zero"):
        raise ZeroDivisionError
    with pytest.raises(RequestError), selfie_tui.edited(model, ["layers.1 zero", "layers.77 zero"]):
        pytest.fail("an edit that cannot be made was made")
    assert model.read(ids(), [2], [3])[2].equal(before)


def test_answers_stand_side_by_side() -> None:
    model = build("llama")
    both = selfie_tui.answers(model, PROMPT, "layers.1.mlp * -3", max_new_tokens=5)
    assert both.finished
    assert len(both.plain) == len(both.edited) == 5
    assert both.differs_from is not None
    assert both.plain == selfie_tui.answers(model, PROMPT, max_new_tokens=5).plain


def test_a_module_is_interpreted_and_kept(tmp_path: Path) -> None:
    model = build("llama")
    settings = {"tokens": "3,4", "preset": Preset("mine", "a man _ is"), "max_new_tokens": 4}
    result = selfie_tui.interpret(model, PROMPT, module="layers.2", **settings)
    plain = selfie_tui.interpret(model, PROMPT, layers=2, **settings)
    assert [each.text for each in result.interpretations] == [each.text for each in plain.interpretations]
    assert [each.cell for each in result.interpretations] == [each.cell for each in plain.interpretations]
    file = selfie_tui.keep_vector(model, PROMPT, str(tmp_path / "v.safetensors"), positions=[3, 4], module="layers.2")
    states = selfie_tui.module_states(model, PROMPT, "layers.2")
    torch.testing.assert_close(selfie_tui.load_vector(str(file)), states[[3, 4]].mean(0))
    other = selfie_tui.keep_vector(model, PROMPT, str(tmp_path / "w.safetensors"), positions=-1, layer=1)
    torch.testing.assert_close(selfie_tui.load_vector(str(other)), model.read(ids(), [1], [len(ids()) - 1])[1][0])


def test_what_is_no_module_is_refused() -> None:
    with pytest.raises(RequestError, match="Expected the path of a module, got 5"):
        selfie_tui.module_states(build("llama"), PROMPT, 5)  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="Expected a model"):
        selfie_tui.module_states("llama", PROMPT, "layers.1")  # type: ignore[arg-type]
