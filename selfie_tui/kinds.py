"""A model's kind and its stacks in the user's words: which can be read, how many layers each has, what it does."""

from __future__ import annotations

from selfie_tui.errors import RequestError
from selfie_tui.records import ModelInfo, StackInfo

MASK = "[MASK]"
"""How a mask token is written in an interpretation prompt for an encoder."""


def stacks_of(model: ModelInfo) -> tuple[StackInfo, ...]:
    """The model's residual streams; a model that names none has one, called as its kind."""
    return model.stacks or (StackInfo(model.kind, model.layers),)


def stack_named(model: ModelInfo, name: str) -> StackInfo:
    """The stack called `name`, the first one for "".

    Raises:
        RequestError: naming those there are.
    """
    found = next((stack for stack in stacks_of(model) if name in ("", stack.name)), None)
    if found is None:
        names = " or ".join(stack.name for stack in stacks_of(model))
        raise RequestError(f"{model.title} has no {name}.", f"Its states are read from the {names}.")
    return found


def written_stack(model: ModelInfo, name: str) -> str:
    """How a request names a stack: in full where there are several, not at all where there is one; raises likewise."""
    stack = stack_named(model, name)
    return stack.name if len(stacks_of(model)) > 1 else ""


def most_layers(model: ModelInfo) -> int:
    """The layers of the largest stack, which bound the layer that is written to."""
    return max(stack.layers for stack in stacks_of(model))


def layers_description(model: ModelInfo) -> str:
    """`8 layers`, or with its kind where that is no decoder: `encoder-decoder 6+6 layers`."""
    layers = "+".join(str(stack.layers) for stack in stacks_of(model))
    return f"{layers} layers" if model.kind == "decoder" else f"{model.kind} {layers} layers"


def masks_filled(text: str, max_new_tokens: int) -> int:
    """How many mask tokens an encoder fills in an interpretation prompt: those of the text, or as many as are asked."""
    return text.count(MASK) or max_new_tokens
