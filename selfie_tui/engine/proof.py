"""The identities that are run when a model is loaded: what is read and written really is where it is said to be.

Four identities of a right implementation, on one short prompt: a cell's own vector put back changes no logit (1); the
lens of the last block's output is the model's logits (4); the input of a block is the output of the one before (7); a
batch of cells decodes as one by one (10).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch

from selfie_tui.engine import tracing
from selfie_tui.engine.decoding import Limits, Prefilled, decode, prefill_plain
from selfie_tui.engine.injection import Injection
from selfie_tui.engine.model import Model
from selfie_tui.records import EMBED

TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4, torch.float16: 3e-2, torch.bfloat16: 1e-1}
"""Largest difference, relative to the largest logit, that rounding explains."""

States = dict[int, torch.Tensor]
"""Residual states of the sample prompt by layer, at its second and its last token."""

LENGTH = 6
STEPS = 3


def prove(model: Model) -> Model:
    """Run the identities and write the verdict into `model.proof`; a model that fails still opens, with a warning."""
    try:
        model.proof = verdict(model)
    except Exception as error:  # noqa: BLE001 - a family that cannot be proven is opened and says so
        model.proof = (
            f"not provable: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}".strip()
        )
    if model.proof != "proven":
        model.notices.append(f"The hooks are {model.proof}. Readings of this model may be wrong.")
    return model


def verdict(model: Model) -> str:
    """`proven`, or the first identity that fails and by how much."""
    plain = prefill_plain(model, sample_ids(model))
    layers = [EMBED, model.layers // 2, model.layers - 1]
    states = model.read(plain.ids, layers, [1, len(plain.ids) - 1])
    scale = float(plain.logits.abs().max().clamp_min(1e-6))
    tolerance = TOLERANCE.get(model.dtype, 1e-1)
    checks: list[tuple[int, Callable[[Model, Prefilled, States], float]]] = [
        (1, put_back),
        (4, last_lens),
        (7, block_to_block),
        (10, batch_and_single),
    ]
    for number, check in checks:
        difference = check(model, plain, states) / scale
        if not difference <= tolerance:
            return f"differs by {difference:.0e} at identity {number}"
    return "proven"


def sample_ids(model: Model) -> list[int]:
    """A short prompt of ordinary ids, spread over the vocabulary and the same at every load."""
    size = int(model.module.config.get_text_config().vocab_size)
    special = set(getattr(model.tokenizer, "all_special_ids", ()))
    ids = [(7919 * (place + 1)) % size for place in range(4 * LENGTH)]
    return [token for token in ids if token not in special][:LENGTH]


def injected_logits(model: Model, ids: tuple[int, ...], injection: Injection) -> torch.Tensor:
    """Last logits `(rows, vocabulary)` of a prompt with vectors written in, without any shortcut."""
    inputs = model.inputs([list(ids)] * injection.vectors.shape[0])
    with model.forwards():
        output = tracing.run_injected(model.traced, model.blocks, inputs, injection)
    logits: torch.Tensor = output.logits[:, -1].float()
    return logits


def put_back(model: Model, plain: Prefilled, states: States) -> float:
    """Identity 1: largest change of a logit when vectors are written where they were read."""
    return max(
        difference(injected_logits(model, plain.ids, Injection(state[:1], (1,), layer)), plain.logits)
        for layer, state in states.items()
    )


def last_lens(model: Model, plain: Prefilled, states: States) -> float:
    """Identity 4: the model's own norm and head on the last block's output against the model's logits."""
    with model.forwards():
        logits = model.anatomy.logits(states[model.layers - 1][None, -1:])[0]
    return difference(logits, plain.logits)


def block_to_block(model: Model, plain: Prefilled, states: States) -> float:
    """Identity 7: the input of each block against the output of the one before."""
    inputs: dict[str, Any] = model.inputs([list(plain.ids)]) | {"use_cache": False}
    with model.forwards():
        ends = tracing.read_block_ends(model.traced, model.blocks, inputs)
    return max((difference(after[0], before[1]) for before, after in pairwise(ends)), default=0.0)


def batch_and_single(model: Model, plain: Prefilled, states: States) -> float:
    """Identity 10: probabilities of tokens decoded in a batch against one by one, infinite where a token differs.

    Outside float32 on a CPU only the first token's probabilities are compared, as sums are rounded in another order.
    """
    vectors = torch.cat([states[EMBED][:1], states[model.layers - 1][-1:].to(states[EMBED].device)])
    exact = model.device.type == "cpu" and model.dtype in (torch.float32, torch.float64)
    limits = Limits(STEPS if exact else 1)

    def run(vectors: torch.Tensor) -> list[tuple[list[int], list[float]]]:
        *_, (rows, _) = decode(model, plain, Injection(vectors, (LENGTH // 2,), EMBED), 0, limits)
        return [(row.ids, row.probabilities) for row in rows]

    pairs = list(zip(run(vectors), [run(vector.unsqueeze(0))[0] for vector in vectors], strict=True))
    if exact and any(together[0] != alone[0] for together, alone in pairs):
        return float("inf")
    return max((abs(p - q) for one, other in pairs for p, q in zip(one[1], other[1], strict=False)), default=0.0)


def difference(one: torch.Tensor, other: torch.Tensor) -> float:
    """Largest absolute difference of two tensors."""
    return float((one.float() - other.to(one.device).float()).abs().max())
