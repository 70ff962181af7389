"""What a request can be refused for, in the user's terms; `prepare` makes these checks before any forward."""

from __future__ import annotations

import math
from collections.abc import Sequence

from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.placeholders import TargetPrompt
from selfie_tui.engine.prompts.source import check_known, source_tokens
from selfie_tui.errors import PromptError, RequestError
from selfie_tui.interpret_settings import check_samples
from selfie_tui.parse import parse_mode
from selfie_tui.records import Request, Token

__all__ = ["check_fits", "check_position", "check_settings", "source_tokens"]


def check_settings(request: Request) -> None:
    """Refuse settings that no run can have."""
    parse_mode(request.mode)
    if request.max_new_tokens < 1:
        raise RequestError("No token would be generated.", "Ask for at least one.")
    if not math.isfinite(request.strength) or not 0 <= request.temperature < math.inf:
        raise RequestError("Strength and temperature must be finite, and temperature not negative.", "Change them.")
    check_samples(request)


def check_position(source: Sequence[Token], position: int) -> None:
    """Refuse a position that the prompt does not have.

    Raises:
        RequestError: naming the positions there are.
    """
    if not 0 <= position < len(source):
        raise RequestError(
            f"Token {position} is out of range: the prompt has {len(source)} tokens.",
            f"Choose 0 to {len(source) - 1}.",
        )


def check_fits(model: Model, target: TargetPrompt, request: Request) -> None:
    """Refuse an interpretation prompt that does not fit: its length with the answer, its layer, its stacks' widths."""
    answered = [len(target.prefix.ids) + request.max_new_tokens] if target.prefix else []
    read = len(target.ids) + (0 if target.masks or target.prefix else request.max_new_tokens)
    for needed, context in zip((read, *answered), (model.context, model.output_context), strict=False):
        if context and needed > context:
            raise PromptError(
                f"Interpretation prompt and answer need {needed} tokens, and {model.name} takes {context}.",
                "Generate fewer tokens or shorten the interpretation prompt.",
            )
    check_known(model, (*target.ids, *(target.prefix.ids if target.prefix else ())))
    into = [model.anatomy.main.name] if target.positions else []
    into += ["decoder"] if target.prefix and target.prefix.positions else []
    width = model.anatomy.stack(request.stack).width
    for name in into:
        model.check_layer(request.injection_layer, name)
        if model.anatomy.stack(name).width != width:
            raise RequestError(
                f"States of width {width} do not fit the {name}, whose states have {model.anatomy.stack(name).width}.",
                "Put the placeholders where the model reads what you chose.",
            )
