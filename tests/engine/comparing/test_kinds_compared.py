"""Two encoder-decoders, and two encoders, over the same cells: each stack's lens, words and maps."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, T5Config, T5ForConditionalGeneration

from selfie_tui.engine.generation.prefill import never
from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.source import source_of
from selfie_tui.engine.service import METHODS_OF_TWO
from selfie_tui.engine.unembed import lens_logits
from selfie_tui.errors import RequestError
from selfie_tui.library.facade import ModelAgnosticSelfie
from selfie_tui.presets import PRESETS
from selfie_tui.records import (
    Cell,
    CellFinished,
    CellsCompared,
    CellsMapped,
    CompareModels,
    Event,
    LoadModel,
    ReadingsCompared,
    ReadingsMapped,
    Request,
)
from tests.engine.zoo import SPECIAL, byte_tokenizer, randomise

PROMPT = "the man with hat is in Paris"
TEXTS = (
    "the Eiffel Tower is located in the city of Paris", "a man with hat is in the city", "the city of Paris is a city",
    "the man is a tower", "a hat in Paris with a man", "the message is located in Paris", "summarize the city of a man",
    "the tower is a hat",
)  # fmt: skip
WORDS = Request(prompt="", cells=(), preset=PRESETS[0], max_new_tokens=3)


def model_of(module: Any, seed: int, tokenizer: Any) -> Model:
    torch.manual_seed(seed)
    randomise(module)
    return ModelAgnosticSelfie(module.eval(), tokenizer=tokenizer).model


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    own = copy.deepcopy(byte_tokenizer())
    own.add_special_tokens({"mask_token": "[MASK]"})
    return own


@pytest.fixture(scope="module")
def answering(tokenizer: Any) -> tuple[Model, Model]:
    sizes = {"d_model": 64, "d_kv": 16, "d_ff": 96, "num_heads": 4, "vocab_size": len(tokenizer)}
    special = {"decoder_start_token_id": 2, "eos_token_id": 1, "pad_token_id": 2}
    configs = (T5Config(**sizes, **special, num_layers=n, num_decoder_layers=m) for n, m in ((3, 2), (4, 3)))
    one, two = (model_of(T5ForConditionalGeneration(each), each.num_layers, tokenizer) for each in configs)
    return one, two


@pytest.fixture(scope="module")
def encoders(tokenizer: Any) -> tuple[Model, Model]:
    sizes = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "vocab_size": len(tokenizer)}
    one, two = (
        model_of(BertForMaskedLM(BertConfig(**sizes, **SPECIAL, num_hidden_layers=n)), n, tokenizer) for n in (3, 4)
    )
    return one, two


def done(models: tuple[Model, Model], position: int, **more: Any) -> list[Event]:
    task = CompareModels(LoadModel("demo"), PROMPT, (position,), **more)
    return list(METHODS_OF_TWO[CompareModels](*models, task, never))


@pytest.mark.parametrize(
    ("kind", "stack", "position"), [("answering", "encoder", 3), ("answering", "decoder", 0), ("encoders", "", 3)]
)
def test_each_stack_has_the_lens_and_the_words_of_each_model_alone(
    kind: str, stack: str, position: int, request: pytest.FixtureRequest
) -> None:
    models: tuple[Model, Model] = request.getfixturevalue(kind)
    events = done(models, position, stack=stack, request=WORDS, k=3)
    cells = [cell for event in events if isinstance(event, CellsCompared) for cell in event.cells]
    depths = [len(model.anatomy.stack(stack).blocks) for model in models]
    assert depths[0] < depths[1]
    assert [cell.pair.cell for cell in cells] == [Cell(layer, position) for layer in range(-1, depths[0])]
    assert cells[-1].pair.other == Cell(depths[1] - 1, position)
    for cell in cells:
        for model, place, top in zip(
            models, (cell.pair.cell, cell.pair.other), (cell.top, cell.other_top), strict=True
        ):
            source = source_of(model, PROMPT, stack)
            state = model.read(source.ids, [place.layer], [place.position], never, source.prefix)[place.layer]
            shares = lens_logits(model, state, stack).softmax(-1)[0]
            assert [token.id for token in top] == shares.topk(3).indices.tolist()
            assert [token.probability for token in top] == pytest.approx(shares.topk(3).values.tolist(), rel=1e-4)
    readings = [each for event in events if isinstance(event, ReadingsCompared) for each in event.readings]
    sides = ([each.reading for each in readings], [each.other for each in readings])
    places = ([each.pair.cell for each in readings], [each.pair.other for each in readings])
    for model, found, asked in zip(models, sides, places, strict=True):
        own = Request(PROMPT, tuple(asked), PRESETS[0], max_new_tokens=3, stack=stack)
        alone = [event.interpretation for event in interpret(model, own, never) if isinstance(event, CellFinished)]
        assert {each.cell: each.text for each in found} == {each.cell: each.text for each in alone}


@pytest.mark.parametrize(("kind", "stack"), [("answering", ""), ("answering", "encoder"), ("encoders", "")])
def test_a_map_is_fitted_between_the_stacks_that_prompts_run_through_first(
    kind: str, stack: str, request: pytest.FixtureRequest
) -> None:
    events = done(request.getfixturevalue(kind), 3, stack=stack, texts=TEXTS, layers=(-1, 1), request=WORDS)
    maps = [event for event in events if isinstance(event, CellsMapped)]
    assert [event.map.layer for event in maps] == [-1, 1]
    assert maps[0].map.explained > 0.9 > maps[0].map.shuffled_explained
    words = [each for event in events if isinstance(event, ReadingsMapped) for each in event.readings]
    assert len(words) == 2


def test_a_map_between_decoders_that_read_an_encoder_is_refused(answering: tuple[Model, Model]) -> None:
    with pytest.raises(RequestError, match="the stack that prompts run through first"):
        done(answering, 0, stack="decoder", texts=TEXTS)
