"""Vectors from sets of prompts: means of states, differences of two means, and function vectors of heads.

A difference of means over prompts that have something and prompts that do not is the direction of it: contrastive
activation addition (Panickssery et al. 2023, arXiv 2312.06681), representation reading (Zou et al. 2023, arXiv
2310.01405). The mean over prompts that show a task by examples is a task vector (Hendel et al. 2023, arXiv 2310.15916);
what a few heads add in these prompts, summed, a function vector (Todd et al. 2023, arXiv 2310.15213).

When it misleads: whatever else differs between the sets is in the difference too, lengths and topics among it. Take
pairs that differ in nothing else, or many prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from selfie_tui.engine import tracing
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.source import Source
from selfie_tui.engine.sublayers import BlockParts
from selfie_tui.errors import RequestError
from selfie_tui.records import Average, Head, ordinary_positions

States = dict[int, torch.Tensor]
"""States by layer, each `(positions, width)`."""


def averaged_positions(source: Source, average: Average) -> list[int]:
    """The positions of a prompt whose states are averaged: its last token's, or those of its ordinary tokens."""
    return [len(source.tokens) - 1] if average == "last" else list(ordinary_positions(source.tokens))


def mean_of(states: Sequence[States], layers: Sequence[int]) -> torch.Tensor:
    """The mean over prompts of the mean over the positions of each, `(layers, width)` float32 on the CPU.

    Raises:
        RequestError: where it is not finite.
    """
    means = [
        torch.stack([prompt[layer].float().mean(0) for prompt in states]).mean(0).cpu() for layer in layers
    ]  # each (width,)
    rows = torch.stack(means)
    if not bool(rows.isfinite().all()):
        raise RequestError("The states are not finite.", "Load the model in bf16 or fp32.")
    return rows


def check_heads(model: Model, heads: Sequence[Head]) -> None:
    """Refuse heads that a decoder does not have, or whose output was not found.

    Raises:
        RequestError: naming what there is.
    """
    blocks = model.sublayers[-1].blocks
    for head in heads:
        model.check_layer(head.layer, model.anatomy.last.name)
        part = blocks[max(head.layer, 0)].part("attention") if head.layer >= 0 else None
        if part is None or part.heads is None:
            why = f": {part.lacking}" if part and part.lacking else ""
            raise RequestError(f"Layer {head.layer} has no heads that were found{why}.", "Choose heads of another one.")
        found = len(part.heads.weight(model.modules))
        if not 0 <= head.head < found:
            raise RequestError(f"Layer {head.layer} has {found} heads.", f"Use 0 to {found - 1}.")


def heads_write(model: Model, source: Source, heads: Sequence[Head], cancelled: Callable[[], bool]) -> torch.Tensor:
    """What heads add to the stream at the last token of a prompt, summed, `(width,)` float32 on the CPU.

    `z_h W_O^h` of each, without the projection's bias, which is no head's.

    Raises:
        Cancelled: before any block, once `cancelled` gives true.
    """
    blocks = model.sublayers[-1].blocks
    layers = sorted({head.layer for head in heads})
    inputs = model.inputs([list(source.ids)], None if source.prefix is None else [list(source.prefix)], use_cache=False)
    with model.edits.reading_prompt(), model.inference(cancelled):
        found = tracing.read_activations(model.traced, inputs, [blocks[layer].activation("z") for layer in layers])
    by_layer = {layer: z[0, -1] for layer, z in zip(layers, found, strict=True)}  # each (heads, head_dim)
    return torch.stack([written_by(model, blocks[head.layer], by_layer[head.layer], head.head) for head in heads]).sum(
        0
    )


def written_by(model: Model, block: BlockParts, z: torch.Tensor, head: int) -> torch.Tensor:
    """What a head adds to the stream, `(width,)` float32 on the CPU, of the heads' mixes `(heads, head_dim)`."""
    part = block.part("attention")
    assert part is not None  # `check_heads` was asked
    assert part.heads is not None
    weight = part.heads.weight(model.modules)[head].detach()  # (head_dim, width)
    scale = next((out.scale for out in part.out if out.path == part.heads.out.path), 1.0)
    return (scale * (z[head].float() @ weight.float())).cpu()
