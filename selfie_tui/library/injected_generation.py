"""Any text continued with an activation written into it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import torch

from selfie_tui.engine.cell_states import CellStates
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.checks import check_fits, check_settings
from selfie_tui.engine.prompts.placeholders import TargetPrompt, token_texts
from selfie_tui.engine.prompts.source import Source, source_of
from selfie_tui.engine.prompts.tokens import as_records
from selfie_tui.errors import RequestError
from selfie_tui.library.cells import Layer, positions_in
from selfie_tui.library.requests import make_request, prompt_text
from selfie_tui.library.results import decode_vectors
from selfie_tui.library.vectors import stack_activation
from selfie_tui.records import Cell, Preset, Token


def continue_injected(
    model: Model,
    prompt: str,
    activation: object,
    layer: Layer,
    positions: int | Iterable[int],
    **settings: Any,
) -> torch.Tensor:
    """Ids `(1, text + new)` of a text and of its greedy continuation with the activation written in.

    `activation` is one vector for all positions, or one for each (see `stack_activation`). Of an encoder-decoder's chat
    turn the text is the user's words, which the encoder reads, and then the beginning of the answer, which the decoder
    has written; the ids with which a decoder starts are not among them.

    Raises:
        RequestError: for a layer, position or activation that does not fit, or invalid settings.
    """
    text = prompt_text(prompt)
    prepared = PreparedText(model, source_of(model, text), begun_by(model, text))
    written = tuple(positions_in(prepared.tokens, positions))
    if not written or len(set(written)) < len(written):
        raise RequestError("The injection positions are none or repeat.", "Name each position once.")
    target = prepared.target(text, written)
    settings |= {"injection_layer": layer, "relevancy": False, "baselines": False}
    request = make_request("", [Cell(0, written[0])], Preset("custom", text), settings)
    check_settings(request)
    check_fits(model, target, request)
    vectors = stack_activation(model, activation, len(written))
    if vectors.dim() == 3 and target.positions and target.prefix and target.prefix.positions:
        raise RequestError(
            "Activations of several positions cannot be written into encoder and decoder at once.",
            "Inject into one of them, or one activation at all positions.",
        )
    result = decode_vectors(model, request, CellStates(vectors), [prepared.tokens[written[0]]], target, control=False)
    ids = [token.id for token in prepared.tokens] + [token.id for token in result.interpretations[0].tokens]
    return torch.tensor([ids], device=model.device)


def begun_by(model: Model, text: str) -> tuple[int, ...]:
    """Ids that an encoder-decoder's decoder has written of a chat turn, without its start; none of other texts."""
    if model.kind != "encoder-decoder":
        return ()
    return (source_of(model, text, model.anatomy.last.name).prefix or ())[len(model.feed.start) :]


@dataclass(frozen=True)
class PreparedText:
    """A text as a model gets it: the source that it reads, and the ids that a second stack has written."""

    model: Model
    source: Source
    begun: tuple[int, ...]

    @property
    def tokens(self) -> tuple[Token, ...]:
        """All of the text's tokens: those that are read, and after them those that the decoder has written."""
        first = len(self.source.tokens)
        begun = as_records(self.model.tokenizer, self.begun)
        return (
            *self.source.tokens,
            *(msgspec.structs.replace(token, position=first + token.position) for token in begun),
        )

    def target(self, text: str, positions: Sequence[int]) -> TargetPrompt:
        """The text as a prompt that is overwritten at `positions`: continued, answered, or its mask tokens filled in.

        Raises:
            RequestError: for an encoder's text without a mask token.
        """
        count = len(self.source.ids)
        read = tuple(position for position in positions if position < count)
        target = TargetPrompt(text, self.source.ids, read, tuple(token.text for token in self.source.tokens))
        if self.model.kind == "encoder-decoder":
            start = self.model.feed.start
            written = tuple(position - count + len(start) for position in positions if position >= count)
            prefix = (*start, *self.begun)
            return replace(target, prefix=TargetPrompt("", prefix, written, token_texts(self.model.tokenizer, prefix)))
        return replace(target, masks=self.masks()) if self.model.kind == "encoder" else target

    def masks(self) -> tuple[int, ...]:
        """Positions of the mask tokens in an encoder's text.

        Raises:
            RequestError: without any, or for a tokenizer without a mask token.
        """
        mask, name = (getattr(self.model.tokenizer, field, None) for field in ("mask_token_id", "mask_token"))
        if mask is None or name is None:
            raise RequestError(
                "An encoder fills in mask tokens, and the tokenizer of this one has none.",
                "Give the tokenizer that belongs to the model.",
            )
        found = tuple(position for position, token in enumerate(self.source.ids) if token == mask)
        if not found:
            raise RequestError(
                "An encoder does not continue a text, and this one has no mask token to fill in.",
                f"Put {name} where a word should be filled in.",
            )
        return found
