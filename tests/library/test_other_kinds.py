"""The library on a small random encoder and a small random encoder-decoder."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, T5Config, T5ForConditionalGeneration

from selfie_tui import logit_lens
from selfie_tui.errors import RequestError
from selfie_tui.library.facade import ModelAgnosticSelfie
from selfie_tui.library.interpretation_prompt import InterpretationPrompt
from selfie_tui.utils import batch_process_interpretations, create_token_grid
from tests.engine.zoo import SPECIAL, byte_tokenizer, randomise

PROMPT = "the Eiffel Tower is located in the city of Paris"
QUESTION = "the city _ _ is a"


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    own = copy.deepcopy(byte_tokenizer())
    own.add_special_tokens({"mask_token": "[MASK]"})
    return own


def facade_of(module: Any, tokenizer: Any) -> ModelAgnosticSelfie:
    torch.manual_seed(0)
    randomise(module)
    return ModelAgnosticSelfie(module.eval(), tokenizer=tokenizer)


@pytest.fixture(scope="module")
def encoder(tokenizer: Any) -> ModelAgnosticSelfie:
    sizes = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "num_hidden_layers": 3}
    return facade_of(BertForMaskedLM(BertConfig(**sizes, vocab_size=len(tokenizer), **SPECIAL)), tokenizer)


@pytest.fixture(scope="module")
def answering(tokenizer: Any) -> ModelAgnosticSelfie:
    sizes = {"d_model": 64, "d_kv": 16, "d_ff": 96, "num_heads": 4, "num_layers": 3, "num_decoder_layers": 2}
    config = T5Config(**sizes, vocab_size=len(tokenizer), decoder_start_token_id=2, eos_token_id=1, pad_token_id=2)
    return facade_of(T5ForConditionalGeneration(config), tokenizer)


def outputs(module: Any, blocks: Sequence[Any], **inputs: Any) -> list[torch.Tensor]:
    """What each block gave, by plain hooks."""
    seen: list[torch.Tensor] = []
    handles = [
        block.register_forward_hook(lambda block, args, out: seen.append(out[0] if isinstance(out, tuple) else out))
        for block in blocks
    ]
    with torch.no_grad():
        module(**inputs)
    for handle in handles:
        handle.remove()
    return seen


def test_an_encoders_states_are_what_hooks_see(encoder: ModelAgnosticSelfie, tokenizer: Any) -> None:
    module = encoder.model.module
    expected = outputs(module, module.bert.encoder.layer, **tokenizer(PROMPT, return_tensors="pt"))
    found = encoder.get_activations(PROMPT)
    assert list(found) == [0, 1, 2]
    assert all(torch.equal(found[layer], expected[layer]) for layer in found)
    assert encoder.layer_paths == [f"bert.encoder.layer.{layer}" for layer in range(3)]


def test_an_encoder_fills_in_as_many_masks_as_tokens_are_asked_for(encoder: ModelAgnosticSelfie) -> None:
    table = encoder.interpret(
        PROMPT, InterpretationPrompt(encoder.model.tokenizer, QUESTION), [(1, 2), (2, 3)], "embed", None, 3
    )
    assert [len(scores) for scores in table["relevancy_score"]] == [3, 3]
    assert all(0 <= score <= 1 for scores in table["relevancy_score"] for score in scores)
    assert table.verdict == "verified"


def test_an_encoders_vectors_read_as_the_cells_they_are_from(encoder: ModelAgnosticSelfie) -> None:
    question = InterpretationPrompt(encoder.model.tokenizer, QUESTION)
    states = encoder.get_activations(PROMPT, [1], [2, 5])[1][0]
    cells = encoder.interpret(PROMPT, question, [(1, 2), (1, 5)], max_new_tokens=4)["interpretation"]
    assert encoder.interpret_vectors(states, question, max_new_tokens=4) == cells


def test_a_text_of_an_encoders_is_filled_in_with_the_activation(encoder: ModelAgnosticSelfie, tokenizer: Any) -> None:
    text = "the city of [MASK] is located"
    ids = tokenizer(text)["input_ids"]
    vector = encoder.get_activations(PROMPT, [2], [3])[2]
    position = ids.index(tokenizer.mask_token_id)
    with torch.no_grad():
        baseline = int(encoder.model.module(**tokenizer(text, return_tensors="pt")).logits[0, position].argmax())
    assert encoder.inject_activation(text, vector, 0, [1], 0.0).tolist() == [[*ids, baseline]]

    def write(block: Any, args: Any, out: Any) -> None:
        (out[0] if isinstance(out, tuple) else out)[:, 1] = vector[:, 0]

    handle = encoder.model.module.bert.encoder.layer[0].register_forward_hook(write)
    try:
        with torch.no_grad():
            hooked = int(encoder.model.module(**tokenizer(text, return_tensors="pt")).logits[0, position].argmax())
    finally:
        handle.remove()
    assert encoder.inject_activation(text, vector, 0, [1]).tolist() == [[*ids, hooked]]
    with pytest.raises(RequestError, match="no mask token"):
        encoder.inject_activation(PROMPT, vector, 0, [1])


def test_both_stacks_of_an_encoder_decoder_are_read(answering: ModelAgnosticSelfie, tokenizer: Any) -> None:
    module = answering.model.module
    inputs = tokenizer(PROMPT, return_tensors="pt")
    start = torch.tensor([[2]])
    given = {"input_ids": inputs["input_ids"], "decoder_input_ids": start}
    for stack, blocks in (("encoder", module.encoder.block), ("decoder", module.decoder.block)):
        expected = outputs(module, blocks, **given)
        found = answering.get_activations(PROMPT, stack=stack)
        assert list(found) == list(range(len(blocks)))
        assert all(torch.equal(found[layer], expected[layer]) for layer in found)
    assert answering.layer_paths == [f"encoder.block.{layer}" for layer in range(3)]
    assert len(create_token_grid(PROMPT, answering, token_range=(0, 2))) == 3 * 2


@pytest.mark.parametrize("stack", ["encoder", "decoder"])
def test_an_encoder_decoder_answers_with_the_state_of_either_stack(answering: ModelAgnosticSelfie, stack: str) -> None:
    question = InterpretationPrompt(answering.model.tokenizer, QUESTION)
    state = answering.get_activations(PROMPT, [1], [0], stack=stack)[1][0]
    table = answering.interpret(PROMPT, question, [(1, 0)], max_new_tokens=5, stack=stack)
    assert table["interpretation"] == answering.interpret_vectors(state, question, max_new_tokens=5)
    assert table.verdict == "verified"
    (batched,) = batch_process_interpretations(answering, [PROMPT], question, [[(1, 0)]], max_new_tokens=5, stack=stack)
    assert batched["interpretation"] == table["interpretation"]
    with pytest.raises(RequestError):
        answering.interpret(PROMPT, question, [(3 if stack == "encoder" else 2, 0)], stack=stack)


def test_a_text_of_an_encoder_decoders_is_answered(answering: ModelAgnosticSelfie, tokenizer: Any) -> None:
    inputs = tokenizer(PROMPT, return_tensors="pt")
    vector = answering.get_activations(PROMPT, [2], [3])[2]
    with torch.no_grad():
        own = answering.model.module.generate(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], max_new_tokens=4, do_sample=False
        )
    answered = [token for token in own[0].tolist()[1:] if token != 1]  # after the start, before the end
    expected = [*inputs["input_ids"][0].tolist(), *answered]
    assert answering.inject_activation(PROMPT, vector, 1, [2], 0.0, max_new_tokens=4).tolist() == [expected]


def decoded(
    module: Any, ids: list[int], begun: list[int], steps: int, hooks: Sequence[tuple[Any, int, Any]] = ()
) -> Any:
    """Greedy ids after what the decoder has begun with, whole texts run anew, vectors written by plain hooks."""

    def write(position: int, vector: torch.Tensor) -> Any:
        def hook(block: Any, args: Any, out: Any) -> None:
            (out[0] if isinstance(out, tuple) else out)[:, position] = vector

        return hook

    handles = [block.register_forward_hook(write(position, vector)) for block, position, vector in hooks]
    written = [2, *begun]
    try:
        with torch.no_grad():
            for _ in range(steps):
                given = {"input_ids": torch.tensor([ids]), "decoder_input_ids": torch.tensor([written])}
                token = int(module(**given).logits[0, -1].argmax())
                if token == 1:
                    break
                written.append(token)
    finally:
        for handle in handles:
            handle.remove()
    return written[1 + len(begun) :]


TURN = "[INST]the Eiffel[/INST] Tower is in"


def test_the_answer_of_a_chat_turn_is_what_an_encoder_decoder_has_begun_with(
    answering: ModelAgnosticSelfie, tokenizer: Any
) -> None:
    module = answering.model.module
    read, begun = tokenizer("the Eiffel")["input_ids"], tokenizer("Tower is in", add_special_tokens=False)["input_ids"]
    vector = answering.get_activations(PROMPT, [2], [3])[2]
    for block, position, inside in (
        (module.encoder.block[1], 1, 1),
        (module.decoder.block[1], len(read) + 1, 2),  # the decoder's start comes before its first word
    ):
        new = decoded(module, read, begun, 4, [(block, inside, vector[0, 0])])
        ids = answering.inject_activation(TURN, vector, 1, position, max_new_tokens=4)
        assert ids.tolist() == [[*read, *begun, *new]]
    baseline = answering.inject_activation(TURN, vector, 1, -1, 0.0, max_new_tokens=4)
    assert baseline.tolist() == [[*read, *begun, *decoded(module, read, begun, 4)]]
    assert baseline.tolist() != answering.inject_activation("the Eiffel", vector, 1, -1, 0.0, max_new_tokens=4).tolist()


def test_one_activation_is_written_into_both_stacks_and_several_are_refused(
    answering: ModelAgnosticSelfie, tokenizer: Any
) -> None:
    module = answering.model.module
    read, begun = tokenizer("the Eiffel")["input_ids"], tokenizer("Tower is in", add_special_tokens=False)["input_ids"]
    vectors = answering.get_activations(PROMPT, [2], [3, 4])[2][0]
    hooks = [(module.encoder.block[1], 1, vectors[0]), (module.decoder.block[1], 2, vectors[0])]
    ids = answering.inject_activation(TURN, vectors[0], 1, [1, len(read) + 1], max_new_tokens=4)
    assert ids.tolist() == [[*read, *begun, *decoded(module, read, begun, 4, hooks)]]
    with pytest.raises(RequestError, match="at once"):
        answering.inject_activation(TURN, vectors, 1, [1, len(read) + 1], max_new_tokens=4)
    with pytest.raises(RequestError, match="Layer 2"):  # the encoder has three layers, the decoder two
        answering.inject_activation(TURN, vectors[0], 2, [len(read)])


def test_an_injection_decodes_no_control(answering: ModelAgnosticSelfie) -> None:
    rows: list[int] = []
    vector = answering.get_activations(PROMPT, [2], [3])[2]
    handle = answering.model.module.decoder.register_forward_pre_hook(
        lambda module, args, kwargs: rows.append(kwargs["input_ids"].shape[0]), with_kwargs=True
    )
    try:
        answering.inject_activation(PROMPT, vector, 1, [2], max_new_tokens=3)
    finally:
        handle.remove()
    assert set(rows) == {1}


def test_an_encoder_whose_tokenizer_has_no_mask_says_so(encoder: ModelAgnosticSelfie) -> None:
    bare = ModelAgnosticSelfie(encoder.model, tokenizer=byte_tokenizer())
    with pytest.raises(RequestError, match="tokenizer of this one has none"):
        bare.inject_activation(PROMPT, torch.zeros(64), 0, [1])


def test_the_lens_reads_either_stack_of_a_text(answering: ModelAgnosticSelfie, tokenizer: Any) -> None:
    read, begun = tokenizer("the Eiffel")["input_ids"], tokenizer("Tower is in", add_special_tokens=False)["input_ids"]
    assert logit_lens(answering, TURN, 1) == logit_lens(answering, read, 1)
    rows = logit_lens(answering, TURN, -1, stack="decoder")
    assert rows == logit_lens(answering, read, len(begun), prefix=[2, *begun])
    assert [row.cell.layer for row in rows] == [-1, 0, 1]
    assert logit_lens(answering, read, 0, stack="decoder") == logit_lens(answering, read, 0, prefix=[2])
