"""The lens in one call: of a whole prompt, or of one position of a text or of token ids.

See `engine.methods.lens` for what its numbers are and when they mislead.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from selfie_tui.engine.methods import lens as method
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.source import check_length, source_of
from selfie_tui.errors import PromptError, RequestError
from selfie_tui.lens_table import columns_of, gathered
from selfie_tui.library.arguments import Facade, as_int, as_list, as_model
from selfie_tui.library.cells import Layer, layer_numbers, positions_in
from selfie_tui.library.notices import warn_of_notices
from selfie_tui.library.requests import prompt_text
from selfie_tui.library.tables import Table
from selfie_tui.parse import from_end, parse_layers, positions_among
from selfie_tui.records import Lens, LensRow, LensToken, ReadLens


@dataclass(frozen=True)
class LensResult(Table):
    """The lens of a prompt's cells: its `records`, and the same as a table with a row for each cell."""

    records: Lens

    @property
    def rows(self) -> tuple[LensRow, ...]:
        """A row for each cell: top tokens, entropy, KL to the last layer, rank of the answer, the tracked token."""
        return self.records.rows

    @property
    def answers(self) -> tuple[LensToken, ...]:
        """The model's own next token at each position that was read."""
        return self.records.answers

    def columns(self) -> dict[str, list[Any]]:
        """The table as equally long lists (see `lens_table.COLUMNS`)."""
        return columns_of(self.records)


def lens(
    model: Model | Facade,
    prompt: str,
    *,
    layers: str | int | Sequence[Layer] = "all",
    tokens: str | int | Sequence[int] = "all",
    k: int = 5,
    track: str = "",
    tuned: str | os.PathLike[str] = "",
    stack: str = "",
) -> LensResult:
    """The logit lens of every chosen layer and token of a prompt, from one forward.

    Args:
        model: from `load` or `adopt`, or a `ModelAgnosticSelfie`.
        prompt: the text whose states are read.
        layers: such as `"embed,0-7"` or `"all"`, or one or more numbers or `"embed"`; layer `l` is the output of block
            `l`. A negative number that is no text is refused.
        tokens: positions such as `"3,4"`, `"all"` but special ones, `"-1"` for the last, or one or more numbers.
        k: how many top tokens each cell has.
        track: a word that is looked up in every cell: its token after a space; in double quotes, the one to the letter.
        tuned: a folder that tuned-lens saved; the model's own norm and head alone if "".
        stack: of an encoder-decoder, `encoder` or `decoder`.

    Raises:
        SelfieError: for a request that the model cannot fulfil, with what to change.
    """
    model = as_model(model)
    warn_of_notices(model, 2)
    if as_int(k, "number of tokens") < 1:
        raise RequestError("Nothing to show: no token is chosen.", "Choose at least one.")
    source = source_of(model, prompt_text(prompt), stack)
    count = len(model.anatomy.stack(stack).blocks)
    chosen = parse_layers(layers, count) if isinstance(layers, str) else tuple(layer_numbers(layers))
    here = source.tokens
    positions = positions_among(tokens, here) if isinstance(tokens, str) else tuple(positions_in(here, tokens))
    task = ReadLens(prompt, positions, chosen, k, stack, track, os.fspath(tuned))
    return LensResult(gathered(task, here, method.run(model, task, lambda: False), model.info()))


def logit_lens(
    model: Model | Facade,
    ids: str | Sequence[int],
    position: int,
    layers: Sequence[Layer] | Layer | None = None,
    k: int = 5,
    prefix: Sequence[int] | None = None,
    stack: str = "",
) -> tuple[LensRow, ...]:
    """The `k` top tokens, entropy in nats and the rank of the model's own answer, by layer, at one position.

    The model's own answer is what the lens of the last layer says there. With a `prefix` (see `Model.read`) the layers
    and the position are the decoder's.

    Args:
        model: from `load` or `adopt`, or a `ModelAgnosticSelfie`.
        ids: a prompt as text, or as token ids, special tokens included.
        position: a negative one counts from the end; the rows say which one it is.
        layers: one or more: `l` is the output of block `l`, `"embed"` the input of block 0; all of them if None.
        stack: of an encoder-decoder, `encoder` or `decoder`; for a text's decoder it begins with the answer of a chat
            turn, for ids without a `prefix` with its start alone.

    Raises:
        PromptError: for a prompt that is empty, too long, or of ids that the model does not have.
        RequestError: for a position or a layer that is out of range, or an argument of another kind.
    """
    model = as_model(model)
    read, written = prompt_ids(model, ids, prefix, stack)
    index = from_end(as_int(position, "token position"), len(read if written is None else written), "token")
    chosen = None if layers is None else layer_numbers(layers)
    if chosen == [] or as_int(k, "number of tokens") < 1:
        raise RequestError("Nothing to show: no layer or no token is chosen.", "Choose at least one of each.")
    (block,) = method.logit_lens(model, read, [index], chosen, k, written)
    return block.rows


def prompt_ids(
    model: Model, prompt: str | Sequence[int], prefix: Sequence[int] | None, stack: str
) -> tuple[list[int], list[int] | None]:
    """The ids that the model reads and, where the decoder of an encoder-decoder is meant, those that it has written.

    Raises:
        PromptError: for a prompt that is empty, too long, or of ids that the model does not have.
        RequestError: if the model has no such stack, or a prefix is given to a model of one stack.
    """
    decoder = model.anatomy.stack(stack) is not model.anatomy.main
    if prefix is not None and model.kind != "encoder-decoder":
        raise RequestError(
            f"{model.name} takes no prefix: it has one stack ({model.kind}).", "Put all ids into one list."
        )
    if isinstance(prompt, str):
        source = source_of(model, prompt, stack)
        read, begun = list(source.ids), source.prefix
    else:
        read, begun = token_ids(model, prompt), model.feed.start if decoder else None
    written = None if begun is None and prefix is None else token_ids(model, begun if prefix is None else prefix)
    check_length(model, len(read), model.context)
    check_length(model, len(written or ()), model.output_context)
    return read, written


def token_ids(model: Model, values: object) -> list[int]:
    """Token ids as a list.

    Raises:
        PromptError: if there are none.
        RequestError: for a value that is not one of the model's token ids.
    """
    ids = [as_int(each, "token id") for each in as_list(values, "token id")]
    if not ids:
        raise PromptError("The list of token ids is empty.", "Give a text, or the input_ids of one.")
    if unknown := [each for each in ids if not 0 <= each < model.num_embeddings]:
        raise RequestError(
            f"Invalid token id {unknown[0]}: {model.name} has embeddings for {model.num_embeddings} tokens.",
            f"Use 0 to {model.num_embeddings - 1}, as its own tokenizer gives them.",
        )
    return ids
