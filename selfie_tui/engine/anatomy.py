"""Where a transformer keeps its residual streams, final norm and head, found by watching one forward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from selfie_tui.engine.feeding import Feed, Kind
from selfie_tui.engine.stacks import Chain, Stack, distinct, find_chains, lists_of
from selfie_tui.engine.watching import Call, Watched, watch
from selfie_tui.errors import LoadError, RequestError

ROWS, POSITIONS, WRITTEN = 3, 7, 5
"""Rows and positions of the watched forward, and what a decoder has written there: numbers that no width is."""

LOGIT_SCALES: dict[str, Callable[[float], float]] = {
    "logit_scale": lambda value: value,
    "logits_scaling": lambda value: 1.0 / value,
}
"""Config fields by which families scale their logits (Cohere multiplies, Granite divides)."""

SAME = 1e-4
"""Largest difference, relative to the largest logit, at which a lens gives what the model gave; in bf16 see below."""
SAME_IN_HALF = 5e-2


@dataclass(frozen=True)
class Tail:
    """How states at the end of a stack become logits: modules in order, then the head.

    `entry` scales what the head is given (T5), `scale` and `softcap` what it gives:
    `softcap * tanh(head(entry * x) * scale / softcap)`.
    """

    modules: tuple[nn.Module, ...]
    head: nn.Module
    entry: float = 1.0
    scale: float = 1.0
    softcap: float | None = None

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits of residual states at the output of the last block: `(..., hidden)` to `(..., vocabulary)` float32."""
        for module in self.modules:
            hidden = module(hidden)
        return self.read_out(hidden if self.entry == 1.0 else hidden * self.entry)

    def read_out(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits float32 of what the head is given: `(..., head's width)` to `(..., vocabulary)`."""
        logits: torch.Tensor = self.head(hidden).float()
        if self.scale != 1.0:
            logits = logits * self.scale
        return logits if self.softcap is None else self.softcap * torch.tanh(logits / self.softcap)


@dataclass(frozen=True)
class Anatomy:
    """The places of a model that the engine works on.

    `stacks` holds the stack that a prompt runs through first (the only one, or an encoder-decoder's encoder) and then
    the decoder. `tails` say how a stack's last states become logits; a stack without one is read through the model
    itself. `trunk` is the part of the model that gives the head its input, None where that is no module of its own.
    """

    stacks: tuple[Stack, ...]
    tails: tuple[Tail | None, ...]
    vocabulary: int
    trunk: nn.Module | None = None

    @property
    def main(self) -> Stack:
        """The stack that a prompt runs through first."""
        return self.stacks[0]

    @property
    def last(self) -> Stack:
        """The stack whose end gives the logits."""
        return self.stacks[-1]

    @property
    def blocks(self) -> tuple[nn.Module, ...]:
        """The blocks of all stacks, each once."""
        return distinct(site.module for stack in self.stacks for site in stack.sites)

    @property
    def blocks_path(self) -> str:
        """The attribute path of the list of blocks that a prompt runs through first."""
        return self.main.path

    def stack(self, name: str) -> Stack:
        """The stack called `name`; the first one for an empty name.

        Raises:
            RequestError: naming those there are.
        """
        found = next((stack for stack in self.stacks if name in ("", stack.name)), None)
        if found is None:
            names = ", ".join(stack.name for stack in self.stacks)
            raise RequestError(f"This model has no {name}.", f"Choose of: {names}.")
        return found

    def tail(self, name: str) -> Tail | None:
        """How the states at the end of a stack become logits, None where only the model itself can say."""
        return self.tails[self.stacks.index(self.stack(name))]


def find_anatomy(module: Any, feed: Feed, device: torch.device) -> Anatomy:
    """Find the stacks, what comes after them, and the head of a language model, in one forward over a few tokens.

    Raises:
        LoadError: saying which step failed.
    """
    watch_run = Watching(module, feed, device)
    seen = watch_run.forward()
    head = head_of(module)
    stacks: list[Stack] = []
    tails: list[Tail | None] = []
    streams = STREAMS[feed.kind]
    for name, positions in streams:
        chains = find_chains(module, seen, ROWS, positions)
        if not chains:
            raise LoadError(
                f"No stack of {name} blocks that hand a state for every token from one to the next was found.",
                "Load a transformer language model.",
            )
        chains = [watch_run.placed(chain, positions) for chain in chains]
        found = [(chain.stack(name, ROWS), find_tail(module, chain, head, seen, feed, name)) for chain in chains]
        # the likeliest chain whose end becomes the model's logits, else the likeliest one
        stack, tail = next(((stack, tail) for stack, tail in found if tail), found[0])
        stacks.append(stack)
        tails.append(tail)
    trunk = find_trunk(module, tails[-1], seen) if feed.kind == "decoder" else None
    return Anatomy(tuple(stacks), tuple(tails), int(seen.logits.shape[-1]), trunk)


STREAMS: dict[Kind, tuple[tuple[str, int], ...]] = {
    "decoder": (("decoder", POSITIONS),),
    "encoder": (("encoder", POSITIONS),),
    "encoder-decoder": (("encoder", POSITIONS), ("decoder", WRITTEN)),
}
"""The stacks of each kind of model, the one that a prompt runs through first, and their positions when watched."""


@dataclass(frozen=True)
class Watching:
    """Watched forwards of a model over a few tokens."""

    module: Any
    feed: Feed
    device: torch.device

    def forward(self, last: int = 0) -> Watched:
        """One forward, watched; `last` changes the last token of every row, and of what a decoder has written.

        Raises:
            LoadError: if the model cannot run on text alone.
        """
        size = int(embeddings_of(self.module).weight.shape[0])
        ids = [[(7919 * (row * POSITIONS + place + 1)) % size for place in range(POSITIONS)] for row in range(ROWS)]
        ids = [[*row[:-1], (row[-1] + last) % size] for row in ids]
        prefixes = None
        if self.feed.kind == "encoder-decoder":
            prefixes = [[*self.feed.start, *row[-WRITTEN:]][-WRITTEN:] for row in ids]
        inputs = self.feed.inputs(ids, self.device, prefixes, use_cache=False)
        chosen = watched_modules(self.module)
        try:
            return watch(self.module, lambda: self.module(**inputs), lambda part: id(part) in chosen)
        except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, KeyError) as error:
            why = (str(error).splitlines() or [""])[0]
            raise LoadError(
                f"A first forward over a few tokens failed ({type(error).__name__}: {why}).",
                "Load a model that takes text alone.",
            ) from error

    def placed(self, chain: Chain, positions: int) -> Chain:
        """A chain that knows where the prompt's own positions begin; another forward tells in models that pad."""
        first, site = chain.entered[0], chain.sites[0]
        before = first.taken[site.taken.slot]
        if before.shape[site.taken.axes[1]] == positions:
            return chain
        again = self.forward(last=1).of(site.entry)[site.call].taken[site.taken.slot]
        differs = (before != again).flatten(2).any(-1).any(0).nonzero()
        offset = int(differs[0]) - (positions - 1) if len(differs) else 0
        sites = tuple(
            replace(each, taken=replace(each.taken, offset=offset), given=replace(each.given, offset=offset))
            for each in chain.sites
        )
        return replace(chain, sites=sites)


def embeddings_of(module: Any) -> Any:
    """The table of token embeddings: what the model says it is, or the first one in it."""
    try:
        table = module.get_input_embeddings()
    except (AttributeError, NotImplementedError):
        table = None
    if not isinstance(getattr(table, "weight", None), torch.Tensor):
        table = next((part for part in module.modules() if isinstance(part, nn.Embedding)), None)
    if not isinstance(getattr(table, "weight", None), torch.Tensor):
        raise LoadError("No table of token embeddings was found in the model.", "Load a language model.")
    return table


def head_of(module: Any) -> nn.Module:
    """The output head: what the model says it is, or the last linear layer in it."""
    try:
        head = module.get_output_embeddings()
    except (AttributeError, NotImplementedError):
        head = None
    linear = [part for part in module.modules() if isinstance(part, nn.Linear)]
    if head is None and linear:
        head = linear[-1]
    if not isinstance(head, nn.Module):
        raise LoadError("The model has no output head.", "Load a checkpoint of a language model.")
    return head


def find_tail(module: Any, chain: Chain, head: nn.Module, seen: Watched, feed: Feed, name: str) -> Tail | None:
    """What runs between the end of a chain and the head, None if that does not give the model's own logits.

    The end of an encoder-decoder's encoder has no logits to compare with: what runs there before the encoder returns is
    its final norm, and the decoder's head reads that.
    """
    end = chain.left[-1]
    states = end.given[chain.sites[-1].given.slot]
    last = name == STREAMS[feed.kind][-1][0]
    if last:
        until = next((call.began for call in seen.calls if call.module is head and call.began > end.ended), None)
    else:
        until = min((call.ended for call in seen.calls if encloses(call, end)), default=None)
    if until is None or states.dim() != 3:
        return None
    after = [call for call in seen.calls if end.ended < call.began and call.ended < until]
    outer = tuple(call.module for call in after if not any(encloses(other, call) for other in after))
    config = text_config(module)
    scales = ((turn, getattr(config, name, None)) for name, turn in LOGIT_SCALES.items())
    scale = next((turn(float(value)) for turn, value in scales if value is not None), 1.0)
    softcap = getattr(config, "final_logit_softcapping", None)
    tails = [Tail(outer, head, entry, scale, softcap) for entry in (1.0, states.shape[-1] ** -0.5)]
    if not last:
        return tails[0]
    offset = chain.sites[-1].given.offset
    own = states[:, offset:] if offset else states
    return next((tail for tail in tails if says_the_same(tail, own, seen)), None)


def encloses(outer: Call, inner: Call) -> bool:
    """Whether one call was made within another."""
    return outer.began < inner.began and inner.ended < outer.ended


def says_the_same(tail: Tail, states: torch.Tensor, seen: Watched) -> bool:
    """Whether a tail gives the model's logits of the states at the end of its last stack."""
    try:
        with torch.no_grad():
            logits = tail.logits(states)[:, : seen.logits.shape[1]]
    except (
        RuntimeError,
        TypeError,
        ValueError,
        IndexError,
        AttributeError,
        KeyError,
    ):  # modules after the blocks that want more than a state
        return False
    if logits.shape != seen.logits.shape:
        return False
    theirs = seen.logits.float().to(logits.device)
    tolerance = SAME if states.dtype in (torch.float32, torch.float64) else SAME_IN_HALF
    return bool((logits - theirs).abs().max() <= tolerance * theirs.abs().max())


def find_trunk(module: Any, tail: Tail | None, seen: Watched) -> nn.Module | None:
    """The model's base model, if the head was given exactly what that gave back."""
    trunk = getattr(module, "base_model", None)
    if tail is None or tail.entry != 1.0 or not isinstance(trunk, nn.Module) or trunk is module:
        return None
    gave = next((call.given.get(("last_hidden_state",)) for call in seen.of(trunk)), None)
    took = next((tensor for call in seen.of(tail.head) for tensor in call.taken.values()), None)
    same = gave is not None and took is not None and gave.shape == took.shape and torch.equal(gave, took)
    return trunk if same else None


def text_config(module: Any) -> Any:
    """The configuration of a model's text part; of a module without any, an empty one."""
    config = getattr(module, "config", None)
    return getattr(config, "get_text_config", lambda: config)()


def watched_modules(module: nn.Module) -> set[int]:
    """The modules whose calls tell the anatomy: entries of lists, and what is outside of them."""
    entries = {id(part) for _, pairs in lists_of(module) for pair in pairs for part in pair}
    inside = {
        id(part)
        for _, pairs in lists_of(module)
        for pair in pairs
        for entry in pair
        for part in entry.modules()
        if part is not entry
    }
    return {id(part) for part in module.modules() if id(part) in entries or id(part) not in inside} - {id(module)}
