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
from selfie_tui.engine.prompts.tracking import tracked_token
from selfie_tui.engine.unembed import lens_logits
from selfie_tui.records import EMBED, Cell, Event, LensRead, LensRow, LensToken, ReadLens


def logit_lens(
    model: Model,
    ids: Sequence[int],
    positions: Sequence[int],
    layers: Sequence[int] | None = None,
    k: int = 5,
    prefix: Sequence[int] | None = None,
    track: int | None = None,
) -> tuple[LensRow, ...]:
    """The lens of each layer at some positions: a row a layer, position after position.

    The model's own answer is the top token of the last layer at a position. With a `prefix`, which the decoder of an
    encoder-decoder has written, layers and positions are the decoder's (see `Model.read`).

    Args:
        ids: the prompt's token ids.
        positions: from 0, of tokens that are there.
        layers: `l` is the output of block `l`, `EMBED` the input of block 0; all of them if None.
        track: the id of a token that is looked up in every cell.

    Raises:
        RequestError: for a layer that the model does not have.
    """
    stack = model.anatomy.main if prefix is None else model.anatomy.last
    last = len(stack.blocks) - 1
    rows = list(range(EMBED, last + 1)) if layers is None else list(layers)
    states = model.read(ids, sorted({*rows, last}), positions, prefix=prefix)
    found = []
    for index, position in enumerate(positions):
        stacked = torch.stack([states[layer][index].to(model.device) for layer in [*rows, last]])
        logits = lens_logits(model, stacked, stack.name)  # (layers + 1, vocabulary)
        cells = [Cell(layer, position) for layer in rows]
        found += [
            lens_row(model, cell, row, logits[-1], k, track) for cell, row in zip(cells, logits[:-1], strict=True)
        ]
    return tuple(found)


def lens_row(
    model: Model, cell: Cell, logits: torch.Tensor, last: torch.Tensor, k: int, track: int | None = None
) -> LensRow:
    """The lens at one cell from its logits and those of the `last` layer, both `(vocabulary,)` float32."""
    log_probabilities, own = logits.log_softmax(-1), last.log_softmax(-1)
    probabilities = log_probabilities.exp()
    top = probabilities.topk(min(k, probabilities.shape[-1]))
    known = not bool(logits.isnan().any())
    texts = [token_texts(model.tokenizer, [token])[0] if known else "" for token in top.indices.tolist()]
    return LensRow(
        cell=cell,
        top=tuple(map(LensToken, texts, top.values.tolist(), top.indices.tolist())),
        entropy=float(-torch.where(probabilities == 0, 0.0, probabilities * log_probabilities).sum()),
        answer_rank=rank_of(logits, int(last.argmax())),
        kl=float(torch.where(own.exp() == 0, 0.0, own.exp() * (own - log_probabilities)).sum()),
        tracked=None if track is None else float(probabilities[track]),
        tracked_rank=None if track is None else rank_of(logits, track),
    )


def rank_of(logits: torch.Tensor, token: int) -> int:
    """How many of the logits `(vocabulary,)` are above a token's, those that are NaN included."""
    return int((~(logits <= logits[token])).sum())


def run(model: Model, task: ReadLens, cancelled: Callable[[], bool]) -> Iterator[Event]:
    """Do a `ReadLens` task: a `LensRead` with what was asked for; raises as `logit_lens`."""
    source = source_of(model, task.prompt, task.stack)
    for position in task.positions:
        check_position(source.tokens, position)
    tracked = tracked_token(model.tokenizer, task.track) if task.track else None
    track = tracked.id if tracked else None
    last = len(model.anatomy.stack(task.stack).blocks) - 1
    layers = tuple(range(EMBED, last + 1)) if task.layers is None else task.layers
    rows = logit_lens(model, source.ids, task.positions, [*layers, last], task.k, source.prefix, track)
    width = len(layers) + 1
    yield LensRead(
        prompt=task.prompt,
        positions=task.positions,
        rows=tuple(row for index, row in enumerate(rows, 1) if index % width),
        answers=tuple(row.top[0] for row in rows[width - 1 :: width]),
        stack=task.stack,
        track=task.track,
        tracked=tracked,
    )


RUNS = {ReadLens: run}
