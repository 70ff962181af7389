"""The logit lens: what each layer's residual state says when the model's own norm and head read it."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts import token_texts
from selfie_tui.records import EMBED, Cell, LensRow, LensToken


def lens_logits(model: Model, states: torch.Tensor) -> torch.Tensor:
    """Logits `(rows, vocabulary)` float32 of residual states `(rows, hidden)`: `post(head(norm(h)))`.

    `post` is the model's own soft-cap or scale, so that at the last block this is what the model itself says.
    """
    with model.forwards():
        return model.anatomy.logits(states.unsqueeze(0))[0]


def logit_lens(
    model: Model, ids: Sequence[int], position: int, layers: Sequence[int] | None = None, k: int = 5
) -> tuple[LensRow, ...]:
    """The `k` top tokens, entropy and the rank of the model's own answer, by layer, at one position.

    The model's own answer is its most probable next token there.
    """
    wanted = list(range(EMBED, model.layers)) if layers is None else list(layers)
    states = model.read(ids, sorted({*wanted, model.layers - 1}), [position])
    logits = lens_logits(model, torch.cat([states[layer] for layer in [*wanted, model.layers - 1]]))
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
