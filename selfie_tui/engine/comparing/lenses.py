"""The lens of two models at the same cells: the tokens of each, and how far apart what they read is.

Each state goes through its own model's norm and head. Of models with one vocabulary the whole distributions are
compared, by KL(one || other) and by the Jensen-Shannon divergence (see `jensen_shannon`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch

from selfie_tui.engine.comparing.logits import PairedLogits
from selfie_tui.engine.comparing.pairing import PairedPrompt
from selfie_tui.engine.head_slices import SlicedLogits
from selfie_tui.engine.jensen_shannon import JensenShannon
from selfie_tui.engine.logit_reductions import Distribution, Divergence, Stop, Top, sweep
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.source import Source
from selfie_tui.engine.prompts.tokens import token_texts
from selfie_tui.engine.unembed import lens_slices, rows_at_once
from selfie_tui.records import Cell, CellPair, ComparedCell, LensToken

Cancelled = Callable[[], bool]
LayerPairs = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Lenses:
    """The lens of cells: `k` tokens of each, their probabilities and the entropy in nats, `(cells, k)` and `(cells,)`.

    `bits` and `kl` are `(cells,)`, None of lenses that are not compared.
    """

    top: torch.Tensor
    probabilities: torch.Tensor
    entropy: torch.Tensor
    bits: torch.Tensor | None = None
    kl: torch.Tensor | None = None

    def tokens(self, model: Model) -> list[tuple[LensToken, ...]]:
        """The tokens of each cell; those of logits that are not finite have no text."""
        found = []
        for ids, shares in zip(self.top.tolist(), self.probabilities.tolist(), strict=True):
            texts = token_texts(model.tokenizer, ids)
            rows = zip(texts, shares, ids, strict=True)
            found.append(tuple(LensToken(text if share == share else "", share, id) for text, share, id in rows))
        return found


def lenses_of(
    model: Model,
    other: Model,
    states: tuple[torch.Tensor, torch.Tensor],
    vocabulary: int,
    k: int,
    stack: str,
    cancelled: Cancelled,
) -> tuple[Lenses, Lenses]:
    """The lens of both models at states `(cells, width)` and `(cells, other's width)`; raises as `compare_lenses`."""
    logits = [lens_slices(each, own.to(each.device), stack) for each, own in zip((model, other), states, strict=True)]
    with running(model, other):
        if vocabulary:
            return compared(PairedLogits(logits[0], logits[1], vocabulary), k, cancelled)
        return alone(logits[0], k, cancelled), alone(logits[1], k, cancelled)


@contextmanager
def running(*models: Model) -> Iterator[None]:
    """While open, this thread alone runs the models (see `Model.inference`)."""
    with ExitStack() as stack:
        for model in models:
            stack.enter_context(model.inference())
        yield


def compared(logits: PairedLogits, k: int, cancelled: Cancelled) -> tuple[Lenses, Lenses]:
    """The lens of both models, the one's with the divergences; raises Cancelled between two slices."""
    top, divergence, _ = sweep(logits, Top(k), Divergence(2), Stop(cancelled))
    distribution = divergence.distribution
    apart, _ = sweep(logits, JensenShannon(distribution.values), Stop(cancelled))
    shares, entropy = distribution.probabilities(top.values), distribution.entropy
    beside = Lenses(top.indices[::2], shares[::2], entropy[::2])
    return Lenses(top.indices[1::2], shares[1::2], entropy[1::2], apart.values, divergence.values[::2]), beside


def alone(logits: SlicedLogits, k: int, cancelled: Cancelled) -> Lenses:
    """The lens of one model; raises Cancelled between two slices."""
    top, distribution, _ = sweep(logits, Top(k), Distribution(), Stop(cancelled))
    return Lenses(top.indices, distribution.probabilities(top.values), distribution.entropy)


def compare_lenses(
    model: Model,
    other: Model,
    prompt: PairedPrompt,
    positions: Sequence[tuple[int, int]],
    layers: LayerPairs,
    vocabulary: int,
    k: int,
    stack: str = "",
    cancelled: Cancelled = lambda: False,
) -> Iterator[tuple[tuple[ComparedCell, ...], tuple[ComparedCell, ...]]]:
    """The cells of some positions, position after position, and the two last layers' at each; block after block.

    Args:
        positions: pairs of positions, in the one model and in the other.
        vocabulary: how many tokens both have (see `shared_vocabulary`); 0 leaves the divergences out.

    Raises:
        Cancelled: before any block of a model or slice of the vocabulary, once `cancelled` returns true.
        OutOfMemory: where a device has no memory left.
    """
    last = tuple(len(each.anatomy.stack(stack).blocks) - 1 for each in (model, other))
    pairs = (*layers, (last[0], last[1]))
    states = [
        states_of(each, source, [pair[side] for pair in pairs], [pair[side] for pair in positions], cancelled)
        for side, (each, source) in enumerate(((model, prompt.here), (other, prompt.there)))
    ]
    size = max(1, min(rows_at_once(each, stack) for each in (model, other)) // (2 * len(pairs)))
    for start in range(0, len(positions), size):
        block = positions[start : start + size]
        own, beside = (each[start : start + size].flatten(0, 1) for each in states)  # (cells, width)
        found = lenses_of(model, other, (own, beside), vocabulary, k, stack, cancelled)
        cells = as_cells(model, other, found, [at(pair, position) for position in block for pair in pairs])
        step = len(pairs)
        yield tuple(cell for index, cell in enumerate(cells, 1) if index % step), tuple(cells[step - 1 :: step])


def states_of(
    model: Model, source: Source, layers: Sequence[int], positions: Sequence[int], cancelled: Cancelled
) -> torch.Tensor:
    """The states `(positions, layers, width)` of a prompt, from one forward."""
    ids, prefix = source.ids, source.prefix
    states = model.read(ids, sorted(set(layers)), positions, cancelled, prefix)
    return torch.stack([states[layer] for layer in layers], 1)


def at(layers: tuple[int, int], positions: tuple[int, int]) -> CellPair:
    """The pair of cells at a pair of layers and one of positions."""
    return CellPair(Cell(layers[0], positions[0]), Cell(layers[1], positions[1]))


def as_cells(
    model: Model, other: Model, lenses: tuple[Lenses, Lenses], pairs: Sequence[CellPair]
) -> list[ComparedCell]:
    """The records of compared lenses."""
    own, beside = lenses
    unknown = [None] * len(pairs)
    columns = zip(
        pairs,
        own.tokens(model),
        beside.tokens(other),
        own.entropy.tolist(),
        beside.entropy.tolist(),
        unknown if own.bits is None else own.bits.tolist(),
        unknown if own.kl is None else own.kl.tolist(),
        strict=True,
    )
    return [ComparedCell(*column) for column in columns]
