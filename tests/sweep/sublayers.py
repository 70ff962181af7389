"""For how many types of model the sub-layers and heads are found, and whether what is found adds up."""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from transformers import logging as transformers_logging

from selfie_tui.engine import tracing
from selfie_tui.engine.anatomy.locations import Activation, Patch
from selfie_tui.engine.model import Model, adopt
from selfie_tui.engine.sublayers import BlockParts, Heads, Part, Sublayers
from selfie_tui.errors import SelfieError
from tests.engine.zoo import VOCABULARY, byte_tokenizer
from tests.sweep.facts import NOT_TEXT
from tests.sweep.small import ENTRIES, Kind, small

SUM_ERROR = 2e-6
"""Float32 sums of a few terms, relative to the largest number of the stream, were seen to differ by 5e-7 at most."""


@dataclass(frozen=True)
class Found:
    """What one type showed.

    Blocks; those whose parts add up to their output, those that norm the stream instead, those in which every part's
    own value put back changes nothing; attentions, those whose heads add up, those in which patching all heads is
    patching all that is added, those whose `q`, `k` and `v` are known; and what is lacking.
    """

    blocks: int = 0
    adding: int = 0
    norming: int = 0
    put_back: int = 0
    attentions: int = 0
    by_head: int = 0
    patched: int = 0
    with_qkv: int = 0
    problems: tuple[str, ...] = ()


def check(kind: Kind, model_type: str) -> Found:
    """Find the sub-layers of a small model and add up what they are found to add."""
    model = adopt(small(kind, model_type), byte_tokenizer())
    total, problems = Counter[str](), Counter[str]()
    for sublayers in model.sublayers:
        for block in sublayers.blocks:
            total["blocks"] += 1
            for name, problem in checked(model, sublayers, block):
                total[name] += not problem
                problems[f"{sublayers.stack} {problem}"] += bool(problem)
            for part in block.parts:
                total["attentions"] += part.kind in ("attention", "cross")
                total["with_qkv"] += part.kind in ("attention", "cross") and part.heads is not None and not part.lacking
                problems[f"{sublayers.stack} {part.kind}: {part.lacking}"] += bool(part.lacking)
    return Found(**total, problems=tuple(f"{text} ({count})" for text, count in problems.items() if count))


def checked(model: Model, sublayers: Sublayers, block: BlockParts) -> Iterator[tuple[str, str]]:
    """What of a block holds, by name, each with the problem if it does not."""
    if block.lacking:
        yield "adding", block.lacking
    elif not block.adds:
        yield "norming", ""
    else:
        error = sum_error(model, sublayers, block)
        yield "adding", f"sum is off by {error:.1e}" if error > SUM_ERROR else ""
    if not block.lacking:
        error = put_back_error(model, block)
        yield "put_back", f"own values put back change logits by {error:.1e}" if error > SUM_ERROR else ""
    for part in block.parts:
        if part.heads is not None:
            error = heads_error(model, part.heads)
            yield "by_head", f"heads are off by {error:.1e}" if error > SUM_ERROR else ""
            error = patch_error(model, part.heads, part)
            yield "patched", f"patching heads is off by {error:.1e}" if error > SUM_ERROR else ""


def texts(model: Model) -> dict[str, torch.Tensor]:
    """Two rows of tokens that the search did not see."""
    ids = torch.randint(3, VOCABULARY, (2, 9), generator=torch.Generator().manual_seed(5)).tolist()
    prefixes = [[*model.feed.start, *row[:4]] for row in ids] if model.kind == "encoder-decoder" else None
    return model.inputs(ids, prefixes, use_cache=False)


def sum_error(model: Model, sublayers: Sublayers, block: BlockParts) -> float:
    """The error of `resid_pre + attn_out + cross_out + mlp_out = resid_post`, relative to the stream."""
    inputs = texts(model)
    pre, post = tracing.read_block_ends(model.traced, sublayers.stack, inputs)[block.layer]
    locations = tuple(location for part in block.parts for location in part.out)
    (added,) = tracing.read_activations(model.traced, inputs, [Activation("all", block.layer, locations)])
    return float((pre + added - post).abs().max() / post.abs().max())


