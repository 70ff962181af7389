"""Whether a request can be done with a model: every refusal comes before any forward, in the user's terms."""

from __future__ import annotations

import math
from collections.abc import Sequence

from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts import TargetPrompt, encode_source
from selfie_tui.errors import PromptError, RequestError
from selfie_tui.records import Request, Token
from selfie_tui.selection import parse_mode


def read_source(model: Model, request: Request) -> tuple[Token, ...]:
    """The source prompt's tokens, once the request is known to fit model and prompt."""
    parse_mode(request.mode)
    if not request.prompt.strip():
        raise PromptError("The prompt is empty.", "Type the text whose hidden states you want to read.")
    if not request.cells:
        raise RequestError("No cell is chosen.", "Mark at least one token and one layer.")
    if request.max_new_tokens < 1:
        raise RequestError("There is nothing to generate.", "Ask for at least one token.")
    if not math.isfinite(request.strength) or not 0 <= request.temperature < math.inf:
        raise RequestError("Strength and temperature must be finite, and temperature not negative.", "Change them.")
    source = source_tokens(model, request.prompt)
    model.check_layer(request.injection_layer)
    for cell in request.cells:
        model.check_layer(cell.layer)
        check_position(source, cell.position)
    return source


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


def source_tokens(model: Model, prompt: str) -> tuple[Token, ...]:
    """The tokens of a source prompt.

    Raises:
        PromptError: if the prompt is empty or longer than the model's context.
    """
    if not prompt:
        raise PromptError("The prompt is empty.", "Type the text whose hidden states you want to read.")
    _, tokens = encode_source(model.tokenizer, prompt)
    if not tokens:
        raise PromptError("The prompt has no tokens.", "Type the text whose hidden states you want to read.")
    if model.context and len(tokens) > model.context:
        raise PromptError(
            f"The prompt has {len(tokens)} tokens, and {model.name} takes {model.context}.",
            f"Shorten it by {len(tokens) - model.context} tokens.",
        )
    return tuple(tokens)


def check_room(model: Model, target: TargetPrompt, request: Request) -> None:
    """Refuse an interpretation prompt that, with what is to be generated, is longer than the model's context."""
    needed = len(target.ids) + request.max_new_tokens
    if model.context and needed > model.context:
        raise PromptError(
            f"Interpretation prompt and answer need {needed} tokens, and {model.name} takes {model.context}.",
            "Generate fewer tokens or shorten the interpretation prompt.",
        )
