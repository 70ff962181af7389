"""Every model type, end to end: `python -m tests.sweep.sweep` prints a table, of all types or of those that are named.

For each type a small random model is opened and verified; two cells are interpreted and compared with plain PyTorch
hooks, row by row and without a cache; then its weights and hooks are compared with those before.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from transformers import PreTrainedTokenizerFast
from transformers import logging as transformers_logging

from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.engine.model import Model, adopt
from selfie_tui.engine.verify import verify
from selfie_tui.errors import SelfieError
from selfie_tui.records import EMBED, Cell, CellFinished, Interpretation, Preset, Request
from tests.engine.reference import interpreted
from tests.engine.zoo import byte_tokenizer
from tests.sweep.facts import DEAF, NOT_TEXT
from tests.sweep.small import ENTRIES, Kind, inputs, small

ROUNDING = 1e-4
"""Probabilities of a batch with a cache and of single rows without differ by float32 sums in another order."""

HEARD = 1e-5
"""Least change of a probability that is no rounding."""

NEW_TOKENS = 3

UNFIT: dict[tuple[Kind, str], str] = {
    ("causal", "cpmant"): "its prompt tokens see the whole text, so a cell depends on later tokens",
    ("causal", "xlnet"): "it sees later tokens unless it is given the order in which to predict",
    ("causal", "inkling2_text"): "its logits come from the states of several layers, not from the last one's",
    ("causal", "prophetnet"): "its logits come from a stream of predictions beside that of the tokens",
    ("seq2seq", "prophetnet"): "its logits come from a stream of predictions beside that of the tokens",
    ("causal", "reformer"): "its stream is two halves, of which one is read",
    ("masked", "reformer"): "its stream is two halves, of which one is read",
    ("masked", "perceiver"): "its layers work on latent vectors, there is no state for a token",
}
"""Types that open and say themselves that they are not verified, with the reason."""


@dataclass(frozen=True)
class Outcome:
    """What one type showed: the verdict of its checks, what else is wrong, and what was found."""

    kind: Kind
    model_type: str
    seconds: float
    verdict: str = ""
    stacks: str = ""
    problems: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it is verified and nothing is wrong."""
        return self.verdict == "verified" and not self.problems


def try_type(kind: Kind, model_type: str) -> Outcome:
    """Open, verify, interpret, compare."""
    started = time.perf_counter()
    module = small(kind, model_type)
    with torch.no_grad():
        module(**inputs(kind, module))  # BigBird exchanges its attention for a short text, once and for all
    before = state_of(module)
    try:
        model = verify(adopt(module, mask_tokenizer(), model_type))
    except SelfieError as error:
        return Outcome(kind, model_type, time.perf_counter() - started, f"refused: {error}")
    stacks = " + ".join(f"{stack.path} × {len(stack.blocks)}" for stack in model.anatomy.stacks)
    problems = [problem for request in requests(model) for problem in differences(model, request)]
    if not problems and model_type not in DEAF and not hears(model, next(requests(model))):
        problems.append("what is written changes nothing")
    if changed := differing(before, state_of(module)):
        problems.append(f"changed: {changed}")
    return Outcome(kind, model_type, time.perf_counter() - started, model.verdict, stacks, tuple(problems))


def requests(model: Model) -> Iterator[Request]:
    """Two cells of the first stack, written at the embeddings and behind a block; and two of a decoder's own prefix."""
    last = model.layers - 1
    text = "[INST]the message _ _[/INST] is in" if model.kind == "encoder-decoder" else "the message _ _ is in"
    preset = Preset("sweep", text, "_")
    cells = (Cell(EMBED, 2), Cell(last, 3))
    yield Request("the Eiffel Tower is", cells, preset, max_new_tokens=NEW_TOKENS)
    yield Request("the Eiffel Tower is", cells, preset, injection_layer=0, mode="add", max_new_tokens=NEW_TOKENS)
    if model.kind == "encoder-decoder":
        prefix = Preset("sweep", "[INST]the message[/INST] is _ in", "_")
        cells = (Cell(EMBED, 1), Cell(len(model.anatomy.last.blocks) - 1, 2))
        written = "[INST]the Eiffel Tower[/INST] is located in"
        yield Request(written, cells, prefix, stack="decoder", max_new_tokens=NEW_TOKENS)


