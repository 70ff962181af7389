"""The logit lens: what each layer's residual state says when the model's own norm and head read it."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from selfie_tui.engine import tracing
from selfie_tui.engine.injection import Injection
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts import token_texts
from selfie_tui.records import EMBED, Cell, LensRow, LensToken


def lens_logits(model: Model, states: torch.Tensor, stack: str = "") -> torch.Tensor:
    """Logits `(rows, vocabulary)` float32 of residual states `(rows, hidden)`: `post(head(norm(h)))`.

    `post` is the model's own soft-cap or scale, so that at the last block this is what the model itself says. An
    encoder-decoder's encoder has its own norm and is read with the decoder's head.
    """
    tail = model.anatomy.tail(stack)
    if tail is None:
        return logits_through_the_model(model, states)
    with model.forwards():
        return tail.logits(states.unsqueeze(0))[0]


def logits_through_the_model(model: Model, states: torch.Tensor) -> torch.Tensor:
    """Logits of states by writing them over the last block's output of one-token prompts.

    It is the logit lens of any model, as what comes after the last block looks at one position only.
    """
    last = len(model.anatomy.last.sites) - 1
    prefixes = [[model.feed.start[0]]] * len(states) if model.feed.start else None
    inputs = model.inputs([[0]] * len(states), prefixes, use_cache=False)
    place = Injection(states, () if prefixes else (0,), last, prefix_positions=(0,) if prefixes else ())
    with model.forwards():
        return model.anatomy.logits_in(tracing.run_injected(model.traced, inputs, place))[:, 0].float()


def logit_lens(
    model: Model,
    ids: Sequence[int],
    position: int,
    layers: Sequence[int] | None = None,
    k: int = 5,
    prefix: Sequence[int] | None = None,
) -> tuple[LensRow, ...]:
    """The `k` top tokens, entropy and the rank of the model's own answer, by layer, at one position.

    The model's own answer is what the lens of the last layer says there. With a `prefix` (see `Model.read`) the layers
    and the position are the decoder's.
    """
    stack = model.anatomy.main if prefix is None else model.anatomy.last
    wanted = list(range(EMBED, len(stack.sites))) if layers is None else list(layers)
    last = len(stack.sites) - 1
    states = model.read(ids, sorted({*wanted, last}), [position], prefix=prefix)
    logits = lens_logits(model, torch.cat([states[layer].to(model.device) for layer in [*wanted, last]]), stack.name)
    answer = int(logits[-1].argmax())
    return tuple(
        lens_row(model, Cell(layer, position), row, answer, k) for layer, row in zip(wanted, logits[:-1], strict=True)
    )


def lens_row(model: Model, cell: Cell, logits: torch.Tensor, answer: int, k: int) -> LensRow:
    """One cell's lens from its logits `(vocabulary,)`."""
    log_probabilities = logits.log_softmax(-1)
    probabilities = log_probabilities.exp()
    top = probabilities.topk(min(k, probabilities.shape[-1]))
    return LensRow(
        cell=cell,
        top=tuple(
            LensToken(text, probability)
            for text, probability in zip(
                (token_texts(model.tokenizer, [token])[0] for token in top.indices.tolist()),
                top.values.tolist(),
                strict=True,
            )
        ),
        entropy=float(-(probabilities * log_probabilities).nan_to_num().sum()),
        answer_rank=int((logits > logits[answer]).sum()),
    )
