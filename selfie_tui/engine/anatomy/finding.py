"""Finds where a transformer keeps its residual streams, final norm and head, by watching one forward."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import nn

from selfie_tui.engine.anatomy.calls import (
    ForwardCalls,
    ModelFailed,
    TensorPath,
    model_code,
    paths_of,
    same,
    tensors_in,
    watch,
)
from selfie_tui.engine.anatomy.inputs import InputBuilder, Kind
from selfie_tui.engine.anatomy.layer_paths import NAME_THEM, LayerPaths, by_stack, named_chain
from selfie_tui.engine.anatomy.places import Anatomy, Unembedding, embeddings_of, text_config
from selfie_tui.engine.anatomy.stacks import Chain, block_lists, find_chains
from selfie_tui.errors import LoadError

ROWS, POSITIONS, WRITTEN = 3, 7, 5
"""Rows and positions of the watched forward, and those of a decoder behind an encoder: no width is as small."""

LOGIT_SCALES: dict[str, Callable[[float], float]] = {
    "logit_scale": lambda value: value,
    "logits_scaling": lambda value: 1.0 / value,
}
"""Config fields by which families scale their logits (Cohere multiplies, Granite divides)."""

CLOSE = 1e-4
"""Largest difference, relative to the largest logit, between a lens and the model's own logits."""
CLOSE_IN_HALF = 5e-2

LEAST_OF_VOCABULARY = 0.5
"""Part of the embedded tokens for which there are logits at least; classifiers have a few classes."""

STREAMS: dict[Kind, tuple[tuple[str, int], ...]] = {
    "decoder": (("decoder", POSITIONS),),
    "encoder": (("encoder", POSITIONS),),
    "encoder-decoder": (("encoder", POSITIONS), ("decoder", WRITTEN)),
}
"""The stacks of each kind of model, the one that a prompt runs through first, and their positions when watched."""


def find_anatomy(
    module: Any, builder: InputBuilder, device: torch.device, layer_paths: LayerPaths | Sequence[str] | None = None
) -> Anatomy:
    """Find the stacks, what comes after them, and the head of a language model, in one forward over a few tokens.

    `layer_paths` are the blocks of the first stack, or of stacks by name, where they are not to be found.

    Raises:
        LoadError: saying which step failed.
    """
    streams = STREAMS[builder.kind]
    named = by_stack(module, layer_paths, [name for name, _ in streams])
    watched = WatchedModel(module, builder, device, frozenset(path for paths in named.values() for path in paths))
    seen = watched.forward()
    chains = [
        [
            watched.with_offset(chain, positions)
            for chain in (
                named_chain(name, named[name], seen, ROWS, positions)
                if name in named
                else find_chains(module, seen, ROWS, positions)
            )
        ]
        for name, positions in streams
    ]
    for (name, _), found in zip(streams, chains, strict=True):
        if not found:
            raise not_found(name)
    head = head_of(module, seen, end=max(chain.exits[-1].end for chain in chains[-1]))
    path, logits = find_logits(module, head, seen)
    ends = Ends(module, head, seen, logits)
    chosen = [ends.choose(found, last=found is chains[-1]) for found in chains]
    last, (chain, unembedding) = streams[-1][0], chosen[-1]
    if len(chain.blocks) == 1 and unembedding is None and last not in named:
        raise not_found(last)  # one module with a state for every token, such as an MLP, and not the stream
    stacks = tuple(chain.stack(name) for (name, _), (chain, _) in zip(streams, chosen, strict=True))
    unembeddings = tuple(unembedding for _, unembedding in chosen)
    base = find_base_model(module, unembeddings[-1], seen) if builder.kind == "decoder" else None
    return Anatomy(stacks, unembeddings, int(logits.shape[-1]), head, base, path, logits.shape[1] == 1)


def not_found(stack: str) -> LoadError:
    """The refusal of a model without blocks that are linked."""
    return LoadError(
        f"No stack of {stack} blocks that pass a state for every token from one to the next was found.",
        f"Load a transformer language model; or name its blocks: {NAME_THEM}.",
    )


