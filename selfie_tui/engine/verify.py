"""Checks at load that hidden states are read and written at the right locations.

Identities of a right implementation, on one short prompt: a cell's own vector put back changes no logit; the logit lens
of the last block's output is the model's logits; the input of a block is the output of the one before; a decoder's
states do not depend on later tokens; a batch of cells decodes as one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

import torch

from selfie_tui.engine import tracing
from selfie_tui.engine.anatomy.calls import ModelFailed, model_code
from selfie_tui.engine.anatomy.places import embeddings_of
from selfie_tui.engine.devices import rounding_tolerance
from selfie_tui.engine.finite import remedy, what_is_not_finite
from selfie_tui.engine.generation.decode import Limits, Row, decode, stepper_for
from selfie_tui.engine.generation.prefill import Prefill, never, prefill_prompt
from selfie_tui.engine.generation.steppers import RecomputeStepper
from selfie_tui.engine.injection import Injection
from selfie_tui.engine.model import Model
from selfie_tui.engine.unembed import lens_logits
from selfie_tui.records import EMBED, VERIFIED

MEANINGS = {
    "a state put back": "writing a state where it was read changes the model's output",
    "logit lens at the last layer": "the model's logits do not come from its last state alone",
    "block input": "a block's input is not the output of the one before it",
    "a state without later tokens": "states depend on later tokens",
    "batched decoding": "a batch does not decode as its rows do one by one",
}
"""What it means that a check fails, by the check's name."""

LENGTH = 6
STEPS = 3


def verify(model: Model) -> Model:
    """Run the identities and write the verdict into `model.verdict`; a model that fails still opens, with a warning."""
    try:
        model.verdict = verdict(model)
    except Exception as error:  # noqa: BLE001 - a family that cannot be verified is opened and says so
        model.verdict = (
            f"not verifiable: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}".strip()
        )
    if model.verdict != VERIFIED:
        model.notices.append(f"{warning(model.verdict)} Its readings may be wrong.")
    return model


def warning(verdict: str) -> str:
    """A verdict other than `verified` as a sentence, with what it means."""
    check = verdict.rpartition(" differs by ")[0]
    if check in MEANINGS:
        return f"Not verified: {verdict} ({MEANINGS[check]})."
    if what_to_do := remedy(verdict):
        return f"Not verified: {verdict}. {what_to_do}"
    return f"{verdict[:1].upper()}{verdict[1:].rstrip('.')}."


def verdict(model: Model) -> str:
    """`verified`, or what is not finite, or the first check that fails and by how much."""
    sample = take_sample(model)
    if problem := what_is_not_finite(model, sample.ids):
        return problem
    checks: dict[str, Callable[[Model, Sample], float]] = {
        "a state put back": put_back,
        "logit lens at the last layer": last_lens,
        "block input": block_to_block,
        "a state without later tokens": earlier_cells,
        "batched decoding": batch_and_single,
    }
    for name, check in checks.items():
        difference = check(model, sample)
        if not difference <= tolerance_of(model):
            return f"{name} differs by {difference:.0e}"
    return VERIFIED


def tolerance_of(model: Model) -> float:
    """Largest difference, relative to the largest logit, that rounding explains."""
    return rounding_tolerance(model.dtype)


@dataclass(frozen=True)
class Sample:
    """A short prompt of ordinary ids: its logits `(positions, vocabulary)`, and some states of each stack by layer.

    `prefix` is what the decoder of an encoder-decoder has written, `plain` the same text as what decoding begins with.
    The states are those of a stack's second and of its last token.
    """

    ids: list[int]
    prefix: list[int] | None
    plain: Prefill
    logits: torch.Tensor
    states: dict[str, dict[int, torch.Tensor]]

    @property
    def scale(self) -> float:
        """The largest logit, to which differences are relative."""
        return float(self.logits.abs().max().clamp_min(1e-6))

    @property
    def prefixes(self) -> list[list[int]] | None:
        """The prefix as a batch of one row."""
        return None if self.prefix is None else [self.prefix]

    def length(self, stack: str) -> int:
        """Tokens that run through a stack."""
        return len(self.prefix) if stack == "decoder" and self.prefix else len(self.ids)

    def prefix_for(self, stack: str) -> list[int] | None:
        """The prefix where the stack is the decoder of an encoder-decoder."""
        return self.prefix if stack == "decoder" else None


