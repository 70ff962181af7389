"""Operations that a processor does faster in another way than PyTorch's, with the same results but for rounding.

- Products with weights are taken from copies in blocks (see `packed`).
- The attention of a decoding step, in which every row has one new token, is two batched products over the whole room of
  a growing cache (see `room_attention`).
- The GELU by tanh that is written in eight operations (GPT-2) is one.

All is as PyTorch does it on other devices, where these would be slower.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from transformers.activations import FastGELUActivation, NewGELUActivation

from selfie_tui.engine import tracing
from selfie_tui.engine.generation.packed import PackedWeights, packed_weights
from selfie_tui.engine.generation.room_attention import attend
from selfie_tui.engine.model import Model

TANH_GELUS = (NewGELUActivation, FastGELUActivation)
"""Modules that compute the approximation of GELU by tanh in several operations."""


class ProcessorOperations(TorchFunctionMode):
    """While entered, this thread's operations are done in the ways that are faster on a processor.

    `weights` are those that products are taken from, `gelus` modules of `TANH_GELUS` of a traced model. The `lock` is
    held meanwhile: it is the model's, whose modules are one for all threads.
    """

    def __init__(
        self,
        weights: PackedWeights,
        gelus: tuple[nn.Module, ...] = (),
        lock: AbstractContextManager[Any] = nullcontext(),  # noqa: B008 - it holds nothing
    ) -> None:
        super().__init__()
        self.weights = weights
        self.gelus = gelus
        self.lock = lock
        self.bodies = ExitStack()
        self.answers: dict[Callable[..., Any], Callable[..., torch.Tensor | None]] = {
            nn.functional.linear: self.linear,
            torch.addmm: self.addmm,
            nn.functional.scaled_dot_product_attention: attend,
        }

    def __enter__(self) -> ProcessorOperations:
        with ExitStack() as stack:
            stack.enter_context(self.lock)
            stack.enter_context(tracing.replacing_bodies(self.gelus, tanh_gelu))
            super().__enter__()  # type: ignore[no-untyped-call]
            self.bodies = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        self.bodies.close()

    def release(self) -> None:
        """Let go of the copies of weights, which are made again where they are needed again.

        What nnsight keeps of the frames of a trace would hold them until Python next looks for cycles.
        """
        self.weights.release()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """The result of a function of PyTorch, in the faster way where there is one for these arguments."""
        answer = self.answers.get(func)
        found = None if answer is None else answer(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {})) if found is None else found

    def linear(self, *args: Any, **kwargs: Any) -> torch.Tensor | None:
        """The product `(..., outputs)` of `nn.functional.linear`, None where it is to be PyTorch's own."""
        return None if kwargs else self.weights.product(args[0], args[1], args[2] if len(args) > 2 else None)

    def addmm(self, *args: Any, **kwargs: Any) -> torch.Tensor | None:
        """The product `(rows, outputs)` of `torch.addmm`, None where it is to be PyTorch's own."""
        return None if kwargs else self.weights.product(args[1], args[2].T, args[0])


def tanh_gelu(module: nn.Module, states: torch.Tensor) -> torch.Tensor:
    """The GELU by tanh of states of any shape `(...)`, in one operation."""
    return nn.functional.gelu(states, approximate="tanh")


def processor_operations(model: Model, tokens: int) -> ProcessorOperations | None:
    """The operations for a run of `tokens` tokens in all; None where they would not pay, and off a processor."""
    weights = packed_weights(model, tokens)
    if weights is None:
        return None
    gelus = tuple(part for part in model.modules.values() if type(part) in TANH_GELUS)
    return ProcessorOperations(weights, gelus, model.lock)
