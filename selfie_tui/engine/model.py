"""A model in hand: the module, its tokenizer, its anatomy, its nnsight wrapper and its lock."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import torch

from selfie_tui.engine import tracing
from selfie_tui.engine.anatomy import Anatomy, find_anatomy
from selfie_tui.engine.devices import SHORT_NAMES, memory_errors
from selfie_tui.errors import Cancelled, RequestError
from selfie_tui.records import EMBED, ModelInfo

_locks: WeakKeyDictionary[Any, threading.RLock] = WeakKeyDictionary()
_locks_guard = threading.Lock()


def lock_of(module: Any) -> threading.RLock:
    """The one lock of a module, however often it is wrapped: two threads in one model corrupt each other's runs."""
    with _locks_guard:
        return _locks.setdefault(module, threading.RLock())


@dataclass(eq=False)
class Model:
    """A causal language model that can be read and written; make one with `load` or `adopt`.

    `traced` is the nnsight wrapper and `blocks` its view of the blocks. Every forward takes `lock`. `proof` is the
    verdict of the identities that were run at load, `prefix_reuse` whether the cache of a shared prefix may be reused.
    """

    name: str
    module: Any
    tokenizer: Any
    anatomy: Anatomy
    traced: Any
    blocks: list[Any]
    lock: threading.RLock
    proof: str = "not proven"
    prefix_reuse: bool = True
    notices: list[str] = field(default_factory=list)

    @property
    def layers(self) -> int:
        """Number of blocks."""
        return len(self.blocks)

    @property
    def device(self) -> torch.device:
        """Where the embeddings are, which is where token ids go."""
        device: torch.device = self.module.get_input_embeddings().weight.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        """The number format of the weights."""
        dtype: torch.dtype = self.module.dtype
        return dtype

    @property
    def hidden(self) -> int:
        """Width of the residual stream."""
        return int(self.module.config.get_text_config().hidden_size)

    @property
    def context(self) -> int:
        """Longest sequence of tokens that the model takes; 0 where it has no bound of its own."""
        config = self.module.config.get_text_config()
        if getattr(config, "alibi", False) or getattr(getattr(config, "attn_config", None), "alibi", False):
            return 0
        for name in ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length"):
            if isinstance(getattr(config, name, None), int):
                return int(getattr(config, name))
        return 0

    @property
    def end_tokens(self) -> frozenset[int]:
        """Ids that end a generation, by the model's generation config or else its tokenizer."""
        end = getattr(self.module.generation_config, "eos_token_id", None)
        if end is None:
            end = self.tokenizer.eos_token_id
        return frozenset([end] if isinstance(end, int) else end or ())

    @property
    def keeps_last_logits(self) -> bool:
        """Whether the forward can be told to compute the last position's logits only."""
        return "logits_to_keep" in inspect.signature(self.module.forward).parameters

    def check_layer(self, layer: int) -> None:
        """Refuse a layer that the model does not have.

        Raises:
            RequestError: naming the layers there are.
        """
        if not EMBED <= layer < self.layers:
            raise RequestError(
                f"Layer {layer} is out of range: {self.name} has {self.layers} layers.",
                f"Choose embed or 0 to {self.layers - 1}.",
            )

    @contextmanager
    def forwards(self, cancelled: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """While open, this thread alone runs the model, without gradients, and can be stopped before any block.

        Raises:
            Cancelled: from inside a forward, once `cancelled` gives true.
            OutOfMemory: where the device has no memory left.
        """

        def ask(module: Any, args: Any) -> None:
            if cancelled():
                raise Cancelled

        with self.lock, torch.no_grad(), memory_errors():
            handles = [block.register_forward_pre_hook(ask) for block in self.anatomy.blocks]
            try:
                yield
            finally:
                for handle in handles:
                    handle.remove()

    def inputs(self, rows: Sequence[Sequence[int]]) -> dict[str, Any]:
        """Model inputs for rows of token ids, `(rows, positions)`; shorter rows are padded on the left.

        Padded rows are masked and, where the model takes position ids, counted from their first own token.
        """
        length = max(len(row) for row in rows)
        batch = torch.tensor([[*[0] * (length - len(row)), *row] for row in rows], device=self.device)
        first = torch.tensor([[length - len(row)] for row in rows], device=self.device)
        mask = (torch.arange(length, device=self.device) >= first).long()
        inputs = {"input_ids": batch, "attention_mask": mask, "use_cache": True}
        if bool(first.any()) and "position_ids" in inspect.signature(self.module.forward).parameters:
            inputs["position_ids"] = (mask.cumsum(-1) - 1).clamp_min(0)
        return inputs

    def read(
        self,
        ids: Sequence[int],
        layers: Sequence[int],
        positions: Sequence[int],
        cancelled: Callable[[], bool] = lambda: False,
    ) -> dict[int, torch.Tensor]:
        """Residual states of one prompt by layer, each `(positions, hidden)`, in one forward (see `tracing`)."""
        for layer in layers:
            self.check_layer(layer)
        inputs = self.inputs([list(ids)]) | {"use_cache": False}
        with self.forwards(cancelled):
            return tracing.read_residuals(self.traced, self.blocks, inputs, layers, positions)

    def info(self) -> ModelInfo:
        """What the interface says of the model."""
        return ModelInfo(
            name=self.name,
            title=self.name.rstrip("/").rsplit("/", 1)[-1],
            family=self.module.config.model_type,
            layers=self.layers,
            hidden=self.hidden,
            vocabulary=int(self.module.config.get_text_config().vocab_size),
            context=self.context,
            parameters=sum(p.numel() for p in self.module.parameters()),
            device=str(self.device),
            dtype=SHORT_NAMES.get(self.dtype, str(self.dtype).removeprefix("torch.")),
            proof=self.proof,
            chat=bool(getattr(self.tokenizer, "chat_template", None)),
        )


def adopt(module: Any, tokenizer: Any, name: str = "") -> Model:
    """A model from a module in hand and its tokenizer; the module is put into evaluation mode, else not changed.

    Raises:
        LoadError: if no stack of blocks or no head is found in it.
    """
    module.eval()
    traced = tracing.wrap(module)
    with (lock := lock_of(module)):
        anatomy = find_anatomy(module)
    return Model(
        name=name or module.config.name_or_path or module.config.model_type,
        module=module,
        tokenizer=tokenizer,
        anatomy=anatomy,
        traced=traced,
        blocks=tracing.envoys(traced, anatomy.blocks_path),
        lock=lock,
    )