def take_sample(model: Model) -> Sample:
    """One plain forward, and the states that the identities need; settles whether the model's cache is used."""
    ids = sample_ids(model)
    prefix = [*model.feed.start, *ids[:2]] if model.kind == "encoder-decoder" else None
    plain = settled(model, ids, prefix or ())
    with model.inference():
        output = model.module(**model.inputs([ids], None if prefix is None else [prefix], use_cache=False))
    sample = Sample(ids, prefix, plain, model.anatomy.logits_in(output)[0].float(), {})
    for stack in model.anatomy.stacks:
        last = len(stack.blocks) - 1
        layers = sorted({EMBED, len(stack.blocks) // 2, last})
        positions = [1, sample.length(stack.name) - 1]
        sample.states[stack.name] = model.read(ids, layers, positions, prefix=sample.prefix_for(stack.name))
    return sample


def sample_ids(model: Model) -> list[int]:
    """A short prompt of ordinary ids, spread over the vocabulary and the same at every load."""
    size = min(model.anatomy.vocabulary, int(embeddings_of(model.module).weight.shape[0]))
    special = set(getattr(model.tokenizer, "all_special_ids", ()))
    ids = [(7919 * (index + 1)) % size for index in range(4 * LENGTH)]
    return [token for token in ids if token not in special][:LENGTH]


def put_back(model: Model, sample: Sample) -> float:
    """Identity 1: largest change of a logit when vectors are written where they were read, in every stack."""
    return max(
        difference(injected_logits(model, sample, stack, layer, state[:1], 1), sample.logits) / sample.scale
        for stack, states in sample.states.items()
        for layer, state in states.items()
    )


def injected_logits(
    model: Model, sample: Sample, stack: str, layer: int, vector: torch.Tensor, position: int
) -> torch.Tensor:
    """Logits `(positions, vocabulary)` of the sample with a vector written in, without any shortcut."""
    inputs = model.inputs([sample.ids], sample.prefixes, use_cache=False)
    into_prefix = sample.prefix_for(stack) is not None
    injection = Injection(
        vector, () if into_prefix else (position,), layer, prefix_positions=(position,) if into_prefix else ()
    )
    with model.inference():
        output = tracing.run_injected(model.traced, inputs, injection)
    return model.anatomy.logits_in(output)[0].float()


def last_lens(model: Model, sample: Sample) -> float:
    """Identity 4: the model's own norm and head on the last block's output against the model's logits."""
    stack = model.anatomy.last
    logits = lens_logits(model, sample.states[stack.name][len(stack.blocks) - 1][-1:], stack.name)
    return difference(logits[0], sample.logits[-1]) / sample.scale


def block_to_block(model: Model, sample: Sample) -> float:
    """Identity 7: the input of each block against the output of the one before, relative to the largest state."""
    inputs = model.inputs([sample.ids], sample.prefixes, use_cache=False)
    worst = 0.0
    for stack in model.anatomy.stacks:
        with model.inference():
            ends = tracing.read_block_ends(model.traced, stack.name, inputs)
        for before, after in pairwise(ends):
            scale = float(before[1].abs().max().clamp_min(1e-6))
            worst = max(worst, difference(after[0], before[1]) / scale)
    return worst


def earlier_cells(model: Model, sample: Sample) -> float:
    """Identity 8: change of an earlier state when the last token is another one, relative to the largest number in it.

    An encoder sees all tokens.
    """
    if model.kind != "decoder":
        return 0.0
    states = sample.states[model.anatomy.main.name]
    changed = model.read([*sample.ids[:-1], sample.ids[0]], list(states), [1])
    return max(
        difference(changed[layer], state[:1]) / float(state[:1].abs().max().clamp_min(1e-6))
        for layer, state in states.items()
    )


def batch_and_single(model: Model, sample: Sample) -> float:
    """Identity 10: probabilities of tokens decoded in a batch against one by one, infinite where a token differs.

    Outside float32 on a CPU only the first token's probabilities are compared, as sums are rounded in another order.
    """
    states = sample.states[model.anatomy.main.name]
    vectors = torch.cat([states[EMBED][:1], states[model.layers - 1][-1:].to(states[EMBED].device)])
    exact = model.device.type == "cpu" and model.dtype in (torch.float32, torch.float64)

    def run(vectors: torch.Tensor) -> list[Row]:
        injection = Injection(vectors, (LENGTH // 2,), EMBED)
        *_, (rows, _) = decode(model, sample.plain, injection, 0, Limits(STEPS if exact else 1))
        return rows

    pairs = list(zip(run(vectors), [run(vector.unsqueeze(0))[0] for vector in vectors], strict=True))
    if exact and any(together.ids != alone.ids for together, alone in pairs):
        return float("inf")
    return max(
        (
            abs(p - q)
            for together, alone in pairs
            for p, q in zip(together.probabilities, alone.probabilities, strict=False)
        ),
        default=0.0,
    )


def settled(model: Model, ids: list[int], prefix: Sequence[int]) -> Prefill:
    """The sample as decoding begins with it, once it is known whether the model's cache can be gone on with.

    A cache of keys and values alone needs no check of its own. An encoder fills in the sample's last tokens.
    """
    if model.kind == "encoder":
        return prefill_prompt(model, ids, masks=(LENGTH - 2, LENGTH - 1))
    if model.cached:
        # a family whose forward fails when it goes on with a cache is run without one
        with suppress(ModelFailed), model_code():
            plain = prefill_prompt(model, ids, prefix=prefix)
            if plain.expandable or cached_and_recomputed(model, plain) <= tolerance_of(model):
                return plain
        model.cached = False
    return prefill_prompt(model, ids, prefix=prefix)


def cached_and_recomputed(model: Model, plain: Prefill) -> float:
    """Identity 11: logits of tokens fed onto a cache, one by one and for fewer rows in the end, against those of the
    text recomputed, relative to the largest.
    """
    nothing = Injection(torch.zeros(0, model.hidden), (0,), EMBED)
    stepped = stepper_for(model, plain, nothing, 2, never)
    recomputed = RecomputeStepper(model, plain, nothing, 2, never)
    stepped.first()
    recomputed.first()
    tokens, worst = [plain.ids[0], plain.ids[1]], 0.0
    for step in range(STEPS):
        if step == STEPS - 1 and stepped.keep_rows([1]):
            recomputed.keep_rows([1])
            tokens = tokens[1:]
        expected = recomputed.next(tokens).whole()
        scale = float(expected.abs().max().clamp_min(1e-6))
        worst = max(worst, difference(stepped.next(tokens).whole(), expected) / scale)
    return worst


def difference(one: torch.Tensor, other: torch.Tensor) -> float:
    """Largest absolute difference of two tensors of one shape `(...)`."""
    return float((one.float() - other.to(one.device).float()).abs().max())
