"""The token that a typed word stands for, to be looked up among the tokens that a model may write next.

A word is nearly always another token after a space than at the start of a text, and the first is what comes next in a
text: so a word means that one, unless it is put into double quotes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfie_tui.engine.prompts.tokens import is_unicode, token_texts
from selfie_tui.errors import RequestError
from selfie_tui.records import TrackedToken

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BEFORE = ("", "a", "(", "\n", ".")
"""Texts after which a word is tokenised: some tokenizers put a space of their own before the first word of a text."""


def tracked_token(tokenizer: PreTrainedTokenizerBase, word: str) -> TrackedToken:
    """The token that `word` stands for: with a space before it or, where that is no token or it is quoted, as it is.

    A word of several tokens stands for the first of them that is more than white space.

    Raises:
        RequestError: for a word that no token stands for.
    """
    exact = len(word) > 2 and word[0] == word[-1] == '"'
    text = word[1:-1] if exact else word
    if not text or not is_unicode(text):
        raise RequestError(f"“{word}” cannot be tracked.", "Give a word, such as Paris.")
    spellings = [text] if exact or text[0].isspace() else [f" {text}", text]
    found = [ids for ids in (ids_inside(tokenizer, spelling) for spelling in spellings) if ids]
    found = [ids for ids in found if tokenizer.unk_token_id not in ids]
    if not found:
        raise RequestError(f"The tokenizer has no token for “{word}”.", "Track another word.")
    ids = next((ids for ids in found if len(ids) == 1), found[0])
    texts = token_texts(tokenizer, ids)
    first = next((index for index, each in enumerate(texts) if each.strip()), 0)
    return TrackedToken(texts[first], ids[first], len(ids) - first)


def ids_inside(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, ...]:
    """The fewest tokens that `text` is inside a text, without special ones; those at its start where none spell it."""
    found = [ids for before in BEFORE if (ids := _ids_after(tokenizer, before, text))]
    spelled = [ids for ids in found if "".join(token_texts(tokenizer, ids)) == text]
    return min(spelled, key=len) if spelled else _ids_after(tokenizer, "", text)


def _ids_after(tokenizer: PreTrainedTokenizerBase, before: str, text: str) -> tuple[int, ...]:
    """The tokens of `text` after another one, none where the two share a token."""
    first = _ids(tokenizer, before) if before else ()
    both = _ids(tokenizer, before + text)
    return both[len(first) :] if both[: len(first)] == first else ()


def _ids(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, ...]:
    return tuple(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
