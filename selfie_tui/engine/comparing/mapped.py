"""States of one model read by another: maps fitted on texts, the other's lens of what is mapped, and its words.

Only tokens that both models split alike count, without special ones and without the first of a text, whose state is
often an attention sink that has nothing to do with the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from msgspec.structs import replace

from selfie_tui.engine.cell_states import CellStates
from selfie_tui.engine.comparing.lenses import Cancelled, Lenses
from selfie_tui.engine.comparing.pairing import PairedPrompt, pair_prompt
from selfie_tui.engine.comparing.space_map import Fitted, check_count, fit
from selfie_tui.engine.jensen_shannon import JensenShannon
from selfie_tui.engine.logit_reductions import Distribution, Stop, Top, sweep
from selfie_tui.engine.model import Model
from selfie_tui.engine.unembed import lens_slices
from selfie_tui.records import CellPair, MappedCell, Request, SpaceMap, Token

MOST_BYTES = 512 * 2**20
"""Bytes of states of the texts that are held at a time."""

Read = Callable[[Model, Sequence[Sequence[int]], Sequence[int], Sequence[Sequence[int]]], list[dict[int, torch.Tensor]]]
"""Reads the states of prompts at layers and at positions of each, as `methods.activations.read_prompts` does."""


@dataclass(frozen=True)
class PairedTexts:
    """Texts in two models, each with the positions that stand beside each other."""

    prompts: tuple[PairedPrompt, ...]
    positions: tuple[tuple[tuple[int, int], ...], ...]

    @property
    def count(self) -> int:
        """Number of pairs of states."""
        return sum(map(len, self.positions))

    def read(self, models: tuple[Model, Model], layers: tuple[Sequence[int], Sequence[int]], read: Read) -> States:
        """The states of both models at layers of each."""
        found = []
        for side, model in enumerate(models):
            ids = [(prompt.here, prompt.there)[side].ids for prompt in self.prompts]
            positions = [[pair[side] for pair in pairs] for pairs in self.positions]
            found.append(read(model, ids, sorted(set(layers[side])), positions))
        return found[0], found[1]


States = tuple[list[dict[int, torch.Tensor]], list[dict[int, torch.Tensor]]]
"""Of each model the states of every text by layer, each `(pairs, width)`."""


def pair_texts(model: Model, other: Model, texts: Sequence[str]) -> PairedTexts:
    """Texts as both models read them, those without a pair left out.

    Raises:
        PromptError: for a text that is too long.
        RequestError: for fewer texts than a map is fitted on.
    """
    prompts, positions = [], []
    for text in texts:
        paired = pair_prompt(model, other, text)
        ordinary = [token.position for token in paired.here.tokens if not token.special and token.position > 0]
        pairs = tuple((each, paired.partner[each]) for each in ordinary if each in paired.partner)
        if pairs:
            prompts.append(paired)
            positions.append(pairs)
    check_count(len(prompts))
    return PairedTexts(tuple(prompts), tuple(positions))


def fit_maps(
    model: Model, other: Model, texts: PairedTexts, layers: Sequence[tuple[int, int]], read: Read
) -> Iterator[tuple[tuple[int, int], Fitted]]:
    """The map of each pair of layers, in order; as many layers are read at a time as `MOST_BYTES` have room for.

    Raises:
        RequestError: for states that are not finite.
    """
    bytes_a_layer = max(1, texts.count) * 4 * (model.hidden + other.hidden)
    size = max(1, MOST_BYTES // bytes_a_layer)
    for start in range(0, len(layers), size):
        some = layers[start : start + size]
        own, beside = texts.read((model, other), ([one for one, _ in some], [two for _, two in some]), read)
        for one, two in some:
            yield (one, two), fit([each[one] for each in own], [each[two] for each in beside])


def as_record(layers: tuple[int, int], found: Fitted) -> SpaceMap:
    """What a map is worth, as a record."""
    own, control = found.quality, found.shuffled_quality
    return SpaceMap(
        layer=layers[0],
        other_layer=layers[1],
        fitted=found.fitted,
        held_out=found.held_out,
        ridge=found.map.ridge,
        explained=own.explained,
        cosine=own.cosine,
        matched=own.matched,
        shuffled_explained=control.explained,
        shuffled_cosine=control.cosine,
        shuffled_matched=control.matched,
    )


@dataclass(frozen=True)
class MappedStates:
    """States of cells of one layer in the other model's space: `mapped`, `shuffled` and its `own`, `(cells, width)`."""

    pairs: tuple[CellPair, ...]
    mapped: torch.Tensor
    shuffled: torch.Tensor
    own: torch.Tensor


def map_states(
    other: Model, found: Fitted, pairs: Sequence[CellPair], states: torch.Tensor, own: torch.Tensor
) -> MappedStates:
    """States `(cells, width)` mapped into the other model, beside its own there, `(cells, other's width)`."""
    mapped, shuffled = (each.apply(states).to(other.device, other.stream_dtype) for each in (found.map, found.shuffled))
    return MappedStates(tuple(pairs), mapped, shuffled, own.to(other.device, other.stream_dtype))


def mapped_cells(other: Model, states: MappedStates, k: int, cancelled: Cancelled) -> tuple[MappedCell, ...]:
    """The other model's lens of mapped states, and how far it is from that of its own states there.

    Raises:
        Cancelled: between two slices of the vocabulary.
    """
    found = []
    for part in (states.mapped, states.shuffled):
        pairs = torch.stack([part, states.own], 1).flatten(0, 1)  # (2 * cells, width)
        logits = lens_slices(other, pairs)
        with other.inference():
            top, distribution, _ = sweep(logits, Top(k), Distribution(), Stop(cancelled))
            apart, _ = sweep(logits, JensenShannon(distribution.values), Stop(cancelled))
        shares = distribution.probabilities(top.values)
        found.append(Lenses(top.indices[::2], shares[::2], distribution.entropy[::2], apart.values))
    lens, control = found
    assert lens.bits is not None
    assert control.bits is not None
    columns = (lens.tokens(other), control.tokens(other), lens.bits.tolist(), control.bits.tolist())
    return tuple(MappedCell(*each) for each in zip(states.pairs, *columns, strict=True))


def as_vectors(
    request: Request, parts: Sequence[MappedStates], tokens: dict[int, Token]
) -> tuple[Request, CellStates, list[Token]]:
    """What the other model is asked of mapped states: first all that are mapped, then all of the shuffled maps.

    `tokens` are its own at the cells' positions.
    """
    pairs = [pair for part in parts for pair in part.pairs]
    vectors = torch.cat([*(part.mapped for part in parts), *(part.shuffled for part in parts)])  # (2 * cells, width)
    cells = tuple(pair.other for pair in pairs)
    own = [tokens[cell.position] for cell in cells]
    return replace(request, cells=cells * 2), CellStates(vectors, (None,) * len(vectors)), own * 2
