"""Generated ids as text, token by token too, and the end of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from selfie_tui.engine.prompts.placeholders import token_texts

LOOK_BACK = 8
"""Number of newest tokens that are searched for a stop text; earlier ones were searched when they were new."""


def text_of(tokenizer: Any, ids: Sequence[int]) -> str:
    """The text of generated ids, as the tokenizer itself joins them."""
    text: str = tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return text


def answer(tokenizer: Any, ids: Sequence[int], stops: Sequence[str]) -> str:
    """The text of the ids up to the first stop text, without the white space around it.

    It may be more than the ids' own texts in a row: several tokens can make one character.
    """
    text = text_of(tokenizer, ids)
    return text[: end_of(text, stops)].strip()


def end_of(text: str, stops: Sequence[str]) -> int:
    """The index at which the first of the stop texts begins, or else the length of the text.

    Stop texts before the first visible character do not count: an answer may begin in a new paragraph.
    """
    first = len(text) - len(text.lstrip())
    return min((index for index in (text.find(stop, first) for stop in stops) if index >= 0), default=len(text))


def ends_at(tokenizer: Any, ids: Sequence[int], stops: Sequence[str]) -> bool:
    """Whether one of the stop texts is in the text of the newest tokens, after something visible."""
    if not stops:
        return False
    tail = text_of(tokenizer, ids[-LOOK_BACK:])
    if not text_of(tokenizer, ids[:-LOOK_BACK]).strip():
        tail = tail.lstrip()
    return any(stop in tail for stop in stops)


def cut_tokens(tokenizer: Any, ids: Sequence[int], stops: Sequence[str]) -> list[str]:
    """The texts of the ids up to the first stop text, without the ids after it."""
    pieces = list(token_texts(tokenizer, list(ids)))
    text = "".join(pieces)
    left, kept = end_of(text, stops), []
    if left == len(text):
        return pieces
    for piece in pieces:
        if left <= 0:
            break
        kept.append(piece[:left])
        left -= len(piece)
    return kept
