"""Generated ids as text: the whole, its pieces, and where an answer ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from selfie_tui.engine.prompts.placeholders import token_texts

LOOK_BACK = 8
"""Newest tokens in which a stop text is looked for; earlier ones were looked at when they were new."""


def text_of(tokenizer: Any, ids: Sequence[int]) -> str:
    """The text of generated ids, as the tokenizer itself joins them."""
    text: str = tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return text


def answer(tokenizer: Any, ids: Sequence[int], stops: Sequence[str]) -> str:
    """The text of the ids up to the first stop text, without the white space around it.

    It may be more than the ids' own texts in a row: several tokens can make one character.
    """
    whole = text_of(tokenizer, ids)
    return whole[: end_of(whole, stops)].strip()


def end_of(text: str, stops: Sequence[str]) -> int:
    """Where the first of the stop texts begins, or else the length of the text.

    What stands before the first visible character is not looked at: an answer may begin in a new paragraph.
    """
    first = len(text) - len(text.lstrip())
    return min((place for place in (text.find(stop, first) for stop in stops) if place >= 0), default=len(text))


def ends_at(tokenizer: Any, ids: Sequence[int], stops: Sequence[str]) -> bool:
    """Whether one of the stop texts is in the text of the newest tokens, after something visible."""
    if not stops:
        return False
    tail = text_of(tokenizer, ids[-LOOK_BACK:])
    if not text_of(tokenizer, ids[:-LOOK_BACK]).strip():
        tail = tail.lstrip()
    return any(stop in tail for stop in stops)


def cut_tokens(tokenizer: Any, ids: Sequence[int], stops: Sequence[str]) -> list[str]:
    """The texts of the ids up to the first stop text; ids of which nothing is left are dropped."""
    pieces = list(token_texts(tokenizer, list(ids)))
    whole = "".join(pieces)
    left, kept = end_of(whole, stops), []
    if left == len(whole):
        return pieces
    for piece in pieces:
        if left <= 0:
            break
        kept.append(piece[:left])
        left -= len(piece)
    return kept
