"""The states at the cells of a prompt, and how long the states beside them are.

The norm of a state is worth something beside those of its layer: one token of a prompt, often the first, can be an
attention sink, whose state is a hundred times longer than the others and stands for none of the text (Xiao et al. 2023,
arXiv 2309.17453; Sun et al. 2024, arXiv 2402.17762).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch

from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.source import Source
from selfie_tui.records import EMBED, Cell, Token

MOST_COMPARED = 64
"""Positions of a prompt of which the norms are compared, at most."""


@dataclass(frozen=True)
class CellStates:
    """Residual states `(cells, hidden)` in the model's dtype, and for each the median norm of its layer.

    The median is None where the prompt has fewer than two tokens that are not special; vectors that are not read from a
    prompt have no medians at all. `embeddings` is `(positions, hidden)`: the states at `embed` of the tokens that the
    cells are at, where they were read too, and `embedding_of` the row there of each cell.
    """

    vectors: torch.Tensor
    layer_norms: tuple[float | None, ...] = ()
    embeddings: torch.Tensor | None = None
    embedding_of: tuple[int, ...] = ()


def read_cells(
    model: Model,
    source: Source,
    cells: Sequence[Cell],
    cancelled: Callable[[], bool] = lambda: False,
    embeddings: bool = False,
) -> CellStates:
    """The states at the cells of a prompt, in one forward over it; they need not be finite.

    With `embeddings` those of their tokens are read too.
    """
    layers, positions = layers_read(cells, embeddings), positions_read(source.tokens, cells)
    states = model.read(source.ids, layers, positions, cancelled, source.prefix)
    return states_at(model, source.tokens, cells, positions, states, embeddings)


def layers_read(cells: Iterable[Cell], embeddings: bool) -> list[int]:
    """The layers that are read of a prompt: those of the cells, and `embed` for the embeddings of their tokens."""
    return sorted({*(cell.layer for cell in cells), *([EMBED] if embeddings else [])})


def positions_read(tokens: Sequence[Token], cells: Sequence[Cell]) -> list[int]:
    """The positions that are read of a prompt: those of the cells, and those that they are compared with."""
    return sorted({*(cell.position for cell in cells), *compared_positions(tokens)})


def compared_positions(tokens: Sequence[Token]) -> list[int]:
    """Positions whose norms stand for their layer: tokens that are not special, spread evenly; none of a single one."""
    ordinary = [token.position for token in tokens if not token.special]
    return ordinary[:: -(-len(ordinary) // MOST_COMPARED)] if len(ordinary) > 1 else []


def states_at(
    model: Model,
    tokens: Sequence[Token],
    cells: Sequence[Cell],
    positions: Sequence[int],
    states: dict[int, torch.Tensor],
    embeddings: bool = False,
) -> CellStates:
    """The states at the cells, picked from those of a prompt by layer, each `(positions, hidden)`."""
    index_of = {position: index for index, position in enumerate(positions)}
    compared = [index_of[position] for position in compared_positions(tokens)]
    norms = {layer: median_norm(states[layer][compared]) for layer in {cell.layer for cell in cells}}
    vectors = torch.stack([states[cell.layer][index_of[cell.position]].to(model.device) for cell in cells])
    medians = tuple(norms[cell.layer] for cell in cells)
    if not embeddings:
        return CellStates(vectors, medians)
    own = sorted({cell.position for cell in cells})
    bare = states[EMBED][[index_of[position] for position in own]].to(model.device)
    row_of = {position: row for row, position in enumerate(own)}
    return CellStates(vectors, medians, bare, tuple(row_of[cell.position] for cell in cells))


def joined(parts: Sequence[CellStates]) -> CellStates:
    """The states of several prompts' cells, one after the other; all of them with embeddings or none."""
    norms = tuple(norm for part in parts for norm in part.layer_norms)
    vectors = torch.cat([part.vectors for part in parts])
    bare = [part.embeddings for part in parts if part.embeddings is not None]
    if len(bare) < len(parts):
        return CellStates(vectors, norms)
    starts = accumulate((len(each) for each in bare), initial=0)
    rows = tuple(start + row for start, part in zip(starts, parts, strict=False) for row in part.embedding_of)
    return CellStates(vectors, norms, torch.cat(bare), rows)


def median_norm(states: torch.Tensor) -> float | None:
    """The median of the norms of states `(positions, hidden)`, the lower one of two; None without a finite one.

    The lower one, as of two tokens the longer may be a sink.
    """
    norms = states.float().norm(dim=-1)
    finite = norms[norms.isfinite()]
    return float(finite.median()) if len(finite) else None
