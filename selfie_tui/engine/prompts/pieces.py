"""A text tokenised in pieces, where a token of the whole would hold a placeholder and other text.

SmolLM2, for one, has the token `_"`, so that `The meaning of "_" is` has no token that is the placeholder alone. Cut
beside it, each piece is tokenised by itself: `"`, `_`, `"`. The model reads the same text in other tokens than its
tokenizer would choose, which is why a text is cut only where it must be.

A tokenizer that puts a space before a text (SentencePiece) would put one before each piece. A piece is encoded behind a
character that takes that space, whose tokens are then left off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, islice, pairwise
from typing import TYPE_CHECKING

from selfie_tui.engine.prompts.tokens import token_texts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Span = tuple[int, int]
"""Characters from the first number up to the second."""

BEFORE = ("\n", "a", ".", "0", "€")
"""Characters that a piece is encoded behind: the first whose own tokens stay as they are."""


@dataclass(frozen=True)
class Apart:
    """The ids of a text in pieces, without special tokens, and the span of each token in the text.

    `cuts` are the positions of the tokens that begin a piece, but for the first.
    """

    ids: tuple[int, ...]
    offsets: tuple[Span, ...]
    cuts: tuple[int, ...] = ()


def tokenize_apart(tokenizer: PreTrainedTokenizerBase, text: str, placeholders: Sequence[Span]) -> Apart | None:
    """A text cut at those ends of placeholders that a token would reach over, and at no others.

    None where the tokenizer gives no character offsets, where nothing is to be cut, and where the tokens of the pieces
    in a row are another text than those of the whole.
    """
    if not getattr(tokenizer, "is_fast", False):
        return None
    ids, offsets = encode(tokenizer, text)
    text_of_whole = joined(tokenizer, ids)
    apart = Apart(tuple(ids), tuple(offsets))
    cuts: set[int] = set()
    while more := cuts_needed(tokenizer, text, placeholders, apart) - cuts:
        cuts |= more
        pieces = [
            encode_inside(tokenizer, text[start:end]) if start else encode(tokenizer, text[:end])
            for start, end in pairwise([0, *sorted(cuts), len(text)])
        ]
        apart = put_together(pieces, [0, *sorted(cuts)])
    return apart if cuts and joined(tokenizer, apart.ids) == text_of_whole else None


def put_together(pieces: Sequence[Encoded], starts: Sequence[int]) -> Apart:
    """Encoded pieces in a row, each beginning at its character of the text."""
    firsts = accumulate((len(ids) for ids, _ in pieces), initial=0)
    return Apart(
        ids=tuple(chain.from_iterable(ids for ids, _ in pieces)),
        offsets=tuple(
            (start + first, start + last)
            for start, (_, offsets) in zip(starts, pieces, strict=True)
            for first, last in offsets
        ),
        cuts=tuple(islice(firsts, 1, len(pieces))),
    )


def cuts_needed(
    tokenizer: PreTrainedTokenizerBase, text: str, placeholders: Sequence[Span], tokenized: Apart
) -> set[int]:
    """The ends of placeholders at which a token goes on into other text than white space."""
    visible = [
        span
        for span, token in zip(tokenized.offsets, token_texts(tokenizer, tokenized.ids), strict=True)
        if token.strip()
    ]
    cuts = set()
    for start, end in placeholders:
        for first, last in visible:
            if last > start and first < end:
                cuts |= {start} if text[first:start].strip() else set()
                cuts |= {end} if text[end:last].strip() else set()
    return cuts


Encoded = tuple[list[int], list[Span]]
"""Ids, and the span of each in the text that was encoded."""


def encode(tokenizer: PreTrainedTokenizerBase, text: str) -> Encoded:
    """The ids of a text and the span of each token in it, without special tokens."""
    encoding = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    return list(encoding["input_ids"]), [(first, last) for first, last in encoding["offset_mapping"]]


def encode_inside(tokenizer: PreTrainedTokenizerBase, piece: str) -> Encoded:
    """As `encode`, of a piece that other text comes before: without the space that a tokenizer puts before a text."""
    ids, offsets = encode(tokenizer, piece)
    if not joined(tokenizer, ids).startswith(" ") or piece[:1].isspace():
        return ids, offsets
    for before in BEFORE:
        alone, _ = encode(tokenizer, before)
        longer, spans = encode(tokenizer, before + piece)
        rest = longer[len(alone) :]
        if longer[: len(alone)] == alone and not joined(tokenizer, rest).startswith(" "):
            return rest, [(max(first - 1, 0), last - 1) for first, last in spans[len(alone) :]]
    return ids, offsets


def joined(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    """The texts of ids in a row."""
    return "".join(token_texts(tokenizer, ids))
