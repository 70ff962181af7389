"""Calibration in one call: where and how to write a vector for an interpretation prompt to read on a model."""

from __future__ import annotations

from selfie_tui.engine.methods import calibrate as method
from selfie_tui.engine.model import Model
from selfie_tui.errors import RequestError
from selfie_tui.library.arguments import Facade, as_bool, as_model, describe
from selfie_tui.library.interpretation_prompt import Prompt, resolve_prompt
from selfie_tui.library.notices import warn_of_notices
from selfie_tui.records import Calibrate, Calibrated, Calibration


def calibrate(
    model: Model | Facade, preset: Prompt = "summarize", *, system: bool = True, earlier: Calibration | None = None
) -> Calibration:
    """How well known words are read back with many injection layers and modes, and the setting that reads most.

    The result's `proposal` is given to `interpret` as `**proposal.keywords()`; it is None where hardly a word is read
    back. Its `rows` have a curve over the layers of the states, the logit lens's beside them in `lens`. See
    `engine.methods.calibrate` for what it does not say. Nothing is kept on disk.

    Args:
        model: from `load` or `adopt`, or a `ModelAgnosticSelfie`.
        preset: an interpretation prompt: a preset or its name, or an `InterpretationPrompt`.
        system: whether a chat template keeps its own system text.
        earlier: a calibration of the same prompt and model that stopped, to go on with.

    Raises:
        SelfieError: for a prompt that the model does not take, or while edits of the model stand.
    """
    model = as_model(model)
    if earlier is not None and not isinstance(earlier, Calibration):
        raise RequestError(f"Expected a calibration to go on with, got {describe(earlier)}.", "Leave it out.")
    warn_of_notices(model, 2)
    task = Calibrate(resolve_prompt(preset)[0], system=as_bool(system, "system"), earlier=earlier)
    return [event.calibration for event in method.calibrate(model, task) if isinstance(event, Calibrated)][-1]