def token_rows(
    module: nn.Module, builder: InputBuilder, device: torch.device, rows: int, last: int = 0
) -> dict[str, Any]:
    """A forward's arguments for rows of unlike tokens, `(rows, POSITIONS)`; `last` changes the last token of each."""
    size = int(embeddings_of(module).weight.shape[0])
    ids = [[(7919 * (row * POSITIONS + column + 1)) % size for column in range(POSITIONS)] for row in range(rows)]
    ids = [[*row[:-1], (row[-1] + last) % size] for row in ids]
    prefixes = None
    if builder.kind == "encoder-decoder":
        prefixes = [[*builder.start, *row[-WRITTEN:]][-WRITTEN:] for row in ids]
    return builder.build(ids, device, prefixes, use_cache=False)


@dataclass(frozen=True)
class WatchedModel:
    """Watched forwards of a model over a few tokens."""

    module: Any
    builder: InputBuilder
    device: torch.device
    named: frozenset[str] = frozenset()
    """Paths of blocks that a user names."""

    def forward(self, last: int = 0) -> ForwardCalls:
        """One forward, watched; `last` changes the last token of every row, and of what a decoder has written.

        Raises:
            LoadError: if the model cannot run on text alone.
        """
        inputs = token_rows(self.module, self.builder, self.device, ROWS, last)
        chosen = watched_modules(self.module) | {id(self.module.get_submodule(path)) for path in self.named}
        try:
            with model_code():
                return watch(self.module, lambda: self.module(**inputs), lambda part: id(part) in chosen)
        except ModelFailed as error:
            raise LoadError(
                f"A first forward over a few tokens failed ({error}).",
                "Load a model that takes text alone, or try it in fp32.",
            ) from error

    def with_offset(self, chain: Chain, positions: int) -> Chain:
        """A chain with the offset of the prompt's own positions; of models that pad, found by another forward."""
        first = chain.blocks[0]
        before = chain.entries[0].inputs[first.input.tensor_path]
        if before.shape[first.input.axes[1]] == positions:
            return chain
        again = self.forward(last=1).of(first.entry_path)[first.call].inputs[first.input.tensor_path]
        differs = (before != again).flatten(2).any(-1).any(0).nonzero()
        offset = int(differs[0]) - (positions - 1) if len(differs) else 0
        blocks = tuple(
            replace(block, input=replace(block.input, offset=offset), output=replace(block.output, offset=offset))
            for block in chain.blocks
        )
        return replace(chain, blocks=blocks)


def head_of(module: Any, seen: ForwardCalls, end: int) -> str:
    """The path of the output head: the model's own answer; where it has none, the last linear layer after the blocks.

    Raises:
        LoadError: if there is none.
    """
    if hasattr(module, "get_output_embeddings"):
        head = paths_of(module).get(id(module.get_output_embeddings()))
    else:
        after = [call.path for call in seen.calls if call.start > end and isinstance(call.module, nn.Linear)]
        head = after[-1] if after else None
    if head is None:
        raise LoadError("The model has no output head.", "Load a checkpoint of a language model.")
    return head


def find_logits(module: Any, head: str, seen: ForwardCalls) -> tuple[TensorPath, torch.Tensor]:
    """The path of the logits in the output, and the watched forward's, `(rows, positions, vocabulary)`.

    A model may give those of one position alone.

    They are the tensor of that name, else the head's output, else the first tensor of their shape.

    Raises:
        LoadError: if nothing in the output has a number for every token of the vocabulary.
    """
    size = int(embeddings_of(module).weight.shape[0])
    found = {
        path: tensor
        for path, tensor in tensors_in(seen.output)
        if tensor.dim() == 3 and tensor.shape[0] == ROWS and tensor.shape[-1] >= size * LEAST_OF_VOCABULARY
    }
    of_head = [tensor for call in seen.of(head) for tensor in call.outputs.values()]
    for path in (("logits",), *found):
        if path in found and (path == ("logits",) or any(same(found[path], tensor) for tensor in of_head)):
            return path, found[path]
    for path, tensor in found.items():
        return path, tensor
    raise LoadError("The model gives no logits over its vocabulary.", "Load a checkpoint of a language model.")


