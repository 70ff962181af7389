"""Several prompts read as one batch, and the grid of cells of a prompt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from selfie_tui.engine.given import Facade, check_tokenizer, listed, opened, shown, whole
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.tokens import encode_source
from selfie_tui.errors import RequestError
from selfie_tui.library.cells import CellsGiven, Layer
from selfie_tui.library.interpretation_prompt import Prompt
from selfie_tui.library.notices import tell
from selfie_tui.library.requests import request_of, text_of, texts_of
from selfie_tui.library.results import Readings, collect_together
from selfie_tui.records import EMBED


def batch_process_interpretations(
    selfie: Facade | Model,
    prompts: Iterable[str],
    interpretation_prompt: Prompt,
    tokens_per_prompt: Iterable[CellsGiven],
    batch_size: int | None = None,
    *,
    injection_layer: Layer = EMBED,
    max_new_tokens: int = 30,
    overlay_strength: float = 1.0,
    replacing_mode: str = "normalized",
    compat: str | None = None,
    relevancy: bool = True,
    stack: str = "",
) -> list[Readings]:
    """What the model says of cells of several prompts, one table a prompt; the settings are those of `interpret`.

    The cells of all prompts are decoded as one batch with one control, so `batch_size` is not needed; the prompts
    are read as one padded batch where the model is seen to take padding. A `Model` will do in place of the facade.

    Raises:
        RequestError: if there are not as many lists of cells as prompts.
        SelfieError: for a request that the model cannot fulfil, before anything is decoded.
    """
    model, texts = opened(selfie), texts_of(prompts)
    tell(model, 2)
    cells_of = listed(tokens_per_prompt, "list of cells")
    if len(texts) != len(cells_of):
        raise RequestError(
            f"There are {len(texts)} prompts and cells for {len(cells_of)}.",
            "Give one list of (layer, position) pairs for each prompt.",
        )
    if not texts:
        return []
    requests = [
        request_of(
            model,
            text,
            interpretation_prompt,
            cells,
            injection_layer=injection_layer,
            max_new_tokens=max_new_tokens,
            strength=overlay_strength,
            mode=replacing_mode,
            relevancy=relevancy,
            compat=compat,
            stack=stack,
        )
        for text, cells in zip(texts, cells_of, strict=True)
    ]
    return [Readings(result) for result in collect_together(model, requests)]


def create_token_grid(
    prompt: str,
    tokenizer: Any,
    layer_range: tuple[int, int] | None = None,
    token_range: tuple[int, int] | None = None,
    layers: int | None = None,
) -> list[tuple[int, int]]:
    """The `(layer, position)` pairs of a prompt, layer by layer.

    Args:
        tokenizer: or a `ModelAgnosticSelfie` or `Model`, which know how many layers there are.
        layer_range: first layer and the one after the last, as in `range`; all layers if None.
        token_range: the same of the prompt's positions, special tokens counted.
        layers: how many layers the model has, for a bare tokenizer.

    Raises:
        RequestError: if a range is empty or does not fit, or if nothing says how many layers there are.
    """
    model = tokenizer if isinstance(tokenizer, Model) else getattr(tokenizer, "model", None)
    if isinstance(model, Model):
        layers, tokenizer = model.layers, model.tokenizer
    check_tokenizer(tokenizer)
    if layers is None and layer_range is None:
        raise RequestError(
            "A tokenizer does not say how many layers the model has.",
            "Give layer_range or layers, or the model in place of the tokenizer.",
        )
    _, tokens = encode_source(tokenizer, text_of(prompt))
    rows = span(layer_range, layers, "layer")
    columns = span(token_range, len(tokens), "token")
    return [(layer, position) for layer in rows for position in columns]


def span(bounds: tuple[int, int] | None, count: int | None, what: str) -> range:
    """A range of layers or tokens, all of `count` where no bounds are given."""
    try:
        first, end = (0, count or 0) if bounds is None else (whole(bound, what) for bound in bounds)
    except (TypeError, ValueError):
        raise RequestError(
            f"{shown(bounds)} is no range of {what}s.", "Give a pair: the first and the one after the last."
        ) from None
    if not 0 <= first < end or (count is not None and end > count):
        there = f"there are {count}" if count is not None else "it is empty"
        raise RequestError(
            f"The {what}s from {first} up to {end} are no range: {there}.", "Give the first and the one after the last."
        )
    return range(first, end)
