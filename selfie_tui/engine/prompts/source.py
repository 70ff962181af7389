"""The source prompt as a model reads it, and the tokens of the stack whose states are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.chat import parts_of
from selfie_tui.engine.prompts.tokens import as_records, source_ids
from selfie_tui.errors import PromptError
from selfie_tui.records import Token


@dataclass(frozen=True)
class Source:
    """A source prompt: what the model reads, and `tokens`, those of the stack whose cells are meant.

    `prefix` is set where these are the decoder's of an encoder-decoder: what it has written.
    """

    ids: tuple[int, ...]
    tokens: tuple[Token, ...]
    prefix: tuple[int, ...] | None = None


def source_of(model: Model, prompt: str, stack: str = "") -> Source:
    """A source prompt. An encoder-decoder reads a chat turn as what its encoder reads and what its decoder has written.

    Raises:
        PromptError: if the prompt is empty or longer than the model's context.
        RequestError: if the model has no such stack.
    """
    chosen = model.anatomy.stack(stack)
    parts = parts_of(prompt) if model.kind == "encoder-decoder" else None
    read, begun = parts or (prompt, "")
    if not read:
        raise PromptError("The prompt is empty.", "Type the text whose hidden states you want to read.")
    ids = source_ids(model.tokenizer, read)
    check_length(model, len(ids), model.context)  # before their texts are looked up, which of many takes long
    prefix: tuple[int, ...] | None = None
    if chosen is not model.anatomy.main:
        words = tuple(model.tokenizer(begun, add_special_tokens=False, verbose=False)["input_ids"]) if begun else ()
        prefix = (*model.feed.start, *words)
    check_length(model, len(prefix or ()), model.output_context)
    check_known(model, (*ids, *(prefix or ())))
    return Source(ids, as_records(model.tokenizer, ids if prefix is None else prefix), prefix)


def source_tokens(model: Model, prompt: str, stack: str = "") -> tuple[Token, ...]:
    """The tokens of a source prompt that run through a stack; raises as `source_of`."""
    return source_of(model, prompt, stack).tokens


def check_length(model: Model, length: int, context: int) -> None:
    """Refuse a prompt that is longer than a context."""
    if context and length > context:
        raise PromptError(
            f"The prompt has {length} tokens, and {model.name} takes {context}.",
            f"Shorten it by {length - context} tokens.",
        )


def check_known(model: Model, ids: Sequence[int]) -> None:
    """Refuse token ids that the model has no embeddings for."""
    unknown = next((token for token in ids if not 0 <= token < model.num_embeddings), None)
    if unknown is not None:
        raise PromptError(
            f"The tokenizer gives the id {unknown}, and {model.name} has embeddings for {model.num_embeddings} tokens.",
            "Use the tokenizer that belongs to the model.",
        )
