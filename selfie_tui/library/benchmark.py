"""`python -m selfie_tui.library.benchmark`: what the library costs over the engine, and reading over a forward.

Contenders take turns; every ratio is the median of the ratios within each round. The second half is on the random
GPT-2-sized model of `benchmark`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch

from selfie_tui.engine.benchmark import ratio
from selfie_tui.engine.benchmark_runs import SOURCE, random_model
from selfie_tui.engine.loading.load import load
from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.engine.model import Model
from selfie_tui.library.batches import create_token_grid
from selfie_tui.library.facade import ModelAgnosticSelfie
from selfie_tui.presets import preset_called
from selfie_tui.records import Cell, Request

PROMPT = "The Eiffel Tower is located in the city of Paris , France"
CELLS = 96
TOKENS = 12
REPEATED = 12
"""How often the source of `benchmark` is repeated for a prompt of more than a hundred tokens."""


def main() -> None:
    """Measure and print the ratios, and what is held in memory."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument("--threads", type=int, default=0, help="torch threads (default: as torch chooses)")
    chosen = arguments.parse_args()
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    print(f"CPU, {torch.get_num_threads()} threads, {chosen.rounds} rounds", flush=True)
    over_engine = interpreting_ratio(load("demo"), chosen.rounds)
    print(f"library / engine, {CELLS} cells of the bundled model    {over_engine:6.3f}")
    model = random_model()
    with_head, without_head = reading_ratios(model, chosen.rounds)
    print(f"all layers read / plain forward                   {with_head:6.3f}   as the model is called, head included")
    print(f"all layers read / forward of the trunk            {without_head:6.3f}   without the head")
    held, chosen_bytes = bytes_held(model)
    print(f"held after reading 3 cells of 2 layers            {held} bytes, {chosen_bytes} in these cells")


def interpreting_ratio(model: Model, rounds: int) -> float:
    """Time of the library's `interpret` over the engine's for the same cells, tokens and relevancy."""
    selfie = ModelAgnosticSelfie(model)
    grid = create_token_grid(PROMPT, selfie)[:CELLS]
    cells = tuple(Cell(layer, position) for layer, position in grid)
    request = Request(PROMPT, cells, preset_called("concept"), mode="blend", max_new_tokens=TOKENS)
    seconds = by_turns(
        [
            lambda: selfie.interpret(PROMPT, "concept", grid, max_new_tokens=TOKENS),
            lambda: list(interpret(model, request)),
        ],
        rounds,
    )
    return ratio(*seconds)


def reading_ratios(model: Model, rounds: int) -> tuple[float, float]:
    """Time of `get_activations` over that of the tokenizer and a plain forward, with the head and without it."""
    selfie = ModelAgnosticSelfie(model)
    prompt = " ".join([SOURCE] * REPEATED)

    def forward(module: Callable[..., object]) -> object:
        with torch.no_grad():
            encoded = model.tokenizer(prompt, return_tensors="pt")
            return module(input_ids=encoded["input_ids"], attention_mask=encoded["attention_mask"], use_cache=False)

    read, full, headless = by_turns(
        [
            lambda: selfie.get_activations(prompt),
            lambda: forward(model.module),
            lambda: forward(model.module.transformer),
        ],
        rounds,
    )
    return ratio(read, full), ratio(read, headless)


def bytes_held(model: Model) -> tuple[int, int]:
    """Bytes held by the states of a few cells, and the bytes of those cells."""
    found = ModelAgnosticSelfie(model).get_activations(SOURCE, [3, 9], [1, 2, -1])
    held = sum(states.untyped_storage().nbytes() for states in found.values())
    return held, 2 * 3 * model.hidden * model.dtype.itemsize


def by_turns(contenders: list[Callable[[], object]], rounds: int) -> list[list[float]]:
    """Seconds of each contender, by round, after one round that is not counted; the order turns with the rounds."""
    seconds: list[list[float]] = [[] for _ in contenders]
    for turn in range(rounds + 1):
        order = list(enumerate(contenders))
        for index, run in order if turn % 2 else order[::-1]:
            started = time.perf_counter()
            run()
            if turn:
                seconds[index].append(time.perf_counter() - started)
    return seconds


if __name__ == "__main__":
    main()
