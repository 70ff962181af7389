"""`python -m selfie_tui.engine.benchmark`: the engine against a plain PyTorch hook, as ratios measured in one run.

The baseline is the best that a user could script: one forward with hooks reads all cells, one batched
`model.generate` of Hugging Face decodes them, and a hook writes each row's vector in the prefill. The model is random
and of GPT-2's size, in float32; contenders take turns and every ratio is the median over rounds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.engine.model import Model, adopt
from selfie_tui.engine.prompts.placeholders import build_prompt, encode_source
from selfie_tui.presets import PRESETS
from selfie_tui.records import Cell, CellFinished, ControlFinished, PartialTexts, Request

SOURCE = "Sure, I will summarize the message and the materials mentioned"
ALONE = 6
"""Cells that are run one at a time; the time of all is theirs, multiplied up."""


def main() -> None:
    """Run the contenders and print seconds, cells per second, and the ratios that matter."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--tokens", type=int, default=30)
    arguments.add_argument("--threads", type=int, default=0, help="torch threads (default: as torch chooses)")
    arguments.add_argument("--fresh", action="store_true", help="weights as transformers draws them: texts more alike")
    chosen = arguments.parse_args()
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    print(f"GPT-2-sized random model, float32, CPU, {torch.get_num_threads()} threads", flush=True)
    report(measure(random_model(fresh=chosen.fresh), chosen.tokens, chosen.rounds))


def random_model(fresh: bool = False) -> Model:
    """Twelve random layers of width 768 over 50,257 tokens, spread, unless `fresh`, so that most texts differ."""
    torch.manual_seed(0)
    module = GPT2LMHeadModel(GPT2Config(bos_token_id=0, eos_token_id=None, pad_token_id=0)).eval()
    with torch.no_grad():
        for parameter in () if fresh else module.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.06 + (1.0 if parameter.dim() == 1 else 0.0))
    return adopt(module, word_tokenizer(module.config.vocab_size), "random GPT-2")


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


def measure(model: Model, tokens: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of each contender, by round."""
    ids, source = encode_source(model.tokenizer, SOURCE)
    cells = tuple(Cell(layer, position) for position in range(8) for layer in range(model.layers))
    request = Request(SOURCE, cells, PRESETS[0], max_new_tokens=tokens, relevancy=False)
    explained = Request(SOURCE, cells, PRESETS[0], max_new_tokens=tokens, relevancy=True)
    target = build_prompt(model.tokenizer, PRESETS[0])
    print(f"{len(cells)} cells of a prompt of {len(source)} tokens, an interpretation prompt of {len(target.ids)}, "
          f"{tokens} new tokens", flush=True)  # fmt: skip
    contenders: dict[str, Callable[[], list[list[int]]]] = {
        "plain hook + batched generate": lambda: scripted(model, ids, cells, target.ids, target.positions, tokens),
        "engine": lambda: by_engine(model, request),
        "engine with relevancy": lambda: by_engine(model, explained),
        "plain hook, one cell at a time": lambda: [
            scripted(model, ids, [cell], target.ids, target.positions, tokens)[0]
            for cell in cells[:: len(cells) // ALONE]
        ],
    }
    expected = scripted(model, ids, cells, target.ids, target.positions, tokens)
    found = by_engine(model, request)
    same = sum(one == other for one, other in zip(expected, found, strict=True))
    print(f"{same} of {len(cells)} rows equal to the baseline's, {len({tuple(row) for row in found})} different texts")
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    alone = "plain hook, one cell at a time"
    seconds[alone] = [each * len(cells) / ALONE for each in seconds[alone]]
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"{name:34}{median:8.2f} s{len(cells) / median:10.2f} cells/s", flush=True)
    return seconds


def report(seconds: dict[str, list[float]]) -> None:
    """The three ratios, as medians over rounds."""
    hook, engine, relevancy, alone = seconds.values()
    print(
        f"engine / batched hook           {ratio(hook, engine):6.2f}   cells per second, control and streaming included"
    )
    print(f"engine / one cell at a time     {ratio(alone, engine):6.2f}   cells per second")
    print(f"relevancy adds                  {ratio(relevancy, engine) - 1:6.0%}")


def ratio(one: Sequence[float], other: Sequence[float]) -> float:
    """The median of the ratios within each round."""
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


def by_engine(model: Model, request: Request) -> list[list[int]]:
    """Generated ids of every cell, by the engine, with all of its events."""
    rows: list[list[int]] = [[] for _ in request.cells]
    kinds = set()
    for event in interpret(model, request):
        kinds.add(type(event))
        if isinstance(event, CellFinished):
            rows[event.index] = [token.id for token in event.interpretation.tokens]
    assert {ControlFinished, PartialTexts} <= kinds
    return rows


def scripted(
    model: Model,
    source: Sequence[int],
    cells: Sequence[Cell],
    target: Sequence[int],
    positions: Sequence[int],
    tokens: int,
) -> list[list[int]]:
    """Generated ids of every cell with plain hooks and `generate`, without the engine."""
    module, blocks = model.module, model.blocks
    states: dict[int, torch.Tensor] = {}

    def save(layer: int) -> Callable[[Any, Any, Any], None]:
        return lambda block, args, out: states.update({layer: (out[0] if isinstance(out, tuple) else out)[0]})

    hooks = [block.register_forward_hook(save(layer)) for layer, block in enumerate(blocks)]
    with torch.no_grad():
        module.transformer(torch.tensor([list(source)]))
    for hook in hooks:
        hook.remove()
    vectors = torch.stack([states[cell.layer][cell.position] for cell in cells])

    def write(block: Any, args: Any) -> None:
        if args[0].shape[1] == len(target):
            args[0][:, list(positions)] = vectors.unsqueeze(1)

    ids = torch.tensor([list(target)] * len(cells))
    handle = blocks[0].register_forward_pre_hook(write)
    try:
        with torch.no_grad():
            output = module.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False, use_cache=True
            )
    finally:
        handle.remove()
    rows: list[list[int]] = output[:, len(target) :].tolist()
    return rows


if __name__ == "__main__":
    main()
