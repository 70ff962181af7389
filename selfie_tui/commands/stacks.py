"""The stack of a model that a command reads."""

from __future__ import annotations

from selfie_tui.commands.client import narrate
from selfie_tui.kinds import stacks_of, written_stack
from selfie_tui.records import ModelInfo


def chosen_stack(model: ModelInfo, name: str) -> str:
    """The stack that is read, as a request names it, narrated where the model has several.

    Raises:
        RequestError: if the model has no such stack.
    """
    stack = written_stack(model, name)
    others = [other.name for other in stacks_of(model) if stack and other.name != stack]
    for other in others:
        narrate(f"reads the {stack}'s states; for the {other}'s: --stack {other}")
    return stack
