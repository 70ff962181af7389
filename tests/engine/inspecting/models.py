"""Models of the kinds that inspecting has to deal with, a prompt for each, and hooks as a user would write them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch

from selfie_tui.engine.anatomy.calls import tensors_in
from selfie_tui.engine.inspecting.continuation import Continuation, opening_of
from selfie_tui.engine.model import Model, adopt
from selfie_tui.engine.prompts.source import Source, source_of
from selfie_tui.records import ModuleTensor
from tests.engine import sublayer_models, zoo
from tests.sweep.small import Kind, small
from tests.sweep.sweep import mask_tokenizer

FAMILIES = ("gpt2", "llama", "neox", "gemma2", "qwen3", "opt", "bloom", "falcon", "mpt", "gptj", "mixtral", "jamba")
"""Decoders of the zoo: tuples and tensors as outputs, rows and tokens on one axis, experts, a mixer."""

OTHERS: dict[str, Kind] = {
    "albert": "masked",
    "bert": "masked",
    "t5": "seq2seq",
    "bart": "seq2seq",
    "xlnet": "causal",
    "mamba": "causal",
    "rwkv": "causal",
}
"""A shared block, encoders, encoder-decoders, tokens before rows, recurrent states."""

PROMPT = "the man with hat is in Paris"


@cache
def build(name: str) -> Model:
    """A random model by the name of its family."""
    if name in zoo.FAMILIES:
        return zoo.build(name)
    if name in OTHERS:
        return adopt(small(OTHERS[name], name), mask_tokenizer(), name)
    return sublayer_models.build(name)


def prompt_of(model: Model) -> str:
    """A prompt for a model, with what a decoder has written where it has an encoder."""
    return f"[INST]{PROMPT}[/INST]Sure I will" if model.kind == "encoder-decoder" else PROMPT


def source(model: Model, stack: str = "") -> Source:
    return source_of(model, prompt_of(model), stack)


def last_stack(model: Model) -> str:
    return model.anatomy.last.name if model.kind == "encoder-decoder" else ""


def arguments(model: Model, read: Source) -> dict[str, Any]:
    return model.inputs([list(read.ids)], None if read.prefix is None else [list(read.prefix)], use_cache=False)


def logits(model: Model, read: Source) -> torch.Tensor:
    """The model's logits for a prompt, `(tokens, vocabulary)`, by its forward alone."""
    with torch.no_grad():
        return model.anatomy.logits_in(model.module(**arguments(model, read)))[0]


def edited_logits(model: Model, read: Source) -> torch.Tensor:
    """The same in a forward over the prompt in which the edits that stand are made."""
    with model.edits.reading_prompt(), model.inference():
        return logits(model, read)


def all_tensors(model: Model, read: Source) -> dict[ModuleTensor, torch.Tensor]:
    """Every tensor of a forward, `(...)`, seen by a hook on each module."""
    found: dict[ModuleTensor, torch.Tensor] = {}
    calls: dict[str, int] = {}
    handles = []

    def note(path: str, which: Any, values: Any) -> None:
        for index, (_, tensor) in enumerate(tensors_in(values, 3)):
            found[ModuleTensor(path, which, index, calls.get(path, 0))] = tensor.clone()

    def hooks(path: str) -> tuple[Callable[..., None], Callable[..., None]]:
        def after(module: Any, args: Any, output: Any) -> None:
            note(path, "output", output)
            calls[path] = calls.get(path, 0) + 1

        return lambda module, args, kwargs: note(path, "input", (args, kwargs)), after

    for path, module in model.module.named_modules():
        before, after = hooks(path)
        handles += [
            module.register_forward_pre_hook(before, with_kwargs=True),
            module.register_forward_hook(after),
        ]
    logits(model, read)
    for handle in handles:
        handle.remove()
    return found


def hooks_of(model: Model) -> dict[str, tuple[int, ...]]:
    """The hooks on every module, those among them that transformers leaves where attentions were once asked for."""
    return {
        path: (*part._forward_hooks, *part._forward_pre_hooks, id(part.forward))
        for path, part in model.module.named_modules()
        if path
    }


@contextmanager
def hooked(model: Model, path: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[None]:
    """While open, a module's output, or the first item of it, is what `change` makes of it."""

    def after(module: Any, args: Any, output: Any) -> Any:
        if isinstance(output, torch.Tensor):
            return change(output.clone())
        if isinstance(output, tuple):
            return (change(output[0].clone()), *output[1:])
        first = next(iter(output))  # an output by name
        output[first] = change(output[first].clone())
        return output

    handle = model.modules[path].register_forward_hook(after)
    try:
        yield
    finally:
        handle.remove()


def greedy(model: Model, tokens: int) -> list[int]:
    """The greedy answer to the prompt, the whole text run at every step; hooks that are open see whole texts."""
    read, written = source(model, last_stack(model)), []
    for _ in range(tokens):
        grown = (
            Source((*read.ids, *written), ()) if read.prefix is None else Source(read.ids, (), (*read.prefix, *written))
        )
        token = int(logits(model, grown)[-1].argmax())
        if token in model.end_tokens:
            break
        written.append(token)
    return written


def continued(model: Model, tokens: int) -> list[int]:
    """The answer of the engine's own decoding, with the edits that stand."""
    answer = Continuation(model, opening_of(model, prompt_of(model), tokens), tokens, model.edits.now, lambda: False)
    while answer.step():
        pass
    return list(answer.ids)
