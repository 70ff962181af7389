"""The sites of a patching as maps of layers by tokens, or by heads, and the strongest of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from selfie_tui.records import PatchBegan, PatchedRun, PatchedSite, Token, layer_name
from selfie_tui.text import visible

MOST_NAMED = 3
"""Positions that are told one by one; of more, the first and the last."""


class PatchMap(NamedTuple):
    """The sites of one activation: rows are layers, columns groups of positions, or the heads at one group of them.

    `indices` has the index of a site in `PatchBegan.sites` by its layer and its column.
    """

    name: str
    at: tuple[int, ...] | None
    """The positions of a map of heads; None of one whose columns are positions."""
    layers: tuple[int, ...]
    columns: tuple[tuple[int, ...] | int, ...]
    indices: dict[tuple[int, tuple[int, ...] | int], int]

    def at_cell(self, layer: int, column: tuple[int, ...] | int) -> int:
        """The index of the site in a cell; -1 where there is none."""
        return self.indices.get((layer, column), -1)

    def title(self, tokens: Sequence[Token]) -> str:
        """`resid`, or `q at 4 ·of`."""
        return self.name if self.at is None else f"{self.name} at {positions_words(self.at, tokens)}"

    def heading(self, column: tuple[int, ...] | int, tokens: Sequence[Token]) -> str:
        """`4 ·of`, or `head 3`."""
        return f"head {column}" if isinstance(column, int) else positions_words(column, tokens)


def patch_maps(began: PatchBegan) -> list[PatchMap]:
    """The maps of all sites that are written alone, in the order in which they come."""
    found: dict[tuple[str, tuple[int, ...] | None], dict[tuple[int, tuple[int, ...] | int], int]] = {}
    for index, sites in enumerate(began.sites):
        if len(sites) == 1:
            (site,) = sites
            column = site.positions if site.head is None else site.head
            at = None if site.head is None else site.positions
            found.setdefault((site.name, at), {})[site.layer, column] = index
    return [
        PatchMap(
            name,
            at,
            tuple(dict.fromkeys(layer for layer, _ in indices)),
            tuple(sorted({column for _, column in indices}, key=lambda column: (isinstance(column, int), column))),
            indices,
        )
        for (name, at), indices in found.items()
    ]


def strongest(runs: Mapping[int, PatchedRun], most: int | None = None) -> list[PatchedRun]:
    """The patched runs with the largest scores, the largest first, whatever their sign; those without one are last."""
    order = sorted(runs.values(), key=lambda run: (math.isnan(run.score), -abs(run.score), run.index))
    return order[:most]


def target_tokens(began: PatchBegan) -> tuple[Token, ...]:
    """The tokens of the prompt that is run: those that positions are of."""
    return (began.clean if began.noise else began.corrupt).tokens


def sites_words(sites: Sequence[PatchedSite], tokens: Sequence[Token] = ()) -> str:
    """The sites of one run: `resid L5 · 3 ·of`, `q L7 · 4 · head 2`, with a plus between several."""
    return " + ".join(site_words(site, tokens) for site in sites)


def site_words(site: PatchedSite, tokens: Sequence[Token] = ()) -> str:
    """A site in words; its tokens are told where they are given."""
    head = "" if site.head is None else f" · head {site.head}"
    return f"{site.name} {layer_name(site.layer)} · {positions_words(site.positions, tokens)}{head}"


def positions_words(positions: Sequence[int], tokens: Sequence[Token] = ()) -> str:
    """`3 ·of`, `3,4`, `0–11`, without the token where it is not given."""
    if len(positions) == 1 and positions[0] < len(tokens):
        return f"{positions[0]} {visible(tokens[positions[0]].text)}"
    if len(positions) <= MOST_NAMED:
        return ",".join(map(str, positions))
    return f"{positions[0]}–{positions[-1]}"


def score_words(score: float | None) -> str:
    """`.84`, `1.02`, `-.31`; `×` of a site that is not run, or has no score."""
    if score is None or math.isnan(score):
        return "×"
    text = f"{score:.2f}"
    sign, number = ("-", text[1:]) if text.startswith("-") else ("", text)
    return sign + number.removeprefix("0") if float(text) else ".00"


def pair_words(began: PatchBegan) -> str:
    """What is asked of the answer: `·France − ·Italy`, `·France`, or "" of a metric without answers."""
    answers = [visible(each.text) for each in (began.correct, began.wrong) if each is not None]
    return " − ".join(answers if began.metric == "logit_difference" else answers[:1] if began.metric != "kl" else [])
