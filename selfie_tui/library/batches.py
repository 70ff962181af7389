"""Several prompts read as one batch, and the grid of cells of a prompt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.source import source_tokens
from selfie_tui.engine.prompts.tokens import encode_source
from selfie_tui.errors import RequestError
from selfie_tui.library.arguments import Facade, as_int, as_list, as_model, check_tokenizer, describe
from selfie_tui.library.cells import CellPairs, Layer, cells_in
from selfie_tui.library.interpretation_prompt import Prompt
from selfie_tui.library.notices import warn_of_notices
from selfie_tui.library.requests import make_request, prompt_text, prompt_texts, settings_in
from selfie_tui.library.results import InterpretationTable, collect_batch


def batch_process_interpretations(
    selfie: Facade | Model,
    prompts: Iterable[str],
    interpretation_prompt: Prompt,
    tokens_per_prompt: Iterable[CellPairs],
    batch_size: int | None = None,
    *,
    injection_layer: Layer = "embed",
    max_new_tokens: int = 30,
    overlay_strength: float = 1.0,
    replacing_mode: str = "normalized",
    compat: bool | str | None = None,
    relevancy: bool = True,
    stack: str = "",
    stop: str | Sequence[str] = (),
    random_control: bool = False,
    temperature: float = 0.0,
    seed: int = 0,
    samples: int = 1,
    baselines: bool = True,
    system: bool = True,
) -> list[InterpretationTable]:
    """Interpret cells of several prompts, one table a prompt, with the settings of `ModelAgnosticSelfie.interpret`.

    The cells of all prompts are decoded as one batch with one control, so `batch_size` is not needed. Seeds count the
    cells of all prompts. The prompts are read as one padded batch where padding is seen to change no state.

    Raises:
        RequestError: if the numbers of prompts and of lists of cells differ.
        SelfieError: for a request that the model cannot fulfil, before anything is decoded.
    """
    settings = settings_in(locals())
    model, texts = as_model(selfie), prompt_texts(prompts)
    warn_of_notices(model, 2)
    cells_of = as_list(tokens_per_prompt, "list of cells")
    if len(texts) != len(cells_of):
        raise RequestError(
            f"Got {len(texts)} prompts and cells for {len(cells_of)}.",
            "Give one list of (layer, position) pairs for each prompt.",
        )
    if not texts:
        return []
    requests = [
        make_request(text, cells_in(source_tokens(model, text, stack), cells), interpretation_prompt, settings)
        for text, cells in zip(texts, cells_of, strict=True)
    ]
    return [InterpretationTable(result) for result in collect_batch(model, requests)]


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
        RequestError: if a range is empty or does not fit, or if the number of layers is unknown.
    """
    model = tokenizer if isinstance(tokenizer, Model) else getattr(tokenizer, "model", None)
    if isinstance(model, Model):
        layers, tokenizer = model.layers, model.tokenizer
    check_tokenizer(tokenizer)
    if layers is None and layer_range is None:
        raise RequestError(
            "The number of layers is unknown: a tokenizer does not say how many layers the model has.",
            "Give layer_range or layers, or the model in place of the tokenizer.",
        )
    _, tokens = encode_source(tokenizer, prompt_text(prompt))
    rows = as_range(layer_range, layers, "layer")
    columns = as_range(token_range, len(tokens), "token")
    return [(layer, position) for layer in rows for position in columns]


def as_range(bounds: tuple[int, int] | None, count: int | None, item: str) -> range:
    """A range of layers or tokens, all of `count` without bounds.

    Raises:
        RequestError: for what is not a pair of integers, or a range that is empty or reaches past `count`.
    """
    try:
        first, end = (0, count or 0) if bounds is None else (as_int(bound, item) for bound in bounds)
    except (TypeError, ValueError):
        raise RequestError(
            f"Invalid range of {item}s {describe(bounds)}.", "Give a pair: the first and the one after the last."
        ) from None
    if not 0 <= first < end or (count is not None and end > count):
        size = "it is empty" if count is None else f"there are {count} {item}s"
        raise RequestError(
            f"Invalid range of {item}s ({first}, {end}): {size}.", "Give the first and the one after the last."
        )
    return range(first, end)
