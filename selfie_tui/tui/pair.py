"""A pair of prompts: the one that was put aside as the source, A, beside the one that is typed, B."""

from __future__ import annotations

from typing import NamedTuple

from selfie_tui.records import Token

ORIGIN = "pair"
"""Who asks for the tokens of the source with another model."""


class Source(NamedTuple):
    """The prompt that was put aside, the stack that it was read in, and its tokens; none while they are to come."""

    prompt: str
    stack: str
    tokens: tuple[Token, ...]