def heads_error(model: Model, heads: Heads) -> float:
    """The error of `sum of z W_O + bias = output of the projection`, relative to that."""
    both = [mixed(heads), Activation("projected", 0, (heads.out,))]
    z, out = tracing.read_activations(model.traced, texts(model), both)
    summed = torch.einsum("rphd,hde->rpe", z, heads.weight(model.modules).detach())
    bias = heads.bias(model.modules)
    summed = summed if bias is None else summed + bias.detach()
    return float((summed - out).abs().max() / out.abs().max())


def mixed(heads: Heads) -> Activation:
    """The `z` of an attention, of which a block may have several."""
    location, columns = heads.activation("z") or (heads.z, None)
    return Activation("z", 0, (location,), columns)


def put_back_error(model: Model, block: BlockParts) -> float:
    """By how much logits change when what the parts give is written over itself, relative to the greatest logit."""
    inputs = texts(model)
    outs = [Activation("out", block.layer, (location,)) for part in block.parts for location in part.out]
    values = tracing.read_activations(model.traced, inputs, outs)
    patches = [patch(out, value) for out, value in zip(outs, values, strict=True)]
    return changed(patched(model, patches), patched(model, []))


def patch_error(model: Model, heads: Heads, part: Part) -> float:
    """The difference between exchanging two rows' `z` of all heads and exchanging what their attention adds."""
    z, out = mixed(heads), Activation("out", 0, part.out)
    values = tracing.read_activations(model.traced, texts(model), [z, out])
    one, other = (patched(model, [patch(each, value.flip(0))]) for each, value in zip((z, out), values, strict=True))
    return changed(one, other)


def patch(activation: Activation, value: torch.Tensor) -> Patch:
    """A value written over an activation in all rows, at all positions."""
    return Patch(activation, tuple(range(value.shape[0])), tuple(range(value.shape[1])), value)


def patched(model: Model, patches: list[Patch]) -> torch.Tensor:
    """The logits of a patched run."""
    return model.anatomy.logits_in(tracing.run_patched(model.traced, texts(model), patches))


def changed(one: torch.Tensor, other: torch.Tensor) -> float:
    """The greatest difference of logits, relative to the greatest."""
    return float((one - other).abs().max() / other.abs().max())


def main(model_types: list[str]) -> None:
    """Print a line for every entry, or for those named on the command line."""
    torch.set_num_threads(1)
    transformers_logging.set_verbosity_error()
    warnings.filterwarnings("ignore")
    totals = Counter[str]()
    for kind, model_type in ENTRIES:
        if (kind, model_type) in NOT_TEXT or (model_types and model_type not in model_types):
            continue
        totals["types"] += 1
        try:
            found = check(kind, model_type)
        except SelfieError as error:
            print(f"{kind:8} {model_type:26} {error}", flush=True)
            continue
        totals["opened"] += 1
        totals["all blocks add or norm"] += found.adding + found.norming == found.blocks
        totals["all blocks add"] += found.adding == found.blocks
        totals["with attention"] += bool(found.attentions)
        totals["all attentions by head"] += bool(found.attentions) and found.by_head == found.attentions
        totals["all q, k, v"] += bool(found.attentions) and found.with_qkv == found.attentions
        totals["all put back"] += found.put_back == found.blocks
        totals["all patched by head"] += bool(found.attentions) and found.patched == found.attentions
        columns = [value for value in vars(found).values() if isinstance(value, int)]
        print(f"{kind:8} {model_type:26}", *(f"{count:3}" for count in columns), "; ".join(found.problems), flush=True)
    print(", ".join(f"{name}: {count}" for name, count in totals.items()))


if __name__ == "__main__":
    main(sys.argv[1:])