@dataclass(frozen=True)
class Ends:
    """A watched forward after the ends of its chains: how states become `logits` `(rows, positions or 1, vocabulary)`.

    `head` is the path of the output head.
    """

    module: Any
    head: str
    seen: ForwardCalls
    logits: torch.Tensor

    @cached_property
    def modules(self) -> dict[str, nn.Module]:
        """The modules of the model by path."""
        return dict(self.module.named_modules())

    def choose(self, chains: Sequence[Chain], last: bool) -> tuple[Chain, Unembedding | None]:
        """The likeliest chain whose end becomes the model's logits, and how; else the likeliest one."""
        found = ((chain, self.of_last(chain) if last else self.of_encoder(chain)) for chain in chains)
        return next(((chain, unembedding) for chain, unembedding in found if unembedding), (chains[0], None))

    def of_encoder(self, chain: Chain) -> Unembedding | None:
        """What comes after the blocks of an encoder-decoder's encoder: its final norm, and the decoder's head."""
        end = chain.exits[-1]
        until = min((call.end for call in self.seen.calls if call.encloses(end)), default=None)
        return None if until is None else next(self.candidates(chain, until), None)

    def of_last(self, chain: Chain) -> Unembedding | None:
        """The calls between the end of a chain and the head, None if they do not make the model's own logits."""
        end = chain.exits[-1].end
        until = next((call.start for call in self.seen.of(self.head) if call.start > end), None)
        if until is None:
            return None
        states = chain.end_states[:, chain.blocks[-1].output.offset :]
        return next((each for each in self.candidates(chain, until) if self.is_exact(each, states)), None)

    def candidates(self, chain: Chain, until: int) -> Iterator[Unembedding]:
        """What may come after a chain: the modules that are called until a time, with and without T5's scale."""
        states, end = chain.end_states, chain.exits[-1].end
        if states.dim() != 3:
            return
        after = [call for call in self.seen.calls if end < call.start and call.end < until]
        outer = tuple(call.path for call in after if not any(other.encloses(call) for other in after))
        config = text_config(self.module)
        for input_scale in (1.0, states.shape[-1] ** -0.5):
            yield Unembedding(outer, self.head, input_scale, logit_scale(config), softcap(config))

    def is_exact(self, unembedding: Unembedding, states: torch.Tensor) -> bool:
        """Whether an unembedding makes the model's logits of the last states `(rows, positions, hidden)`."""
        own = states[:, -1:] if self.logits.shape[1] == 1 else states[:, : self.logits.shape[1]]
        try:
            with torch.no_grad(), model_code():
                logits = unembedding.bind(self.modules).logits(own)
        except ModelFailed:  # modules after the blocks that need more than a state
            return False
        expected = self.logits.float().to(logits.device)
        tolerance = CLOSE if states.dtype in (torch.float32, torch.float64) else CLOSE_IN_HALF
        return logits.shape == expected.shape and bool(
            (logits - expected).abs().max() <= tolerance * expected.abs().max()
        )


def logit_scale(config: Any) -> float:
    """The factor by which a text configuration scales logits, 1 for none."""
    scales = ((turn, getattr(config, name, None)) for name, turn in LOGIT_SCALES.items())
    return next((turn(float(value)) for turn, value in scales if value is not None), 1.0)


def softcap(config: Any) -> float | None:
    """The bound that a text configuration sets to logits (Gemma 2), None for none."""
    bound: float | None = getattr(config, "final_logit_softcapping", None)
    return bound


def find_base_model(module: Any, unembedding: Unembedding | None, seen: ForwardCalls) -> str | None:
    """The path of the model's base model or of its decoder (OPT), if the head's input is exactly what that returns."""
    if unembedding is None or unembedding.input_scale != 1.0:
        return None
    head_input = next((tensor for call in seen.of(unembedding.head) for tensor in call.inputs.values()), None)
    paths = paths_of(module)
    for part in (getattr(module, "base_model", None), decoder_of(module)):
        if not isinstance(part, nn.Module) or part is module or id(part) not in paths:
            continue
        path = paths[id(part)]
        states = next((call.outputs.get(("last_hidden_state",)) for call in seen.of(path)), None)
        if states is not None and head_input is not None and same(states, head_input):
            return path
    return None


def decoder_of(module: Any) -> Any:
    """The module's own answer to what its decoder is, None if it has none."""
    try:
        return module.get_decoder()
    except (AttributeError, NotImplementedError):
        return None


def watched_modules(module: nn.Module) -> set[int]:
    """The ids of the modules whose calls show the anatomy: items of lists, and all that is outside of them."""
    modules = dict(module.named_modules())
    items = {id(modules[path]) for _, pairs in block_lists(module) for pair in pairs for path in pair}
    inside = {
        id(part)
        for _, pairs in block_lists(module)
        for pair in pairs
        for path in pair
        for part in modules[path].modules()
        if part is not modules[path]
    }
    return {id(part) for part in module.modules() if id(part) in items or id(part) not in inside} - {id(module)}
