"""A block run by itself: the arguments that it got in a forward over prompts, and its output with other weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from selfie_tui.engine.anatomy.calls import tensor_at
from selfie_tui.engine.anatomy.stacks import Block
from selfie_tui.engine.edits import with_tensor
from selfie_tui.engine.inspecting.capture import AllSeen
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.source import Source
from selfie_tui.errors import RequestError

TOKENS = 512
"""Tokens of the prompts of one run at most, but for a single longer one."""

CLOSE = 1e-3
"""How far a block's output may be from that in the forward, as a share of its norm, where it is run by itself."""


@dataclass(frozen=True, eq=False)
class BlockRun:
    """The arguments of a block in a forward over prompts of equal length, and its output `(rows, positions, width)`."""

    block: Block
    arguments: tuple[tuple[Any, ...], dict[str, Any]]
    output: torch.Tensor

    def again(self, module: nn.Module) -> torch.Tensor:
        """The block's output `(rows, positions, width)` for the same arguments; a block may write into its input."""
        path = self.block.input.tensor_path
        args, kwargs = with_tensor(self.arguments, path, tensor_at(path, self.arguments).clone())
        return self.block.output.of(module(*args, **kwargs)).flatten(2)


def block_runs(
    model: Model, block: Block, sources: Sequence[Source], cancelled: Callable[[], bool]
) -> Iterator[BlockRun]:
    """A block's runs over prompts, those of one length together, so that none is padded.

    Raises:
        RequestError: where the block by itself gives other states than in the forward.
        Cancelled: before any block, once `cancelled` gives true.
    """
    groups: dict[tuple[int, int], list[Source]] = {}
    for source in sources:
        groups.setdefault((len(source.ids), len(source.prefix or ())), []).append(source)
    for (length, written), group in groups.items():
        size = max(1, TOKENS // max(length, written))
        for start in range(0, len(group), size):
            yield read_run(model, block, group[start : start + size], cancelled)


def read_run(model: Model, block: Block, sources: Sequence[Source], cancelled: Callable[[], bool]) -> BlockRun:
    """One run over prompts of equal length; raises as `block_runs`."""
    module, seen = model.modules[block.path], []

    def before(_: nn.Module, args: Any, kwargs: Any) -> None:
        path = block.input.tensor_path
        seen.append(with_tensor((args, kwargs), path, tensor_at(path, (args, kwargs)).clone()))

    def after(_: nn.Module, args: Any, output: Any) -> None:
        seen.append(block.output.of(output).flatten(2).clone())
        raise AllSeen

    rows = [list(source.ids) for source in sources]
    prefixes = [list(source.prefix) for source in sources if source.prefix is not None] or None
    inputs = model.inputs(rows, prefixes, use_cache=False)
    with model.edits.reading_prompt(), model.inference(cancelled):
        handles = module.register_forward_pre_hook(before, with_kwargs=True), module.register_forward_hook(after)
        try:
            with suppress(AllSeen):
                model.module(**inputs)
        finally:
            for handle in handles:
                handle.remove()
        run = BlockRun(block, *seen)
        check_same(model, run, run.again(module))
    return run


def check_same(model: Model, run: BlockRun, alone: torch.Tensor) -> None:
    """Refuse a block that gives another output `(rows, positions, width)` by itself; raises RequestError."""
    apart = (alone.float() - run.output.float()).norm() / run.output.float().norm().clamp_min(1e-12)
    if not float(apart) < CLOSE:
        raise RequestError(
            f"{run.block.path} of {model.name} gives other states by itself than in a forward (by {float(apart):.2g} "
            "of their norm), so that it cannot be trained alone.",
            "Take off edits of single tokens, or steer the layer.",
        )
