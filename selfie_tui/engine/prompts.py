"""Turns an interpretation prompt into token ids and the exact positions that the injection overwrites.

Positions come from where each token lies in the text, never from the length of encoded prefixes, which byte-pair
merges shift. A prompt in which a placeholder cannot be overwritten alone is refused with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selfie_tui.engine.chat import Rendering, render
from selfie_tui.engine.tokens import as_records, encode_source, is_unicode, token_texts
from selfie_tui.errors import PlaceholderError
from selfie_tui.records import Preset, PromptToken
from selfie_tui.text import visible

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["InterpretationPrompt", "build_prompt", "encode_source", "preset_tokens", "token_texts"]

Span = tuple[int, int]
"""Characters from the first number up to the second."""


@dataclass(frozen=True)
class InterpretationPrompt:
    """An interpretation prompt as the model gets it.

    `text` is what was encoded, chat template included; `ids` and `tokens` (their texts, unsafe to print) have one
    entry a token, special tokens included; `positions` are those to overwrite, ascending.
    """

    text: str
    ids: tuple[int, ...]
    positions: tuple[int, ...]
    tokens: tuple[str, ...]


def build_prompt(tokenizer: PreTrainedTokenizerBase, preset: Preset, compat: bool = False) -> InterpretationPrompt:
    """The prompt of `preset` under this tokenizer, with the tokens that make up its placeholders.

    A chat turn goes through the tokenizer's chat template and is encoded without further special tokens; placeholders
    count only in the user's and the answer's own words. Other text, or a tokenizer without template, is encoded as it
    stands with the special tokens the tokenizer adds by default.

    `compat` reproduces what SelfIE (arXiv 2403.10949) and NNsight Selfie compute instead: the literal text, and
    positions from the lengths of encoded prefixes, wrong where tokens merge.

    Raises PlaceholderError, saying what to change, if there is no placeholder, if one becomes no token or shares a
    token with other text or another placeholder, or if the chat template refuses or rewrites the message.
    """
    if not preset.placeholder.strip():
        raise PlaceholderError("The placeholder is empty or blank.", "Choose a visible one, such as `_`.")
    if not is_unicode(preset.text):
        raise PlaceholderError("The interpretation prompt holds half of a surrogate pair.", "Retype that character.")
    rendering = render(None if compat else tokenizer, preset.text)
    spans = placeholder_spans(rendering, preset.placeholder)
    if compat:
        return _published(tokenizer, rendering.text, spans)
    ids, places = _encoded(tokenizer, rendering, spans)
    tokens = token_texts(tokenizer, ids)
    positions = [position for span in spans for position in _overwritten(rendering.text, span, places, tokens)]
    return InterpretationPrompt(rendering.text, ids, tuple(positions), tokens)


def preset_tokens(tokenizer: PreTrainedTokenizerBase, preset: Preset, compat: bool = False) -> tuple[PromptToken, ...]:
    """The tokens of an interpretation prompt, each with whether it is overwritten; raises as `build_prompt`."""
    prompt = build_prompt(tokenizer, preset, compat)
    overwritten = frozenset(prompt.positions)
    return tuple(
        PromptToken(token=token, overwritten=token.position in overwritten)
        for token in as_records(prompt.ids, prompt.tokens)
    )


def placeholder_spans(rendering: Rendering, placeholder: str) -> list[Span]:
    """Where the placeholder stands alone, no letter or digit beside it, in the words that are not the template's.

    Raises PlaceholderError if it does not.
    """
    alone = re.compile(rf"(?<![^\W_]){re.escape(placeholder)}(?![^\W_])")
    spans = [
        (start + found.start(), start + found.end())
        for start, end in rendering.own
        for found in alone.finditer(rendering.text[start:end])
    ]
    if not spans:
        raise PlaceholderError(
            f"The interpretation prompt has no placeholder `{visible(placeholder)}` that stands alone.",
            f"Write `{visible(placeholder)}` between spaces where the activation should go; inside a word it is text.",
        )
    return spans


def _encoded(
    tokenizer: PreTrainedTokenizerBase, rendering: Rendering, spans: Sequence[Span]
) -> tuple[tuple[int, ...], list[Span]]:
    """The ids of the rendering and where in its text each token lies; (0, 0) for tokens that are added to it."""
    special = not rendering.templated
    if not getattr(tokenizer, "is_fast", False):
        return _encoded_in_pieces(tokenizer, rendering.text, spans, special)
    encoding = tokenizer(rendering.text, add_special_tokens=special, return_offsets_mapping=True, verbose=False)
    return tuple(encoding["input_ids"]), [(start, end) for start, end in encoding["offset_mapping"]]


def _encoded_in_pieces(
    tokenizer: PreTrainedTokenizerBase, text: str, spans: Sequence[Span], special: bool
) -> tuple[tuple[int, ...], list[Span]]:
    """As `_encoded` for a tokenizer without offsets: cut at the placeholders so that the pieces' ids are the whole's.

    A space beside a placeholder may belong to the token before it, to the token after it or to neither, so the cuts
    are tried in these three ways.
    """
    whole = tuple(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
    for space_before, space_after in ((r"\s*", ""), ("", r"\s*"), ("", "")):
        pieces = _pieces(text, spans, space_before, space_after)
        encoded = [tokenizer(text[a:b], add_special_tokens=False, verbose=False)["input_ids"] for a, b in pieces]
        if sum(map(tuple, encoded), ()) == whole:
            places = [piece for piece, ids in zip(pieces, encoded, strict=True) for _ in ids]
            return _with_special_tokens(tokenizer, text, whole, places) if special else (whole, places)
    raise PlaceholderError(
        "The tokenizer gives no character offsets, and a placeholder shares a token with the text beside it.",
        "Put spaces around the placeholder, or use another one.",
    )


def _pieces(text: str, spans: Sequence[Span], space_before: str, space_after: str) -> list[Span]:
    """`text` cut before and after each placeholder, with the white space beside it that the two patterns take."""
    pieces = []
    done = 0
    for start, end in spans:
        first = start - len(_trailing(space_before, text[done:start]))
        found = re.compile(space_after).match(text, end)
        last = found.end() if found else end
        pieces += [(done, first), (first, last)]
        done = last
    return [piece for piece in [*pieces, (done, len(text))] if piece[0] < piece[1]]


def _trailing(pattern: str, text: str) -> str:
    found = re.search(rf"{pattern}\Z", text)
    return found[0] if found else ""


def _with_special_tokens(
    tokenizer: PreTrainedTokenizerBase, text: str, ids: tuple[int, ...], places: list[Span]
) -> tuple[tuple[int, ...], list[Span]]:
    full = tuple(tokenizer(text, verbose=False)["input_ids"])
    for first in range(len(full) - len(ids) + 1):
        if full[first : first + len(ids)] == ids:
            return full, [(0, 0)] * first + places + [(0, 0)] * (len(full) - first - len(ids))
    raise PlaceholderError(
        "The tokenizer splits the text differently when it adds its special tokens, and gives no character offsets.",
        "Use another model, or a tokenizer with offsets.",
    )


def _overwritten(text: str, span: Span, places: Sequence[Span], tokens: Sequence[str]) -> list[int]:
    """Positions of the tokens that hold the placeholder at `span` and nothing else but white space beside it.

    A token that stands for white space only is left alone even where it claims the placeholder's characters:
    SentencePiece reports the `▁` it puts before a text as a part of the text's first character.
    """
    start, end = span
    positions = []
    for position, (first, last) in enumerate(places):
        if last <= start or end <= first or not tokens[position].strip():
            continue
        beside = (text[first:start] + " " + text[end:last]).strip()
        if beside:
            raise _shared(text[start:end], position, tokens[position], beside)
        positions.append(position)
    if not positions:
        raise PlaceholderError(
            f"The placeholder `{visible(text[start:end])}` becomes no token of this model.",
            "Choose another placeholder.",
        )
    return positions


def _shared(placeholder: str, position: int, token: str, beside: str) -> PlaceholderError:
    return PlaceholderError(
        f"Token {position} `{visible(token)}` holds the placeholder `{visible(placeholder)}` and `{visible(beside)}`.",
        "Put spaces around the placeholder, or use another one.",
    )


def _published(tokenizer: PreTrainedTokenizerBase, text: str, spans: Sequence[Span]) -> InterpretationPrompt:
    """Positions as the published tools count them: where encoding the text before a placeholder ends, and with it."""
    ids = tuple(tokenizer(text, verbose=False)["input_ids"])
    positions: set[int] = set()
    for start, end in spans:
        end += text[end : end + 1] == " "
        positions.update(range(_length(tokenizer, text[:start]), _length(tokenizer, text[:end])))
    inside = tuple(sorted(position for position in positions if position < len(ids)))
    if not inside:
        raise PlaceholderError("Counted as published, no token would be overwritten.", "Use exact positions instead.")
    return InterpretationPrompt(text, ids, inside, token_texts(tokenizer, ids))


def _length(tokenizer: PreTrainedTokenizerBase, text: str) -> int:
    return len(tokenizer(text, verbose=False)["input_ids"])
