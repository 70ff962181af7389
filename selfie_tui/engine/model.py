"""A loaded model: the module, its tokenizer, its anatomy, its nnsight wrapper and its lock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from selfie_tui.engine import tracing
from selfie_tui.engine.anatomy.finding import find_anatomy
from selfie_tui.engine.anatomy.inputs import InputBuilder, Kind, input_builder
from selfie_tui.engine.anatomy.layer_paths import LayerPaths
from selfie_tui.engine.anatomy.layouts import Layouts, find_layouts
from selfie_tui.engine.anatomy.places import Anatomy, BoundUnembedding, embeddings_of, text_config
from selfie_tui.engine.devices import memory_errors, short_name
from selfie_tui.engine.edits import StandingEdits
from selfie_tui.engine.module_state import configs_of, evaluating, hooks_on, returning_mappings
from selfie_tui.engine.sublayers import Sublayers, find_sublayers
from selfie_tui.engine.tracing import TracedModel
from selfie_tui.errors import Cancelled, RequestError
from selfie_tui.records import EMBED, ModelInfo, StackInfo

_locks: WeakKeyDictionary[Any, threading.RLock] = WeakKeyDictionary()
_locks_guard = threading.Lock()


def lock_of(module: Any) -> threading.RLock:
    """The one lock of a module, however often it is wrapped: two threads in one model corrupt each other's runs."""
    with _locks_guard:
        return _locks.setdefault(module, threading.RLock())


