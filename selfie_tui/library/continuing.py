"""Any text gone on with while an activation is written into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts import TargetPrompt, token_texts
from selfie_tui.engine.requests import check_room, check_settings
from selfie_tui.engine.sources import Source, source_of
from selfie_tui.errors import RequestError
from selfie_tui.library.cells import positions_in
from selfie_tui.library.results import decode_vectors
from selfie_tui.library.vectors import stack_activation
from selfie_tui.records import Cell, Preset, Request
from selfie_tui.selection import parse_mode


def continue_injected(
    model: Model,
    text: str,
    activation: torch.Tensor,
    layer: int,
    positions: Sequence[int],
    mode: str,
    strength: float,
    max_new_tokens: int,
) -> torch.Tensor:
    """Ids `(1, text + new)`: those of a text and of what the model goes on with, greedily, the activation written in.

    `activation` is one vector for all positions, or one for each (see `stack_activation`).

    Raises:
        RequestError: for a layer, position or activation that does not fit, or settings that cannot be.
    """
    source = source_of(model, text)
    places = tuple(positions_in(source.tokens, positions))
    if not places or len(set(places)) < len(places):
        raise RequestError("The injection positions are none or repeat.", "Name each position once.")
    target = as_target(model, text, source, places)
    request = Request(
        prompt="",
        cells=(Cell(layer, places[0]),),
        preset=Preset("custom", text),
        injection_layer=layer,
        mode=parse_mode(mode),
        strength=strength,
        max_new_tokens=max_new_tokens,
        relevancy=False,
    )
    check_settings(request)
    check_room(model, target, request)
    vectors = stack_activation(model, activation, len(places))
    (reading,) = decode_vectors(model, request, vectors, [source.tokens[places[0]]], target).interpretations
    return torch.tensor([[*source.ids, *(token.id for token in reading.tokens)]], device=model.device)


def as_target(model: Model, text: str, source: Source, places: tuple[int, ...]) -> TargetPrompt:
    """A text as a prompt that is written over at `places`: continued, answered, or its mask tokens filled in.

    Raises:
        RequestError: for a text of an encoder's that has no mask token.
    """
    target = TargetPrompt(text, source.ids, places, tuple(token.text for token in source.tokens))
    if model.kind == "encoder-decoder":
        start = model.feed.start
        return replace(target, prefix=TargetPrompt("", start, (), token_texts(model.tokenizer, start)))
    if model.kind == "encoder":
        mask = model.tokenizer.mask_token_id
        masks = tuple(place for place, token in enumerate(source.ids) if token == mask)
        if not masks:
            raise RequestError(
                "An encoder does not continue a text, and this one has no mask token to fill in.",
                f"Put {model.tokenizer.mask_token} where it should say something.",
            )
        return replace(target, masks=masks)
    return target
