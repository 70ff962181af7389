"""Sites: the activations, layers, positions and heads of a prompt over which values are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from selfie_tui.engine.anatomy.locations import Activation
from selfie_tui.engine.model import Model
from selfie_tui.errors import RequestError

SITE_NAMES = {"resid": "resid_post", "attn": "attn_out", "mlp": "mlp_out", "o": "z", "q": "q", "k": "k", "v": "v"}
"""The short names of sites, and the activations they stand for; an activation's own name is taken as well.

`o` is a head's share of the attention's output: its values mixed by its pattern, before the output projection.
"""

BY_HEAD = ("z", "q", "k", "v")
"""Activations that have heads: `k` and `v` one for each key-value head."""

PositionKind = Literal["each", "all", "last", "lastk", "custom", "custom_constant"]
"""Each position in turn; all at once; the last; the last k in turn; those of a list in turn, or at once."""

KINDS: tuple[PositionKind, ...] = ("each", "all", "last", "lastk", "custom", "custom_constant")


@dataclass(frozen=True)
class PatchSite:
    """Where values are written: an activation by name, its layer, and positions of the prompt, counted from 0.

    `heads` are those of an activation that has heads, all of them if None.
    """

    name: str
    layer: int
    positions: tuple[int, ...]
    heads: tuple[int, ...] | None = None

    def activation(self, model: Model) -> Activation:
        """The activation in a model; raises RequestError if the layer has none of that name."""
        return activation_of(model, self.name, self.layer)


Intervention = tuple[PatchSite, ...]
"""The sites that are written in one run: one of them, or several at once."""


def activation_of(model: Model, name: str, layer: int) -> Activation:
    """An activation of the stack that writes the answer.

    Raises:
        RequestError: for a layer that the model does not have, or one without an activation of that name.
    """
    blocks = model.sublayers[-1].blocks
    if not 0 <= layer < len(blocks):
        raise RequestError(
            f"Layer {layer} is out of range: {model.name} has {len(blocks)} layers.",
            f"Choose of 0 to {len(blocks) - 1}.",
        )
    return blocks[layer].activation(SITE_NAMES.get(name, name))


def heads_of(model: Model, name: str, layer: int) -> int | None:
    """How many heads an activation has, None for one without."""
    columns = activation_of(model, name, layer).columns
    return None if columns is None else len(columns)


def layers_with(model: Model, name: str) -> tuple[int, ...]:
    """The layers that have an activation of a name: not every block has attention.

    Raises:
        RequestError: if none has.
    """
    found, refusal = [], None
    for layer in range(len(model.sublayers[-1].blocks)):
        try:
            activation_of(model, name, layer)
            found.append(layer)
        except RequestError as error:
            refusal = refusal or error
    if refusal is not None and not found:
        raise RequestError(f"No layer of {model.name} has {name}: {refusal.cause}", refusal.remedy)
    return tuple(found)


def position_groups(kind: PositionKind | None, tokens: int, chosen: int | Sequence[int] = ()) -> list[tuple[int, ...]]:
    """The positions of each run in a prompt of so many tokens, from 0; None is `all`.

    `chosen` is k of `lastk`, or the list of `custom` and `custom_constant`; negative positions count from the end.

    Raises:
        RequestError: for an unknown kind, or positions that the prompt does not have.
    """
    every = range(tokens)
    if kind is None or kind == "all":
        return [tuple(every)]
    if kind == "each":
        return [(position,) for position in every]
    if kind == "last":
        return [(tokens - 1,)]
    if kind == "lastk":
        return [(position,) for position in every[-last_k(chosen, tokens) :]]
    if kind in ("custom", "custom_constant"):
        if isinstance(chosen, int) or not chosen:
            raise RequestError(f"The position kind {kind} needs a list of positions.", "Such as [-3, -1].")
        found = [from_start(position, tokens) for position in chosen]
        return [tuple(dict.fromkeys(found))] if kind == "custom_constant" else [(position,) for position in found]
    raise RequestError(f"Unknown position kind “{kind}”.", f"Choose of {', '.join(KINDS)}.")


def last_k(chosen: int | Sequence[int], tokens: int) -> int:
    """How many of the last positions are meant."""
    if not isinstance(chosen, int) or not 1 <= chosen <= tokens:
        raise RequestError(
            f"The position kind lastk needs how many positions, from 1 to {tokens}.", "Such as 4 for the last four."
        )
    return chosen


def from_start(position: int, tokens: int) -> int:
    """A position counted from 0, of one that may count from the end."""
    if not -tokens <= position < tokens:
        raise RequestError(
            f"Position {position} is out of range: the prompt has {tokens} tokens.", f"Choose of 0 to {tokens - 1}."
        )
    return position % tokens


def expand(
    model: Model,
    names: Iterable[str],
    groups: Sequence[tuple[int, ...]],
    layers: Sequence[int] | None = None,
    by_head: bool = True,
) -> list[PatchSite]:
    """The sites of every name, layer, group of positions and head; of all layers that have the activation if None.

    Without `by_head` all heads of a layer are one site.

    Raises:
        RequestError: for a name or a layer that the model does not have.
    """
    found: list[PatchSite] = []
    for name in names:
        for layer in layers_with(model, name) if layers is None else layers:
            count = heads_of(model, name, layer)
            heads = [None] if count is None or not by_head else [(head,) for head in range(count)]
            found += [PatchSite(name, layer, positions, each) for positions in groups for each in heads]
    return found


def check_sites(model: Model, sites: Iterable[PatchSite], tokens: int) -> None:
    """Refuse sites that a model does not have, or a prompt of so many tokens.

    Raises:
        RequestError: saying what there is.
    """
    for site in dict.fromkeys(sites):
        count = heads_of(model, site.name, site.layer)
        for position in site.positions:
            from_start(position, tokens)
        if site.heads is not None and (count is None or not all(0 <= head < count for head in site.heads)):
            there = "no heads" if count is None else f"the heads 0 to {count - 1}"
            raise RequestError(f"{site.name} of layer {site.layer} has {there}.", "Choose of these.")