@dataclass(eq=False)
class Model:
    """A language model that can be read and written; make one with `load` or `adopt`.

    `traced` is its nnsight view. Every forward takes `lock`. `verdict` is that of the checks that were run at
    load, `cached` whether decoding keeps a cache or recomputes the text at every step, `padding_invariant` whether
    padded rows have the states that they have alone, None until it was tried. `relevancy_floor` is the noise of
    relevancy in its number format, None until it was measured (see `engine.noise`). `revision` is the hub's commit
    or a hash of the files, empty for a module in hand. `adapter` names the adapter of PEFT that changes the weights,
    by its folder or its name in a `PeftModel`, and `base` the model that it was added to; both are empty without one.
    """

    name: str
    module: Any
    tokenizer: Any
    feed: InputBuilder
    anatomy: Anatomy
    traced: TracedModel
    lock: threading.RLock
    verdict: str = "not verified"
    cached: bool = True
    padding_invariant: bool | None = None
    notices: list[str] = field(default_factory=list)
    relevancy_floor: float | None = None
    revision: str = ""
    base: str = ""
    adapter: str = ""
    layer_paths: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The paths of the blocks of the stacks for which they were named."""
    hooks: frozenset[tuple[str, int]] = frozenset()
    """The hooks that were on the blocks when the model was adopted: a block's path and the hook's id."""
    edits: StandingEdits = field(default_factory=StandingEdits)
    """The edits that stand: made in every forward within `inference`."""
    skips_blocks: dict[int, bool] = field(default_factory=dict)
    """By injection layer, whether the blocks up to it can be left out for all rows but one (see `lower_layers`)."""
    joins_patches: dict[str, bool] = field(default_factory=dict)
    """By the name of an activation, whether patched rows can join a batch at their own layer (see `patching.runs`)."""

    @property
    def kind(self) -> Kind:
        """Whether it is a decoder, an encoder-decoder or an encoder."""
        return self.feed.kind

    @cached_property
    def modules(self) -> dict[str, nn.Module]:
        """The modules by path."""
        return dict(self.module.named_modules())

    @cached_property
    def blocks(self) -> tuple[nn.Module, ...]:
        """The blocks of all stacks, each once."""
        return tuple(self.modules[path] for path in self.anatomy.block_paths)

    @cached_property
    def configs(self) -> tuple[Any, ...]:
        """The configurations of the module and its parts, each once."""
        return configs_of(self.module)

    @cached_property
    def base_model(self) -> nn.Module | None:
        """The module that returns the head's input, None where there is no such module."""
        path = self.anatomy.base_model
        return None if path is None else self.modules[path]

    def unembedding(self, stack: str = "") -> BoundUnembedding | None:
        """How states at the end of a stack become logits, None where only the model itself can compute them."""
        record = self.anatomy.unembedding(stack)
        return None if record is None else record.bind(self.modules)

    @cached_property
    def sublayers(self) -> tuple[Sublayers, ...]:
        """The sub-layers of every stack, found at the first use and kept.

        Raises:
            LoadError: if a forward fails.
        """
        with self.lock, memory_errors(), evaluating(self.module), returning_mappings(self.configs):
            return find_sublayers(self.module, self.feed, self.anatomy, self.device)

    def blocks_with_new_hooks(self) -> tuple[str, ...]:
        """The paths of blocks that got a forward hook after the checks at load.

        Such a hook runs after a state was read or written there, so that the next block gets another one.
        """
        new = hooks_on(self.modules, self.anatomy.block_paths) - self.hooks
        return tuple(path for path in self.anatomy.block_paths if any(path == each for each, _ in new))

    @property
    def layers(self) -> int:
        """Number of blocks of the stack that a prompt runs through first."""
        return len(self.anatomy.main.blocks)

    @property
    def device(self) -> torch.device:
        """Where the embeddings are, which is where token ids go."""
        return device_of(self.module)

    @property
    def dtype(self) -> torch.dtype:
        """The number format of the weights."""
        dtype = getattr(self.module, "dtype", None)
        return dtype if isinstance(dtype, torch.dtype) else embeddings_of(self.module).weight.dtype

    @property
    def hidden(self) -> int:
        """Width of the residual stream."""
        return self.anatomy.main.width

    @property
    def context(self) -> int:
        """Longest sequence of tokens for the stack of a prompt; 0 where it has no bound of its own."""
        return context_of(text_config(self.module), self.anatomy.main.name, self.feed.first_position)

    @property
    def output_context(self) -> int:
        """Longest sequence of tokens for the stack that writes the answer; as `context` but for an encoder-decoder."""
        return context_of(text_config(self.module), self.anatomy.last.name, self.feed.first_position)

    @property
    def stream_dtype(self) -> torch.dtype:
        """The number format of the residual stream, which can be a wider one than that of the weights (Mamba)."""
        return self.anatomy.main.dtype

    @property
    def num_embeddings(self) -> int:
        """Token ids that the model has embeddings for."""
        return int(embeddings_of(self.module).weight.shape[0])

    @property
    def end_tokens(self) -> frozenset[int]:
        """Ids that end a generation, by the model's generation config or else its tokenizer; an encoder has none."""
        if self.kind == "encoder":
            return frozenset()
        end = getattr(getattr(self.module, "generation_config", None), "eos_token_id", None)
        if end is None:
            end = self.tokenizer.eos_token_id
        named = end if isinstance(end, list | tuple) else [end]
        return frozenset(token for token in named if isinstance(token, int))

    @property
    def keeps_last_logits(self) -> bool:
        """Whether the forward can compute the last position's logits alone."""
        return self.feed.takes("logits_to_keep")

    def check_layer(self, layer: int, stack: str = "") -> None:
        """Refuse a layer that the model does not have.

        Raises:
            RequestError: naming the layers there are.
        """
        chosen = self.anatomy.stack(stack)
        count = len(chosen.blocks)
        if not EMBED <= layer < count:
            whose = f"the {chosen.name} of {self.name}" if len(self.anatomy.stacks) > 1 else self.name
            raise RequestError(
                f"Layer {layer} is out of range: {whose} has {count} layers.", f"Choose embed or 0 to {count - 1}."
            )

    @cached_property
    def layouts(self) -> Layouts:
        """The layouts of the tensors of all modules, found at the first use and kept, whatever edits stand."""
        with self.lock, memory_errors(), evaluating(self.module), returning_mappings(self.configs):
            return find_layouts(self.module, self.feed, self.device)

    @contextmanager
    def inference(self, cancelled: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """While open, this thread alone runs the model, without gradients, and can be stopped before any block.

        The edits that stand are made.

        Raises:
            Cancelled: from inside a forward, once `cancelled` returns true.
            OutOfMemory: where the device has no memory left.
        """

        def check_cancelled(module: Any, args: Any) -> None:
            if cancelled():
                raise Cancelled

        whole, edits = returning_mappings(self.configs), self.edits.making(self.module, self.modules)
        with self.lock, torch.no_grad(), memory_errors(), evaluating(self.module), whole, edits:
            handles = [block.register_forward_pre_hook(check_cancelled) for block in self.blocks]
            try:
                yield
            finally:
                for handle in handles:
                    handle.remove()

    def inputs(
        self, rows: Sequence[Sequence[int]], prefixes: Sequence[Sequence[int]] | None = None, use_cache: bool = True
    ) -> dict[str, Any]:
        """Arguments of a forward for rows of token ids; see `InputBuilder.build`."""
        return self.feed.build(rows, self.device, prefixes, use_cache)

    def read(
        self,
        ids: Sequence[int],
        layers: Sequence[int],
        positions: Sequence[int],
        cancelled: Callable[[], bool] = lambda: False,
        prefix: Sequence[int] | None = None,
    ) -> dict[int, torch.Tensor]:
        """Residual states of one prompt by layer, each `(positions, hidden)`, in one forward (see `tracing`).

        With a `prefix`, ids that the decoder of an encoder-decoder has written, its layers and positions are read.
        """
        stack = "" if prefix is None else "decoder"
        for layer in layers:
            self.check_layer(layer, stack)
        inputs = self.inputs([list(ids)], None if prefix is None else [list(prefix)], use_cache=False)
        columns = list(positions)
        with self.edits.reading_prompt(), self.inference(cancelled):
            return tracing.read_residuals(self.traced, stack, inputs, layers, ([0] * len(columns), columns))

    def info(self) -> ModelInfo:
        """The model's description for the interface."""
        return ModelInfo(
            name=self.name,
            title=" + ".join(last_part(name) for name in (self.base or self.name, self.adapter) if name),
            family=getattr(getattr(self.module, "config", None), "model_type", "") or type(self.module).__name__,
            layers=self.layers,
            hidden=self.hidden,
            vocabulary=self.anatomy.vocabulary,
            context=self.context,
            parameters=sum(p.numel() for p in self.module.parameters()),
            device=str(self.device),
            dtype=short_name(self.dtype),
            verdict=self.verdict,
            chat=bool(getattr(self.tokenizer, "chat_template", None)),
            kind=self.kind,
            stacks=tuple(StackInfo(stack.name, len(stack.blocks), stack.skipped) for stack in self.anatomy.stacks),
            revision=self.revision,
            base=self.base,
            adapter=self.adapter,
            edits=self.edits.records,
            layer_paths=tuple(self.layer_paths.items()),
        )


def last_part(name: str) -> str:
    """The last part of a path or a hub id."""
    return name.rstrip("/").rsplit("/", 1)[-1]


CONTEXTS = ("max_position_embeddings", "n_positions", "max_seq_len", "block_size")
"""Fields of configurations that bound the length of a text."""


def context_of(config: Any, stack: str, first_position: int) -> int:
    """The bound that a configuration sets to a stack's length, 0 for none.

    ALiBi has none, and T5 counts distances: its `n_positions` bounds nothing.
    """
    alibi = getattr(config, "alibi", False) or getattr(getattr(config, "attn_config", None), "alibi", False)
    if alibi or hasattr(config, "relative_attention_num_buckets"):
        return 0
    for name in (f"max_{stack}_position_embeddings", *CONTEXTS):
        if isinstance(getattr(config, name, None), int):
            return max(0, int(getattr(config, name)) - first_position)
    return 0


def device_of(module: Any) -> torch.device:
    """Where a module's token embeddings are; where they are loaded on demand (accelerate), where they will be."""
    table = embeddings_of(module)
    device: torch.device = table.weight.device
    if device.type != "meta":
        return device
    return torch.device(getattr(getattr(table, "_hf_hook", None), "execution_device", None) or "cpu")


def adopt(module: Any, tokenizer: Any, name: str = "", layer_paths: LayerPaths | Sequence[str] | None = None) -> Model:
    """A model from a module and its tokenizer, not yet verified (`verify.verify` also finds
    out whether its cache can be used).

    The module is put into evaluation mode, and nnsight's wrapper stays on its forward; else it is not changed.
    `layer_paths` are those of its blocks, or of an encoder-decoder's by stack, where they are not to be found.

    Raises:
        LoadError: if no stack of blocks or no head is found in it, saying which step failed.
    """
    module.eval()
    feed = input_builder(module)
    with (lock := lock_of(module)), returning_mappings(configs_of(module)):
        anatomy = find_anatomy(module, feed, device_of(module), layer_paths)
    config = getattr(module, "config", None)
    known = name or getattr(config, "name_or_path", "") or getattr(config, "model_type", "") or type(module).__name__
    traced = tracing.trace_model(module, anatomy)
    notices = [notice for stack in anatomy.stacks for notice in stack.notices()]
    found = Model(known, module, tokenizer, feed, anatomy, traced, lock, notices=notices)
    found.cached = feed.cache_name is not None
    if layer_paths is not None:
        named = map(anatomy.stack, layer_paths if isinstance(layer_paths, Mapping) else [""])
        found.layer_paths = {stack.name: tuple(block.path for block in stack.blocks) for stack in named}
    found.hooks = hooks_on(found.modules, anatomy.block_paths)
    return found
