"""Texts that hold the padding id: decoders of the RoBERTa kind skip it in their positions, with a cache and without."""

from __future__ import annotations

import pytest
import torch

from selfie_tui.engine.generation.decode import Limits, decode, stepper_for
from selfie_tui.engine.generation.prefill import never, prefill_prompt
from selfie_tui.engine.generation.relevancy import baseline_probabilities
from selfie_tui.engine.injection import Injection
from selfie_tui.engine.methods.activations import read_prompts
from selfie_tui.engine.model import Model, adopt
from selfie_tui.engine.verify import verify
from selfie_tui.records import EMBED
from tests.engine.zoo import prompt_ids
from tests.sweep.small import small
from tests.sweep.sweep import mask_tokenizer

ROUNDING = 1e-5
FAMILIES = ["roberta", "camembert", "xlm-roberta", "gpt2", "bert"]


@pytest.fixture(params=FAMILIES, scope="module")
def model(request: pytest.FixtureRequest) -> Model:
    return verify(adopt(small("causal", request.param), mask_tokenizer()))


def padding(model: Model) -> int:
    config = model.module.config
    return 1 if config.pad_token_id is None else int(config.pad_token_id)


def text(model: Model) -> list[int]:
    """Ordinary ids with the padding id at two positions before and one after the placeholder."""
    pad, ids = padding(model), [token if token != padding(model) else 9 for token in prompt_ids(2, 8)]
    return [ids[0], pad, ids[1], pad, *ids[2:5], pad, *ids[5:]]


def own_probabilities(model: Model, ids: list[int]) -> torch.Tensor:
    """The next token's probabilities `(vocabulary,)` by the model's own forward on a text alone."""
    with torch.no_grad():
        return model.module(torch.tensor([ids]), use_cache=False).logits[0, -1].softmax(-1)


def test_decoding_after_padding_ids_gives_the_probabilities_of_the_models_own_forward(model: Model) -> None:
    ids, pad = text(model), padding(model)
    prefill = prefill_prompt(model, ids)
    own = model.read(ids, [EMBED], [5])[EMBED]
    injection = Injection(own.repeat(2, 1), (5,), EMBED)
    *_, (rows, _) = decode(model, prefill, injection, 1, Limits(4))
    assert model.verdict == "verified"
    assert len(rows) >= 2
    for row in rows:
        for step, (token, probability) in enumerate(zip(row.ids, row.probabilities, strict=False)):
            expected = own_probabilities(model, [*ids, *row.ids[:step]])[token]
            assert probability == pytest.approx(float(expected), abs=ROUNDING)
    answers = [(pad, 7, pad, 8), (7, 9, pad, 11)]
    scored = baseline_probabilities(model, prefill, answers)
    for answer, found in zip(answers, scored, strict=True):
        for step, probability in enumerate(found):
            expected = own_probabilities(model, [*ids, *answer[:step]])[answer[step]]
            assert probability == pytest.approx(float(expected), abs=ROUNDING)


def test_a_step_with_the_padding_id_gives_what_the_text_gives_as_a_whole(model: Model) -> None:
    ids, pad = text(model), padding(model)
    nothing = Injection(torch.zeros(0, model.hidden), (0,), EMBED)
    stepper = stepper_for(model, prefill_prompt(model, ids), nothing, 2, never)
    stepper.first()
    written: list[list[int]] = [[], []]
    for tokens in ([pad, 7], [8, pad], [9, 9]):
        logits = stepper.next(tokens).whole()
        for row, token in enumerate(tokens):
            written[row].append(token)
            expected = own_probabilities(model, [*ids, *written[row]])
            torch.testing.assert_close(logits[row].softmax(-1), expected, atol=ROUNDING, rtol=0)


def test_states_of_padded_rows_with_padding_ids_are_those_of_the_rows_alone(model: Model) -> None:
    ids = text(model)
    rows = [ids, ids[:6], ids[1:5]]
    together = read_prompts(model, rows, [EMBED, 1])
    for row, states in zip(rows, together, strict=True):
        alone = model.read(row, [EMBED, 1], range(len(row)))
        for layer in (EMBED, 1):
            torch.testing.assert_close(states[layer], alone[layer], atol=ROUNDING, rtol=1e-4)
