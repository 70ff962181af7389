"""Finds where a transformer keeps its residual streams, final norm and head, by watching one forward."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from selfie_tui.engine.anatomy.calls import MODEL_ERRORS, Call, ForwardCalls, TensorPath, tensors_in, watch
from selfie_tui.engine.anatomy.inputs import Feed, Kind
from selfie_tui.engine.anatomy.places import Anatomy, Unembedding, embeddings_of, text_config
from selfie_tui.engine.anatomy.stacks import Chain, find_chains, lists_of
from selfie_tui.errors import LoadError

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


def find_anatomy(module: Any, feed: Feed, device: torch.device) -> Anatomy:
    """Find the stacks, what comes after them, and the head of a language model, in one forward over a few tokens.

    Raises:
        LoadError: saying which step failed.
    """
    watch_run = Watching(module, feed, device)
    seen = watch_run.forward()
    streams = STREAMS[feed.kind]
    chains = [
        [watch_run.placed(chain, positions) for chain in find_chains(module, seen, ROWS, positions)]
        for _, positions in streams
    ]
    for (name, _), found in zip(streams, chains, strict=True):
        if not found:
            raise LoadError(
                f"No stack of {name} blocks that hand a state for every token from one to the next was found.",
                "Load a transformer language model.",
            )
    head = head_of(module, seen, end=max(chain.left[-1].ended for chain in chains[-1]))
    slot, logits = find_logits(module, head, seen)
    ends = Ends(module, head, seen, logits)
    chosen = [ends.choose(found, last=found is chains[-1]) for found in chains]
    stacks = tuple(chain.stack(name, ROWS) for (name, _), (chain, _) in zip(streams, chosen, strict=True))
    unembeddings = tuple(tail for _, tail in chosen)
    trunk = find_base_model(module, unembeddings[-1], seen) if feed.kind == "decoder" else None
    return Anatomy(stacks, unembeddings, int(logits.shape[-1]), head, trunk, slot, logits.shape[1] == 1)


STREAMS: dict[Kind, tuple[tuple[str, int], ...]] = {
    "decoder": (("decoder", POSITIONS),),
    "encoder": (("encoder", POSITIONS),),
    "encoder-decoder": (("encoder", POSITIONS), ("decoder", WRITTEN)),
}
"""The stacks of each kind of model, the one that a prompt runs through first, and their positions when watched."""


def token_rows(module: nn.Module, feed: Feed, device: torch.device, rows: int, last: int = 0) -> dict[str, Any]:
    """A forward's arguments for a few rows of unlike tokens, of which `last` changes the last ones."""
    size = int(embeddings_of(module).weight.shape[0])
    ids = [[(7919 * (row * POSITIONS + place + 1)) % size for place in range(POSITIONS)] for row in range(rows)]
    ids = [[*row[:-1], (row[-1] + last) % size] for row in ids]
    prefixes = None
    if feed.kind == "encoder-decoder":
        prefixes = [[*feed.start, *row[-WRITTEN:]][-WRITTEN:] for row in ids]
    return feed.inputs(ids, device, prefixes, use_cache=False)


