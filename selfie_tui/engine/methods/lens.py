"""The logit lens: the model's own final norm and head applied to the residual state of every layer.

The state at the output of block `l` is read as if it were that of the last block: `post(head(norm(h)))`, `post` being
the model's own soft-cap or logit scale (nostalgebraist 2020, "interpreting GPT: the logit lens"). The last row is the
model's own prediction of the next token.

When it misleads: norm and head are fitted to the last block's output alone. Early and middle layers may write in other
directions, above all in models other than GPT-2 (Belrose et al. 2023, "the tuned lens", arXiv 2303.08112): their top
tokens can then be noise, or the token that was read, though the answer is already there for later layers to use. The
probabilities and the entropy of such a row are the head's on a state unlike any that it was trained on; they do not
measure how sure the model is.

`KL(last layer || layer)` is the loss that a tuned lens is trained on: what is lost of the model's own distribution
where it is read off earlier. A tuned lens corrects for the first of these faults and has one of its own: its
translators are trained to say what the model will say, so that they may know what the state does not (a bias alone
names frequent tokens). The last layer is read as always.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from selfie_tui.engine.kept_states import read_around
from selfie_tui.engine.lens_numbers import LensNumbers, lens_numbers
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.checks import check_position
from selfie_tui.engine.prompts.placeholders import token_texts
from selfie_tui.engine.prompts.source import source_of
from selfie_tui.engine.prompts.tracking import tracked_token
from selfie_tui.engine.tuned_lens import TunedLens, tuned_lens_of
from selfie_tui.engine.unembed import lens_slices, rows_at_once
from selfie_tui.records import EMBED, Cell, Event, LensRead, LensRow, LensToken, ReadLens


@dataclass(frozen=True)
class LensBlock:
    """The lens at some positions: a row a layer, position after position, and the model's own answer at each."""

    positions: tuple[int, ...]
    rows: tuple[LensRow, ...]
    answers: tuple[LensToken, ...]


def logit_lens(
    model: Model,
    ids: Sequence[int],
    positions: Sequence[int],
    layers: Sequence[int] | None = None,
    k: int = 5,
    prefix: Sequence[int] | None = None,
    track: int | None = None,
    tuned: TunedLens | None = None,
    keep: bool = False,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[LensBlock]:
    """The lens of each layer at some positions, from one forward; a block of positions after another.

    The model's own answer at a position is the top token of the last layer there. With a `prefix`, which the decoder
    of an encoder-decoder has written, layers and positions are the decoder's (see `Model.read`).

    Args:
        ids: the prompt's token ids.
        positions: from 0, of tokens that are there.
        layers: `l` is the output of block `l`, `EMBED` the input of block 0; all of them if None.
        k: how many top tokens a row has.
        track: the id of a token that is looked up in every cell.
        tuned: translates the states of every layer but the last before norm and head are applied.
        keep: keeps the states at and around these positions for the next lens of this prompt (see `read_around`).

    Raises:
        Cancelled: before any block of the model or slice of the vocabulary, once `cancelled` returns true.
        OutOfMemory: where the device has no memory left.
        RequestError: for a layer that the model does not have.
    """
    stack = model.anatomy.main if prefix is None else model.anatomy.last
    last = len(stack.blocks) - 1
    chosen = (*(range(EMBED, last + 1) if layers is None else layers), last)
    for layer in chosen:
        model.check_layer(layer, stack.name)
    if not positions:
        return
    read = read_around if keep else Model.read
    states = read(model, ids, sorted(set(chosen)), positions, cancelled, prefix)
    if tuned is not None:
        states = {layer: tuned.translate(of_layer, layer).to(of_layer) for layer, of_layer in states.items()}
    size = max(1, rows_at_once(model, stack.name) // len(chosen))
    for start in range(0, len(positions), size):
        of_block = [states[layer][start : start + size].to(model.device) for layer in chosen]
        logits = lens_slices(model, torch.stack(of_block, 1).flatten(0, 1), stack.name)
        with model.inference():
            numbers = lens_numbers(logits, len(chosen), k, track, cancelled)
        yield as_block(model.tokenizer, numbers, positions[start : start + size], chosen)


def as_block(tokenizer: Any, numbers: LensNumbers, positions: Sequence[int], layers: Sequence[int]) -> LensBlock:
    """The records of some positions; of the layers, the last one stands for the model's own answer alone.

    Of logits that are not finite the top tokens have no text.
    """

    @cache
    def text(token: int) -> str:
        return token_texts(tokenizer, [token])[0]

    def token(token_id: int, probability: float) -> LensToken:
        return LensToken("" if math.isnan(probability) else text(token_id), probability, token_id)

    tracked = numbers.tracked
    columns = zip(
        [Cell(layer, position) for position in positions for layer in layers],
        numbers.top.tolist(),
        numbers.probabilities.tolist(),
        numbers.entropy.tolist(),
        numbers.answer.ranks.tolist(),
        numbers.kl.tolist(),
        tracked.probabilities.tolist() if tracked else [None] * len(numbers.kl),
        tracked.ranks.tolist() if tracked else [None] * len(numbers.kl),
        strict=True,
    )
    rows = [LensRow(cell, tuple(map(token, top, shares)), *others) for cell, top, shares, *others in columns]
    step = len(layers)
    own = numbers.answer.probabilities[step - 1 :: step].tolist()
    return LensBlock(
        tuple(positions),
        tuple(row for index, row in enumerate(rows, 1) if index % step),
        tuple(map(token, numbers.answers.tolist(), own)),
    )


def run(model: Model, task: ReadLens, cancelled: Callable[[], bool]) -> Iterator[Event]:
    """Do a `ReadLens` task: a `LensRead` for each block of its positions; raises as `logit_lens`."""
    source = source_of(model, task.prompt, task.stack)
    for position in task.positions:
        check_position(source.tokens, position)
    tracked = tracked_token(model.tokenizer, task.track) if task.track else None
    tuned = tuned_lens_of(model, task.tuned) if task.tuned else None
    track = tracked.id if tracked else None
    asked = (source.ids, task.positions, task.layers, task.k, source.prefix, track, tuned)
    blocks = logit_lens(model, *asked, keep=True, cancelled=cancelled)
    for block in blocks:
        yield LensRead(
            prompt=task.prompt,
            positions=block.positions,
            rows=block.rows,
            answers=block.answers,
            stack=task.stack,
            track=task.track,
            tracked=tracked,
            tuned=task.tuned,
        )


RUNS = {ReadLens: run}
