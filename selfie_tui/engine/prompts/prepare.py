"""The one place where a request meets a model: prompts are made, and everything that cannot be done is refused."""

from __future__ import annotations

from dataclasses import dataclass

from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.checks import check_fits, check_position, check_settings
from selfie_tui.engine.prompts.placeholders import TargetPrompt
from selfie_tui.engine.prompts.source import Source, source_of
from selfie_tui.engine.prompts.target import build_target
from selfie_tui.errors import PromptError, RequestError
from selfie_tui.records import Request


@dataclass(frozen=True)
class Prepared:
    """What a request means to a model: the source prompt that is read, and the interpretation prompt."""

    source: Source
    target: TargetPrompt


def prepare(model: Model, request: Request) -> Prepared:
    """The prompts of a request as the model gets them; no forward is run.

    Raises:
        PromptError: for a source prompt that is empty or too long, or an interpretation prompt that does not fit.
        PlaceholderError: for an interpretation prompt without a placeholder, or one that shares a token.
        RequestError: for settings that no run can have, and cells, layers or a stack that the model does not have.
    """
    check_settings(request)
    if not request.prompt.strip():
        raise PromptError("The prompt is empty.", "Type the text whose hidden states you want to read.")
    if not request.cells:
        raise RequestError("No cell is chosen.", "Mark at least one token and one layer.")
    source = source_of(model, request.prompt, request.stack)
    for cell in request.cells:
        model.check_layer(cell.layer, request.stack)
        check_position(source.tokens, cell.position)
    return Prepared(source, prepare_target(model, request))


def prepare_target(model: Model, request: Request) -> TargetPrompt:
    """The interpretation prompt of a request whose vectors do not come from its source prompt; raises as `prepare`."""
    check_settings(request)
    target = build_target(model, request.preset, request.max_new_tokens, request.compat, request.system)
    check_fits(model, target, request)
    return target
