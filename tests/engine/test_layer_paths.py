"""Blocks that a user names where they are not found, and blocks of a list that a text does not run through."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from msgspec.json import decode, encode
from torch import nn
from transformers import MllamaForCausalLM
from transformers.models.mllama.configuration_mllama import MllamaTextConfig

import selfie_tui
from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.engine.model import Model, adopt
from selfie_tui.engine.verify import verify
from selfie_tui.errors import LoadError, RequestError
from selfie_tui.library.facade import ModelAgnosticSelfie
from selfie_tui.records import EMBED, Cell, CellFinished, ModelInfo, Preset, Request, StackInfo
from tests.engine.reference import interpreted
from tests.engine.test_plain_modules import VOCABULARY, WIDTH, Block
from tests.engine.zoo import byte_tokenizer, prompt_ids, randomise
from tests.sweep.small import small

PATHS = ["first", "second", "third"]


class Apart(nn.Module):
    """A GPT whose blocks are in no list, with a scale between the second and the third."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.tokens, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(64, WIDTH)
        self.first, self.second, self.third, self.unused = Block(), Block(), Block(), Block()
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VOCABULARY)

    def forward(self, input_ids: torch.Tensor) -> dict[str, torch.Tensor]:
        x = self.tokens(input_ids) + self.positions(torch.arange(input_ids.shape[1]))
        x = self.second(self.first(x))
        x = x if self.scale == 1 else x * self.scale
        return {"logits": self.head(self.norm(self.third(x)))}


def apart(scale: float = 1.0) -> Apart:
    torch.manual_seed(0)
    module = Apart(scale).eval()
    randomise(module)
    return module


def test_the_refusal_of_blocks_that_are_not_found_says_how_to_name_them() -> None:
    with pytest.raises(LoadError, match="No stack of decoder blocks") as caught:
        adopt(apart(), byte_tokenizer())
    assert "layer_paths=[" in caught.value.remedy


def test_named_blocks_are_read_and_written_as_by_plain_hooks() -> None:
    model = selfie_tui.adopt(apart(), byte_tokenizer(), layer_paths=PATHS)
    assert (model.verdict, [block.path for block in model.anatomy.main.blocks]) == ("verified", PATHS)
    seen: dict[int, torch.Tensor] = {}
    ids = prompt_ids()
    for layer, path in enumerate(PATHS):
        module = model.module.get_submodule(path)
        hook = module.register_forward_hook(lambda module, args, output, at=layer: seen.update({at: output[0]}))
        with torch.no_grad():
            model.module(torch.tensor([ids]))
        hook.remove()
    states = model.read(ids, [0, 1, 2], range(len(ids)))
    assert all(torch.equal(states[layer], seen[layer]) for layer in range(3))


def test_what_is_said_of_a_model_names_its_blocks_and_can_be_looked_up_and_kept() -> None:
    info = adopt(apart(), byte_tokenizer(), layer_paths=PATHS).info()
    assert info.layer_paths == (("decoder", tuple(PATHS)),)
    assert {info: True}[decode(encode(info), type=ModelInfo)]


def test_named_blocks_that_do_not_pass_their_state_on_unchanged_are_not_verified() -> None:
    model = verify(adopt(apart(scale=0.5), byte_tokenizer(), layer_paths=PATHS))
    assert model.verdict.startswith("block input differs by")


def test_the_facade_takes_the_paths_of_a_module_in_hand() -> None:
    assert ModelAgnosticSelfie(apart(), byte_tokenizer(), layer_paths=PATHS).layer_paths == PATHS


def test_paths_override_what_would_be_found() -> None:
    chosen = ["model.layers.1", "model.layers.2"]
    model = verify(adopt(small("causal", "llama"), byte_tokenizer(), layer_paths=chosen))
    assert ([block.path for block in model.anatomy.main.blocks], model.layers) == (chosen, 2)


def test_an_encoder_decoder_takes_paths_by_stack() -> None:
    paths = {"decoder": ["decoder.block.0", "decoder.block.1", "decoder.block.2", "decoder.block.3"]}
    model = verify(adopt(small("seq2seq", "t5"), byte_tokenizer(), layer_paths=paths))
    assert (model.verdict, len(model.anatomy.last.blocks)) == ("verified", 4)


@pytest.mark.parametrize(
    ("paths", "cause"),
    [
        (["first", "nothing"], "there is no module “nothing”"),
        ([], "has no blocks"),
        (["first", "first"], "one of them twice"),
        ({"encoder": PATHS}, "this model has no encoder"),
        (["first", "unused"], "unused does not run in a forward"),
        (["first", "norm", "head"], "no output head"),
        (["tokens", "first"], "not all take and return a state"),
    ],
)
def test_paths_that_are_no_blocks_are_refused_with_the_cause(paths: Any, cause: str) -> None:
    with pytest.raises(LoadError, match=cause) as caught:
        adopt(apart(), byte_tokenizer(), layer_paths=paths)
    assert caught.value.remedy


def test_the_blocks_of_an_opened_model_cannot_be_named_anew() -> None:
    with pytest.raises(RequestError, match="layer_paths cannot be set"):
        ModelAgnosticSelfie(adopt(small("causal", "llama"), byte_tokenizer()), layer_paths=PATHS)


def mllama(crossing: list[int]) -> Model:
    """The text model of Llama 3.2 Vision, some of whose eight blocks attend to an image alone."""
    sizes = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "num_key_value_heads": 2}
    config = MllamaTextConfig(
        **sizes,
        num_hidden_layers=8,
        cross_attention_layers=crossing,
        vocab_size=VOCABULARY,
        pad_token_id=2,
        bos_token_id=0,
        eos_token_id=1,
        rope_parameters={"rope_type": "default", "rope_theta": 1e4},
    )
    torch.manual_seed(0)
    module = MllamaForCausalLM(config).eval()
    randomise(module)
    return verify(adopt(module, byte_tokenizer()))


def test_blocks_that_a_text_does_not_run_through_are_named_in_a_notice_and_in_what_is_saved() -> None:
    model = mllama([3, 6])
    assert model.verdict == "verified"
    assert model.notices == [
        "A text does not run through model.layers.3, model.layers.6. Later layers are renumbered: L3 is model.layers.4."
    ]
    assert [block.path for block in model.anatomy.main.blocks][3:] == [f"model.layers.{n}" for n in (4, 5, 7)]
    saved = decode(encode(model.info()), type=ModelInfo)
    assert saved.stacks == (StackInfo("decoder", 6, ("model.layers.3", "model.layers.6")),)
    request = Request("the Eiffel Tower", (Cell(4, 2),), Preset("test", "a man in _ _ is"), max_new_tokens=4)
    found = [e.interpretation for e in interpret(model, request) if isinstance(e, CellFinished)]
    assert [token.id for token in found[0].tokens] == interpreted(model, request, Cell(4, 2)).ids


def test_without_blocks_that_are_skipped_nothing_is_noticed() -> None:
    assert mllama([]).notices == adopt(small("causal", "llama"), byte_tokenizer()).notices == []


def test_descriptions_without_skipped_blocks_are_read() -> None:
    assert decode(b'{"name": "decoder", "layers": 4}', type=StackInfo) == StackInfo("decoder", 4)
    assert EMBED == -1