@dataclass(frozen=True)
class Watching:
    """Watched forwards of a model over a few tokens."""

    module: Any
    feed: Feed
    device: torch.device

    def forward(self, last: int = 0) -> ForwardCalls:
        """One forward, watched; `last` changes the last token of every row, and of what a decoder has written.

        Raises:
            LoadError: if the model cannot run on text alone.
        """
        inputs = token_rows(self.module, self.feed, self.device, ROWS, last)
        chosen = watched_modules(self.module)
        try:
            return watch(self.module, lambda: self.module(**inputs), lambda part: id(part) in chosen)
        except MODEL_ERRORS as error:
            why = (str(error).splitlines() or [""])[0]
            raise LoadError(
                f"A first forward over a few tokens failed ({type(error).__name__}: {why}).",
                "Load a model that takes text alone, or try it in fp32.",
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


def head_of(module: Any, seen: ForwardCalls, end: int) -> nn.Module:
    """The output head: what the model says it is; where it does not say, the last linear layer after the blocks."""
    if hasattr(module, "get_output_embeddings"):
        head = module.get_output_embeddings()
    else:
        after = [call.module for call in seen.calls if call.began > end and isinstance(call.module, nn.Linear)]
        head = after[-1] if after else None
    if not isinstance(head, nn.Module):
        raise LoadError("The model has no output head.", "Load a checkpoint of a language model.")
    return head


def find_logits(module: Any, head: nn.Module, seen: ForwardCalls) -> tuple[TensorPath, torch.Tensor]:
    """The place of the logits in the output, and the watched forward's `(rows, positions or 1, vocabulary)`.

    They are what is called so, else what the head gave, else the first that is of their shape.

    Raises:
        LoadError: if nothing in the output has a number for every token of the vocabulary.
    """
    size = int(embeddings_of(module).weight.shape[0])
    found = {
        slot: tensor
        for slot, tensor in tensors_in(seen.output)
        if tensor.dim() == 3 and tensor.shape[0] == ROWS and tensor.shape[-1] >= size * LEAST_OF_VOCABULARY
    }
    given = [tensor for call in seen.of(head) for tensor in call.given.values()]
    for slot in (("logits",), *found):
        if slot in found and (slot == ("logits",) or any(same(found[slot], tensor) for tensor in given)):
            return slot, found[slot]
    for slot, tensor in found.items():
        return slot, tensor
    raise LoadError("The model gives no logits over its vocabulary.", "Load a checkpoint of a language model.")


LEAST_OF_VOCABULARY = 0.5
"""Part of the embedded tokens for which there are logits at least; classifiers have a few classes."""


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors are bitwise the same."""
    return one.shape == other.shape and torch.equal(one, other)


@dataclass(frozen=True)
class Ends:
    """What a watched forward tells of how states at the ends of chains become logits."""

    module: Any
    head: nn.Module
    seen: ForwardCalls
    logits: torch.Tensor

    def choose(self, chains: Sequence[Chain], last: bool) -> tuple[Chain, Unembedding | None]:
        """The likeliest chain whose end becomes the model's logits, and how; else the likeliest one."""
        found = ((chain, self.tail(chain) if last else self.own_unembedding(chain)) for chain in chains)
        return next(((chain, tail) for chain, tail in found if tail), (chains[0], None))

    def own_unembedding(self, chain: Chain) -> Unembedding | None:
        """What the encoder of an encoder-decoder does after its blocks: its final norm, and the decoder's head."""
        end = chain.left[-1]
        until = min((call.ended for call in self.seen.calls if encloses(call, end)), default=None)
        return None if until is None else next(self.unembeddings(chain, until), None)

    def tail(self, chain: Chain) -> Unembedding | None:
        """What runs between the end of a chain and the head, None if that does not give the model's own logits."""
        end = chain.left[-1].ended
        until = next((call.began for call in self.seen.calls if call.module is self.head and call.began > end), None)
        if until is None:
            return None
        site = chain.sites[-1]
        states = chain.left[-1].given[site.given.slot]
        own = states[:, site.given.offset :] if site.given.offset else states
        return next((tail for tail in self.unembeddings(chain, until) if self.says_the_same(tail, own)), None)

    def unembeddings(self, chain: Chain, until: int) -> Iterator[Unembedding]:
        """What may come after a chain: the modules that are called until then, with and without T5's scale."""
        states, end = chain.left[-1].given[chain.sites[-1].given.slot], chain.left[-1].ended
        if states.dim() != 3:
            return
        after = [call for call in self.seen.calls if end < call.began and call.ended < until]
        outer = tuple(call.module for call in after if not any(encloses(other, call) for other in after))
        config = text_config(self.module)
        scales = ((turn, getattr(config, name, None)) for name, turn in LOGIT_SCALES.items())
        scale = next((turn(float(value)) for turn, value in scales if value is not None), 1.0)
        softcap = getattr(config, "final_logit_softcapping", None)
        for entry in (1.0, states.shape[-1] ** -0.5):
            yield Unembedding(outer, self.head, entry, scale, softcap)

    def says_the_same(self, tail: Unembedding, states: torch.Tensor) -> bool:
        """Whether a tail gives the model's logits of the states at the end of its last stack."""
        own = states[:, -1:] if self.logits.shape[1] == 1 else states[:, : self.logits.shape[1]]
        try:
            with torch.no_grad():
                logits = tail.logits(own)
        except MODEL_ERRORS:  # modules after the blocks that want more than a state
            return False
        theirs = self.logits.float().to(logits.device)
        tolerance = SAME if states.dtype in (torch.float32, torch.float64) else SAME_IN_HALF
        return logits.shape == theirs.shape and bool((logits - theirs).abs().max() <= tolerance * theirs.abs().max())


def encloses(outer: Call, inner: Call) -> bool:
    """Whether one call was made within another."""
    return outer.began < inner.began and inner.ended < outer.ended


def find_base_model(module: Any, tail: Unembedding | None, seen: ForwardCalls) -> nn.Module | None:
    """The model's base model, if the head was given exactly what that gave back."""
    trunk = getattr(module, "base_model", None)
    if tail is None or tail.entry != 1.0 or not isinstance(trunk, nn.Module) or trunk is module:
        return None
    gave = next((call.given.get(("last_hidden_state",)) for call in seen.of(trunk)), None)
    took = next((tensor for call in seen.of(tail.head) for tensor in call.taken.values()), None)
    return trunk if gave is not None and took is not None and same(gave, took) else None


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
