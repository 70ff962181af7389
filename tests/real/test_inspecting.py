"""On the published model: values, patterns and edits are those of hooks, and what depends on an edit shows."""

from __future__ import annotations

import pytest
import torch

import selfie_tui
from selfie_tui.engine.inspecting.eager import eager_attention
from selfie_tui.engine.inspecting.steps import peek_steps
from selfie_tui.engine.model import Model
from selfie_tui.records import ModuleTensor, PeekSteps

pytestmark = pytest.mark.real

EIFFEL = "The Eiffel Tower is located in the city of"


def inputs(model: Model) -> dict[str, torch.Tensor]:
    return model.inputs([model.tokenizer(EIFFEL)["input_ids"]], use_cache=False)


def test_its_tree_is_that_of_its_header(smollm2: Model, smollm2_file) -> None:
    tree, loaded = selfie_tui.module_tree(str(smollm2_file)), selfie_tui.module_tree(smollm2)
    assert [(node.path, node.parameters, node.note) for node in tree] == [
        (node.path, node.parameters, node.note) for node in loaded
    ]
    assert next(node for node in tree if node.path == "model.layers.0.self_attn").note == "9 heads / 3"


def test_values_and_patterns_are_those_of_hooks_and_of_the_model_itself(smollm2: Model) -> None:
    seen: list[torch.Tensor] = []
    module = smollm2.module.model.layers[11].mlp.down_proj
    handle = module.register_forward_hook(lambda part, args, output: seen.append(output[0].clone()))
    with torch.no_grad():
        before = smollm2.module(**inputs(smollm2)).logits
    handle.remove()
    states = selfie_tui.module_states(smollm2, EIFFEL, "layers.11.mlp.down_proj")
    assert states.equal(seen[0])
    peeked = selfie_tui.inspect_module(smollm2, EIFFEL, "layers.11.mlp.down_proj")
    assert len(peeked.layers) == 30
    assert peeked.is_stream
    with eager_attention(smollm2.module), torch.no_grad():
        expected = smollm2.module(**inputs(smollm2), output_attentions=True).attentions
    for layer in (0, 17, 29):
        pattern = selfie_tui.attention_pattern(smollm2, EIFFEL, f"layers.{layer}")
        torch.testing.assert_close(pattern, expected[layer][0], rtol=1e-5, atol=1e-6)
    with torch.no_grad():
        assert smollm2.module(**inputs(smollm2)).logits.equal(before)


def test_values_of_generated_tokens_are_those_of_its_own_generation(smollm2: Model) -> None:
    seen: list[float] = []
    module = smollm2.module.model.layers[20]
    handle = module.register_forward_hook(lambda part, args, output: seen.append(float(output[0, -1].norm())))
    ids = inputs(smollm2)["input_ids"]
    with torch.no_grad():
        made = smollm2.module.generate(ids, max_new_tokens=5, do_sample=False)
    handle.remove()
    steps = list(peek_steps(smollm2, PeekSteps(EIFFEL, ModuleTensor("layers.20"), 4), lambda: False))
    assert [step.token.id for step in steps] == made[0, ids.shape[1] :].tolist()[:4]
    assert [step.values.norm for step in steps] == pytest.approx(seen[1:5], rel=1e-4)


def test_an_answer_depends_on_the_early_mlp_and_is_as_before_without_the_edit(smollm2: Model) -> None:
    with torch.no_grad():
        before = smollm2.module(**inputs(smollm2)).logits
    both = selfie_tui.answers(smollm2, EIFFEL, "layers.0.mlp zero", 8)
    assert "Paris" in "".join(token.text for token in both.plain)
    assert "Paris" not in "".join(token.text for token in both.edited)
    assert both.differs_from is not None
    with selfie_tui.edited(smollm2, "layers.3 + noise 0.5 seed 1 at 2-4"):
        states = smollm2.read(inputs(smollm2)["input_ids"][0].tolist(), [3], range(9))[3]
    clean = smollm2.read(inputs(smollm2)["input_ids"][0].tolist(), [3], range(9))[3]
    assert (states - clean).norm(dim=-1).gt(0).tolist() == [position in (2, 3, 4) for position in range(9)]
    with torch.no_grad():
        assert smollm2.module(**inputs(smollm2)).logits.equal(before)