def differences(model: Model, request: Request) -> Iterator[str]:
    """What differs between the engine's interpretations and those of plain hooks."""
    try:
        found = [event.interpretation for event in interpret(model, request) if isinstance(event, CellFinished)]
        for each in found:
            yield from differences_of(each, interpreted(model, request, each.cell))
    except Exception as error:  # noqa: BLE001 - whatever a type raises is a line of the table
        yield f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


def hears(model: Model, request: Request) -> bool:
    """Whether what is written at the embeddings changes the probability of a generated token."""
    found = [event.interpretation for event in interpret(model, request) if isinstance(event, CellFinished)]
    return any((token.relevancy or 0.0) > HEARD for each in found for token in each.tokens)


def differences_of(found: Interpretation, answer: Any) -> Iterator[str]:
    """What differs in one cell."""
    if [token.id for token in found.tokens] != answer.ids:
        yield f"tokens {[token.id for token in found.tokens]} for {answer.ids}"
        return
    for token, probability, effect in zip(found.tokens, answer.probabilities, answer.effects, strict=True):
        if abs(token.probability - probability) > ROUNDING:
            yield f"probability off by {abs(token.probability - probability):.0e}"
        if token.effect is None or abs(token.effect - effect) > ROUNDING:
            yield f"effect {token.effect} for {effect}"


def state_of(module: Any) -> dict[str, Any]:
    """Weights and buffers, and how many hooks every module has."""
    hooks = {
        f"hooks of {name or 'the model'}": len(part._forward_hooks) + len(part._forward_pre_hooks)
        for name, part in module.named_modules()
    }
    return {**{name: tensor.clone() for name, tensor in module.state_dict().items()}, **hooks}


def differing(before: dict[str, Any], after: dict[str, Any]) -> str:
    """The first thing that is not bitwise as before, empty if all is."""
    if before.keys() != after.keys():
        return str(next(iter(before.keys() ^ after.keys())))
    same = {
        name: torch.equal(one, after[name]) if torch.is_tensor(one) else one == after[name]
        for name, one in before.items()
    }
    return next((name for name, equal in same.items() if not equal), "")


@cache
def mask_tokenizer() -> PreTrainedTokenizerFast:
    """The tests' byte tokenizer with a mask token."""
    backend = byte_tokenizer().backend_tokenizer
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<pad>",
        mask_token="<extra0>",
    )


def main(arguments: Sequence[str]) -> int:
    """Print the table; 1 if a type does not pass that is not known to be unfit, or too few pass."""
    torch.set_num_threads(1)
    transformers_logging.set_verbosity_error()
    started, outcomes = time.perf_counter(), []
    for kind, model_type in ENTRIES:
        if (kind, model_type) in NOT_TEXT or (arguments and model_type not in arguments):
            continue
        outcomes.append(outcome := try_type(kind, model_type))
        text = "; ".join(
            [*([] if outcome.verdict == "verified" else [outcome.verdict]), *dict.fromkeys(outcome.problems)]
        )
        text += f" ({UNFIT[kind, model_type]})" if (kind, model_type) in UNFIT else ""
        print(f"{kind:8} {model_type:24} {outcome.seconds:5.2f} {text or 'passed':8} {outcome.stacks}", flush=True)
    passed = sum(outcome.passed for outcome in outcomes)
    for (kind, model_type), reason in NOT_TEXT.items():
        print(f"{kind:8} {model_type:24}       not built: {reason}")
    print(
        f"{passed} of {len(outcomes)} pass ({passed / max(1, len(outcomes)):.1%}), {len(NOT_TEXT)} of {len(ENTRIES)} "
        f"are not built; {time.perf_counter() - started:.0f} s"
    )
    unexpected = [o for o in outcomes if not o.passed and (o.kind, o.model_type) not in UNFIT]
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
