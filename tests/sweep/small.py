"""Small random models of every type that transformers maps to text generation or masked words."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM
from transformers import logging as transformers_logging
from transformers.models.auto import modeling_auto

from selfie_tui.engine.anatomy.shrink import randomise, shrunk
from selfie_tui.engine.anatomy.shrink_rules import OVERRIDES, VOCABULARY, WEIGHTS, WEIGHTS_OF
from tests.sweep.facts import ANSWERS_ALL_POSITIONS, DEAF, NOT_CAUSAL, NOT_TEXT

Kind = Literal["causal", "seq2seq", "masked"]
MAPPINGS: dict[Kind, tuple[Any, dict[str, str]]] = {
    "causal": (AutoModelForCausalLM, modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES),
    "seq2seq": (AutoModelForSeq2SeqLM, modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES),
    "masked": (AutoModelForMaskedLM, modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES),
}
ENTRIES: tuple[tuple[Kind, str], ...] = tuple((kind, name) for kind, (_, names) in MAPPINGS.items() for name in names)


class NotBuilt(Exception):  # noqa: N818 - a state of the table, not a mistake
    """A type that no small text model stands for; its message says what it would need."""


def small(kind: Kind, model_type: str, seed: int = 0) -> Any:
    """A random model of a type in float32 and eval mode, on the CPU.

    Raises NotBuilt for the entries of `NOT_TEXT`.
    """
    if (kind, model_type) in NOT_TEXT:
        raise NotBuilt(NOT_TEXT[kind, model_type])
    torch.manual_seed(seed)
    module = MAPPINGS[kind][0].from_config(configuration(kind, model_type), dtype=torch.float32).eval()
    randomise(module, WEIGHTS_OF.get(model_type, WEIGHTS))
    return module


def configuration(kind: Kind, model_type: str) -> Any:
    """The type's default configuration with every size shrunk."""
    overrides = dict(OVERRIDES.get(model_type, {}))
    default = CONFIG_MAPPING[model_type]()
    if kind == "causal":
        overrides |= {name: True for name in ("is_decoder", "causal") if name in vars(default)}
    return shrunk(default, overrides)


def inputs(kind: Kind, module: Any, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random ordinary tokens for a forward: 7 of a text and, where the model has a decoder apart, 3 of its answer."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(3, VOCABULARY, (1, 10), generator=generator)
    if kind == "seq2seq" and module.config.is_encoder_decoder:
        return {"input_ids": tokens[:, :7], "decoder_input_ids": tokens[:, 7:]}
    return {"input_ids": tokens[:, :7]}


@dataclass(frozen=True)
class Check:
    """What one entry's model showed: its size, the time to build and run it once, and what is wrong with it."""

    kind: Kind
    model_type: str
    parameters: int
    seconds: float
    problems: tuple[str, ...]


def check(kind: Kind, model_type: str, seed: int = 0) -> Check:
    """Build an entry's model and run it on text."""
    start = time.perf_counter()
    module = small(kind, model_type, seed)
    texts = inputs(kind, module)
    name, tokens = list(texts.items())[-1]
    with torch.no_grad(), greatest_hidden() as greatest:
        logits = module(**texts).logits
        seconds = time.perf_counter() - start
        moved = module(**texts | {name: changed_at(tokens, -1)}).logits
        begun = module(**texts | {"input_ids": changed_at(texts["input_ids"], 0)}).logits
        again = module(**texts).logits
    size = sum(parameter.numel() for parameter in module.parameters())
    last = tokens.shape[1] - 1
    length = logits.shape[1] if model_type in ANSWERS_ALL_POSITIONS else tokens.shape[1]
    found = {
        f"logits of shape {tuple(logits.shape)}": logits.shape != (1, length, VOCABULARY),
        "logits not finite": not torch.isfinite(logits).all(),
        f"logits all alike ({spread(logits):.2g})": spread(logits) < 0.1,
        f"hidden states up to {max(greatest):.0f}": max(greatest) > 1e4,
        "the last token does not count": (logits - moved)[0, last].abs().max().item() < 2e-2,
        "the first token is not heard": ((logits - begun)[0, last].abs().max().item() < 1e-2) != (model_type in DEAF),
        "two runs differ": not torch.equal(logits, again),
        f"{size} parameters": size > 2_100_000,
    }
    if kind != "masked":
        change = (logits - moved)[0, :last].abs().max().item()
        found[f"a later token changes earlier logits by {change:.2g}"] = (change > 1e-4) != (model_type in NOT_CAUSAL)
    problems = tuple(problem for problem, holds in found.items() if holds)
    return Check(kind, model_type, size, seconds, problems)


def changed_at(tokens: torch.Tensor, position: int) -> torch.Tensor:
    """The same tokens `(1, positions)` but for another ordinary one at a position."""
    other = tokens.clone()
    other[0, position] = 3 + (other[0, position] - 2) % (VOCABULARY - 3)
    return other


def spread(logits: torch.Tensor) -> float:
    """The least standard deviation of a position's logits over the vocabulary."""
    return float(logits.std(-1).min())


@contextmanager
def greatest_hidden() -> Iterator[list[float]]:
    """Collects the greatest absolute value of every module's output; ends with the block."""
    seen = [0.0]

    def look(_module: Any, _inputs: Any, output: Any) -> None:
        first = output[0] if isinstance(output, tuple) else output
        if isinstance(first, torch.Tensor) and first.is_floating_point() and first.numel():
            seen.append(float(first.abs().max()))

    handle = torch.nn.modules.module.register_module_forward_hook(look)
    try:
        yield seen
    finally:
        handle.remove()


def main() -> None:
    """Print a line for every entry."""
    torch.set_num_threads(1)
    transformers_logging.set_verbosity_error()
    for kind, model_type in ENTRIES:
        if (kind, model_type) in NOT_TEXT:
            print(f"{kind:8} {model_type:26} {'':>9} {'':>6} not built: {NOT_TEXT[kind, model_type]}")
            continue
        made = check(kind, model_type)
        state = "; ".join(made.problems) or "ok"
        print(f"{kind:8} {model_type:26} {made.parameters:9,} {made.seconds:6.2f} {state}", flush=True)


if __name__ == "__main__":
    main()
