"""The logit lens: the model's own final norm and head applied to the residual state of every layer.

The state at the output of block `l` is read as if it were that of the last block: `post(head(norm(h)))`, `post` being
the model's own soft-cap or logit scale (nostalgebraist 2020, "interpreting GPT: the logit lens"). The last row is the
model's own prediction of the next token.

When it misleads: norm and head are fitted to the last block's output alone. Early and middle layers may write in other
directions, above all in models other than GPT-2 (Belrose et al. 2023, "the tuned lens", arXiv 2303.08112): their top
tokens can then be noise, or the token that was read, though the answer is already there for later layers to use. The
probabilities and the entropy of such a row are the head's on a state unlike any that it was trained on; they do not
measure how sure the model is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch

from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.checks import check_position
from selfie_tui.engine.prompts.placeholders import token_texts
from selfie_tui.engine.prompts.source import source_of
from selfie_tui.engine.unembed import lens_logits
from selfie_tui.records import EMBED, Cell, Event, LensRead, LensRow, LensToken, ReadLens


def logit_lens(
    model: Model,
    ids: Sequence[int],
    position: int,
    layers: Sequence[int] | None = None,
    k: int = 5,
    prefix: Sequence[int] | None = None,
) -> tuple[LensRow, ...]:
    """The lens of each layer at one position: top `k` tokens with probabilities, entropy, rank of the model's answer.

    The model's answer is the top token of the last layer at that position. With a `prefix`, which the decoder of an
    encoder-decoder has written, layers and position are the decoder's (see `Model.read`).

    Args:
        ids: the prompt's token ids.
        position: from 0, of a token that is there.
        layers: `l` is the output of block `l`, `EMBED` the input of block 0; all of them if None.

    Raises:
        RequestError: for a layer that the model does not have.
    """
    stack = model.anatomy.main if prefix is None else model.anatomy.last
    last = len(stack.blocks) - 1
    rows = list(range(EMBED, last + 1)) if layers is None else list(layers)
    states = model.read(ids, sorted({*rows, last}), [position], prefix=prefix)
    stacked = torch.cat([states[layer].to(model.device) for layer in [*rows, last]])  # (layers + 1, hidden)
    logits = lens_logits(model, stacked, stack.name)  # (layers + 1, vocabulary)
    answer = int(logits[-1].argmax())
    return tuple(
        lens_row(model, Cell(layer, position), row, answer, k) for layer, row in zip(rows, logits[:-1], strict=True)
    )


def lens_row(model: Model, cell: Cell, logits: torch.Tensor, answer: int, k: int) -> LensRow:
    """The lens at one cell from its logits `(vocabulary,)` float32; entropy in nats, the rank of `answer` from 0.

    Of logits that hold NaN, probabilities and entropy are NaN, the top tokens have no text, and the answer ranks last.
    """
    log_probabilities = logits.log_softmax(-1)
    probabilities = log_probabilities.exp()
    top = probabilities.topk(min(k, probabilities.shape[-1]))
    known = not bool(logits.isnan().any())
    texts = [token_texts(model.tokenizer, [token])[0] if known else "" for token in top.indices.tolist()]
    return LensRow(
        cell=cell,
        top=tuple(LensToken(text, probability) for text, probability in zip(texts, top.values.tolist(), strict=True)),
        entropy=float(-torch.where(probabilities == 0, 0.0, probabilities * log_probabilities).sum()),
        answer_rank=int((~(logits <= logits[answer])).sum()),
    )


def run(model: Model, task: ReadLens, cancelled: Callable[[], bool]) -> Iterator[Event]:
    """Do a `ReadLens` task: one `LensRead`; raises as `logit_lens`."""
    source = source_of(model, task.prompt, task.stack)
    check_position(source.tokens, task.position)
    rows = logit_lens(model, source.ids, task.position, k=task.k, prefix=source.prefix)
    yield LensRead(prompt=task.prompt, position=task.position, rows=rows, stack=task.stack)


RUNS = {ReadLens: run}
