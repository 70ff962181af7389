"""Weights, states and logit lenses that are not finite, looked for at load.

A checkpoint can hold NaN, and a number format can be too narrow for a model: Gemma 3 in fp16 overflows at its begin
token alone, so that a text with the tokenizer's own special tokens is looked at beside ordinary ones. What is found
becomes the verdict; such a model still opens, as its other layers can be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import torch

from selfie_tui.engine.anatomy.calls import ModelFailed, model_code
from selfie_tui.engine.devices import short_name
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.tokens import encode_source
from selfie_tui.engine.unembed import lens_logits
from selfie_tui.errors import PromptError
from selfie_tui.records import EMBED, layer_name

TEXT = "The Eiffel Tower is located in the city of Paris."
"""A text as a user writes it; the tokenizer puts its special tokens around it."""

NOT_FINITE = " is not finite"


def what_is_not_finite(model: Model, ids: Sequence[int]) -> str:
    """The first weight, state or lens that is not finite; empty where all are.

    `ids` are ordinary tokens of the model; the text `TEXT` is read too.
    """
    if weight := first_weight(model.module):
        return f"the weight {weight}{NOT_FINITE}"
    dtype = short_name(model.dtype)
    for tokens in texts(model, ids):
        with suppress(ModelFailed), model_code():  # a text that the model does not take, such as FSMT one with pads
            if problem := next(problems_in(model, tokens), ""):
                return f"{problem}{NOT_FINITE} in {dtype}"
    return ""


def remedy(problem: str) -> str:
    """What to do about a weight, state or lens that is not finite; empty for any other verdict."""
    if NOT_FINITE not in problem:
        return ""
    if problem.startswith("the weight"):
        return "Download or save the checkpoint again."
    return "Load it in bf16 or fp32." if problem.endswith("fp16") else "Load it in fp32, or load another checkpoint."


def first_weight(module: Any) -> str:
    """The path of the first weight that holds a number that is not finite; empty if none does."""
    return next((name for name, weight in module.named_parameters() if not is_finite(weight)), "")


def is_finite(weight: torch.Tensor) -> bool:
    """Whether all numbers of a weight `(...)` are finite; one without numbers here, or of one byte, counts as such."""
    if weight.is_meta or not weight.numel() or not weight.is_floating_point() or weight.itemsize == 1:
        return True
    return all(bool(end.isfinite()) for end in weight.detach().aminmax())


def texts(model: Model, ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """Those that are looked at: the ids of `TEXT`, where the tokenizer gives ids that the model has, and `ids`."""
    try:
        of_text, _ = encode_source(model.tokenizer, TEXT)
    except PromptError:
        of_text = ()
    if of_text and max(of_text) < model.num_embeddings and len(of_text) <= (model.context or len(of_text)):
        yield of_text
    yield ids


def problems_in(model: Model, ids: Sequence[int]) -> Iterator[str]:
    """The states of a text that are not finite, from the first layer on, and then the lenses that are not."""
    layers = range(EMBED, model.layers)
    states = model.read(ids, layers, range(len(ids)))
    for layer in layers:
        if not bool(states[layer].isfinite().all()):
            yield f"the state at {layer_name(layer)}"
    stack = model.anatomy.main.name
    if model.unembedding(stack) is None:
        return
    for layer in layers:
        largest = states[layer].norm(dim=-1).argmax()
        if not bool(lens_logits(model, states[layer][[int(largest), -1]].to(model.device), stack).isfinite().all()):
            yield f"the logit lens at {layer_name(layer)}"
