"""Modules that transformers did not make: found, verified and interpreted, whatever their forward returns."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from msgspec.structs import replace
from nnsight import NNsight
from torch import nn
from transformers import AutoModel, AutoModelForSequenceClassification, AutoModelForTokenClassification

from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.engine.model import Model, adopt
from selfie_tui.engine.verify import verify
from selfie_tui.errors import LoadError, PromptError
from selfie_tui.records import EMBED, Cell, CellFinished, Preset, Request
from tests.engine.reference import Answer, at_layer, injected
from tests.engine.zoo import CONFIGS, build, byte_tokenizer

VOCABULARY, WIDTH = 160, 32
REQUEST = Request(
    "the Eiffel Tower is", (Cell(EMBED, 2), Cell(1, 3)), Preset("test", "the message _ _ is in"), max_new_tokens=4
)


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)])
        self.attention = nn.MultiheadAttention(WIDTH, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 64), nn.GELU(), nn.Linear(64, WIDTH))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        normed = self.norms[0](x)
        x = x + self.attention(normed, normed, normed, attn_mask=mask, need_weights=False)[0]
        return x + self.mlp(self.norms[1](x))


class Gpt(nn.Module):
    """A small GPT with neither configuration nor cache."""

    returns: str = "logits"

    def __init__(self, in_sequence: bool = False) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(64, WIDTH)
        blocks = [Block() for _ in range(3)]
        self.blocks = nn.Sequential(*blocks, nn.LayerNorm(WIDTH)) if in_sequence else nn.ModuleList(blocks)
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VOCABULARY)

    def forward(self, idx: torch.Tensor, targets: Any = None) -> Any:
        x = self.tokens(idx) + self.positions(torch.arange(idx.shape[1]))
        if isinstance(self.blocks, nn.Sequential):
            x = self.blocks(x)
        else:
            for block in self.blocks:
                x = block(x)
        x = self.norm(x)
        logits = self.head(x[:, [-1], :] if self.returns == "last" else x)
        return {
            "logits": logits,
            "last": (logits, None),
            "state first": (x, logits),
            "loss first": (logits.mean(), logits),
            "mapping": {"hidden": x, "logits": logits},
        }[self.returns]


@pytest.fixture(params=["logits", "last", "state first", "loss first", "mapping"])
def gpt(request: pytest.FixtureRequest) -> Gpt:
    return made(request.param)


def made(returns: str = "logits", in_sequence: bool = False) -> Gpt:
    torch.manual_seed(0)
    module = Gpt(in_sequence).eval()
    module.returns = returns
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.3 * torch.randn_like(parameter) + (parameter.dim() == 1) * 0.5)
    return module


def opened(module: Any) -> Model:
    return verify(adopt(module, byte_tokenizer()))


def logits_of(module: Gpt, ids: list[int]) -> torch.Tensor:
    """The last logits, computed from the parts."""
    kept, module.returns = module.returns, Gpt.returns
    try:
        with torch.no_grad():
            return module(torch.tensor([ids]))[0, -1]
    finally:
        module.returns = kept


def expected(model: Model, cell: Cell) -> Answer:
    """The answer for a cell, by plain hooks."""
    source, ids = model.tokenizer(REQUEST.prompt)["input_ids"], model.tokenizer(REQUEST.preset.text)["input_ids"]
    positions = [index for index, token in enumerate(ids) if model.tokenizer.decode([token]).strip() == "_"]
    seen: list[torch.Tensor] = []
    with at_layer(model, cell.layer, lambda hidden: seen.append(hidden[0, cell.position].clone())):
        logits_of(model.module, source)

    def write(hidden: torch.Tensor) -> None:
        for position in positions:
            hidden[0, position] = injected(hidden[0, position].clone(), seen[0], "replace", 1.0)

    written: list[int] = []
    found, none = [], []
    for _ in range(REQUEST.max_new_tokens):
        without = logits_of(model.module, ids + written).softmax(-1)
        with at_layer(model, EMBED, write):
            row = logits_of(model.module, ids + written).softmax(-1)
        token = int(row.argmax())
        if token in model.end_tokens:
            break
        found.append(float(row[token]))
        none.append(float(without[token]))
        written.append(token)
    return Answer(written, found, none)


def assert_reads_right(model: Model) -> None:
    assert model.verdict == "verified"
    found = [event.interpretation for event in interpret(model, REQUEST) if isinstance(event, CellFinished)]
    for each in found:
        answer = expected(model, each.cell)
        assert [token.id for token in each.tokens] == answer.ids
        assert [token.probability for token in each.tokens] == pytest.approx(answer.probabilities, abs=1e-5)
        assert [token.effect for token in each.tokens] == pytest.approx(answer.effects, abs=1e-5)
    assert max(token.relevancy or 0 for each in found for token in each.tokens) > 1e-3


def test_a_plain_module_reads_as_plain_hooks_do_whatever_its_forward_returns(gpt: Gpt) -> None:
    model = opened(gpt)
    assert (model.anatomy.blocks_path, model.layers, model.anatomy.vocabulary) == ("blocks", 3, VOCABULARY)
    assert_reads_right(model)


def test_blocks_in_a_sequence_with_a_norm_behind_them_are_found() -> None:
    assert_reads_right(opened(made(in_sequence=True)))


def test_a_module_can_be_adopted_again_and_after_an_nnsight_model_was_made_of_it() -> None:
    module = made()
    NNsight(module)
    opened(module)
    assert_reads_right(opened(module))


def test_a_forward_that_takes_no_name_is_refused() -> None:
    class Nameless(Gpt):
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            return super().forward(*args, **kwargs)

    with pytest.raises(LoadError, match="takes no token ids by name"):
        opened(Nameless())


def headless(kind: Any) -> Any:
    return kind.from_config(CONFIGS["llama"](2))


@pytest.mark.parametrize(
    "kind",
    [AutoModel, AutoModelForSequenceClassification, AutoModelForTokenClassification],
    ids=lambda kind: kind.__name__,
)
def test_a_model_without_a_head_over_its_vocabulary_is_refused(kind: Any) -> None:
    with pytest.raises(LoadError, match=r"no output head|no logits over its vocabulary"):
        opened(headless(kind))


def test_a_model_in_training_is_read_in_evaluation_mode_and_trains_on() -> None:
    torch.manual_seed(0)
    module = made()
    module.blocks[1].mlp.append(nn.Dropout(0.5))
    model = opened(module)
    calm = [event for event in interpret(model, REQUEST) if isinstance(event, CellFinished)]
    module.train()
    module.norm.eval()  # a part that the user keeps from training
    again = [event for event in interpret(model, REQUEST) if isinstance(event, CellFinished)]
    assert again == calm
    assert module.training
    assert module.blocks[1].training
    assert not module.norm.training


def test_ids_that_the_model_has_no_embeddings_for_are_refused() -> None:
    tokenizer = build("llama", layers=2).tokenizer
    module = made()
    module.tokens, module.head = nn.Embedding(8, WIDTH), nn.Linear(WIDTH, 8)
    model = verify(adopt(module, tokenizer))
    with pytest.raises(PromptError, match="has embeddings for 8 tokens"):
        list(interpret(model, replace(REQUEST, prompt="the city of Paris")))


def test_what_transformers_notes_by_is_no_hook_of_a_user():
    model = build("gpt2")
    handle = model.blocks[1].register_forward_hook(lambda part, args, output: None)
    with torch.no_grad():
        model.module(torch.tensor([[1, 2, 3]]), output_hidden_states=True)
    assert model.blocks[0]._forward_hooks, "transformers leaves its own"
    assert model.blocks_with_new_hooks() == (model.anatomy.block_paths[1],)
    handle.remove()
    assert model.blocks_with_new_hooks() == ()
