"""What stands beside a text for comparison: the logit lens at the cell, and what the bare embedding of its token says.

A text is worth the words in which it says more than these two. The top token of the lens is what the model's own norm
and head make of the state in no time at all; the bare embedding is the same token's state at `embed`, before the model
has computed anything, decoded with the same settings. A model that knows that the Eiffel Tower is in Paris may say so
of the bare embedding already: then the same words at a later layer show nothing of what that layer computed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from selfie_tui.engine.cell_states import CellStates
from selfie_tui.engine.head_slices import SlicedLogits
from selfie_tui.engine.injection import bits_of
from selfie_tui.engine.logit_reductions import Best, LogSumExp, sweep
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.placeholders import token_texts
from selfie_tui.engine.unembed import logits_through_the_model
from selfie_tui.records import EMBED, Cell, LensToken


@dataclass(frozen=True)
class BareEmbeddings:
    """The embeddings that are decoded besides the cells of a request, and where each cell's is decoded.

    `vectors` is `(embeddings, hidden)`: each is that of the cell `firsts` and of others with the same. They are the
    items that follow the cells of a run, and `item_of` is the item whose text is what a cell's bare embedding says: one
    of these, or a cell at `embed` of the request itself. It is empty where nothing is known of embeddings.
    """

    vectors: torch.Tensor
    firsts: tuple[int, ...] = ()
    item_of: tuple[int, ...] = ()


def bare_embeddings(cells: Sequence[Cell], states: CellStates) -> BareEmbeddings:
    """Where the embedding of each cell's token is decoded: once for all cells with the same."""
    if states.embeddings is None:
        return BareEmbeddings(states.vectors[:0])
    bits = bits_of(states.embeddings)
    keys = [bits[index] for index in states.embedding_of]
    items = {keys[index]: index for index in reversed(range(len(cells))) if cells[index].layer == EMBED}
    firsts: list[int] = []
    for index, key in enumerate(keys):
        if key not in items:
            items[key] = len(cells) + len(firsts)
            firsts.append(index)
    vectors = states.embeddings[[states.embedding_of[index] for index in firsts]]
    return BareEmbeddings(vectors, tuple(firsts), tuple(items[key] for key in keys))


def lens_tokens(model: Model, states: torch.Tensor, stack: str = "") -> list[LensToken]:
    """The top token of the logit lens at each of the states `(rows, hidden)`, with its probability.

    Where logits are NaN, so is the probability, and the token has no text. The logits are never there as a whole (see
    `head_slices`), unless the model's unembedding is not known.

    Raises:
        OutOfMemory: if the device has no memory for a slice of them.
    """
    unembedding = model.unembedding(stack)
    if unembedding is None:
        best, total = sweep(SlicedLogits(logits_through_the_model(model, states)), Best(), LogSumExp())
    else:
        with model.inference():
            inputs = unembedding.head_inputs(states.unsqueeze(0))[0]
            best, total = sweep(SlicedLogits(inputs, unembedding), Best(), LogSumExp())
    probabilities = total.probabilities(best.values).tolist()
    ids = best.indices.tolist()
    return [
        LensToken(token_texts(model.tokenizer, [token])[0] if not math.isnan(probability) else "", probability, token)
        for token, probability in zip(ids, probabilities, strict=True)
    ]
