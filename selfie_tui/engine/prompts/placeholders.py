"""An interpretation prompt as token ids, and the exact positions that the injection overwrites.

Positions come from where each token lies in the text, never from the length of encoded prefixes, which byte-pair
merges shift. A placeholder that shares a token with other text is tokenised apart from it; where that fails too, the
prompt is refused with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
from typing import TYPE_CHECKING

from selfie_tui.engine.prompts.chat import Rendering, Span, render, spaced_turn
from selfie_tui.engine.prompts.pieces import tokenize_apart
from selfie_tui.engine.prompts.tokens import encode_source, is_unicode, token_texts
from selfie_tui.errors import PlaceholderError
from selfie_tui.records import Preset
from selfie_tui.text import visible

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["TargetPrompt", "build_prompt", "encode_source", "exact_prompt", "token_texts"]


@dataclass(frozen=True)
class TargetPrompt:
    """An interpretation prompt as the model gets it (the target prompt of Patchscopes, arXiv 2401.06102).

    `text` is what was encoded, chat template included; `ids` and `tokens` (their texts, unsafe to print) have one
    entry a token, special tokens included; `positions` are those to overwrite, ascending. `cuts` are the positions of
    tokens before which the text was cut, to be tokenised in pieces, `system` those of the chat template's own system
    text. `masks` are the positions that an encoder fills; `prefix` is what the decoder of an encoder-decoder begins
    with.
    """

    text: str
    ids: tuple[int, ...]
    positions: tuple[int, ...]
    tokens: tuple[str, ...]
    cuts: tuple[int, ...] = ()
    system: tuple[int, ...] = ()
    masks: tuple[int, ...] = ()
    prefix: TargetPrompt | None = None


def build_prompt(
    tokenizer: PreTrainedTokenizerBase, preset: Preset, compat: bool = False, system: bool = True
) -> TargetPrompt:
    """The prompt of `preset` under this tokenizer, with the tokens that make up its placeholders.

    A chat turn goes through the tokenizer's chat template, without its own system text unless `system`, and is encoded
    without further special tokens; placeholders count only in the user's and the answer's own words. Other text, or a
    tokenizer without template, is encoded as it stands with the special tokens the tokenizer adds by default; where the
    literal `[INST]` or `[/INST]` would share a token with a placeholder, a space is put between them, as Llama 2's own
    format has it. Where a placeholder still shares a token with other text, the two are tokenised apart (see `pieces`).

    `compat` reproduces what SelfIE (arXiv 2403.10949) and NNsight Selfie compute instead: the literal text, and
    positions from the lengths of encoded prefixes, wrong where tokens merge.

    Raises PlaceholderError, with what to change, without a placeholder, if one gives no token or cannot be tokenised
    apart from other text, or if the chat template refuses or rewrites the message.
    """
    check_preset(preset)
    if compat:
        rendering = render(None, preset.text)
        return _published(tokenizer, rendering.text, placeholder_spans(rendering, preset.placeholder))
    rendering = render(tokenizer, preset.text, system)
    with suppress(PlaceholderError):
        return whole_prompt(tokenizer, rendering, preset.placeholder)
    with suppress(PlaceholderError):
        return whole_prompt(tokenizer, render(tokenizer, spaced_turn(preset.text), system), preset.placeholder)
    return exact_prompt(tokenizer, rendering, preset.placeholder)


def check_preset(preset: Preset) -> None:
    """Refuse text that is not Unicode, and blank placeholders; raises PlaceholderError."""
    if not preset.placeholder.strip():
        raise PlaceholderError("The placeholder is empty or blank.", "Choose a visible one, such as `_`.")
    if not is_unicode(preset.text):
        raise PlaceholderError("The interpretation prompt holds half of a surrogate pair.", "Retype that character.")


def exact_prompt(
    tokenizer: PreTrainedTokenizerBase, rendering: Rendering, placeholder: str, needed: bool = True
) -> TargetPrompt:
    """The prompt, its positions those of the tokens that hold a placeholder and nothing else, cut where it must be.

    Raises PlaceholderError as `build_prompt`; without a placeholder only if they are `needed`.
    """
    try:
        return whole_prompt(tokenizer, rendering, placeholder, needed)
    except PlaceholderError:
        with suppress(PlaceholderError):
            if cut := cut_prompt(tokenizer, rendering, found_placeholders(rendering, placeholder)):
                return cut
        raise


def cut_prompt(tokenizer: PreTrainedTokenizerBase, rendering: Rendering, spans: Sequence[Span]) -> TargetPrompt | None:
    """The prompt in pieces (see `pieces`); None where placeholders have no tokens of their own in these either."""
    apart = tokenize_apart(tokenizer, rendering.text, spans)
    if apart is None:
        return None
    ids, offsets, cuts = apart.ids, list(apart.offsets), apart.cuts
    if not rendering.templated:
        whole = _ids(tokenizer, rendering.text, special=False)
        full, places = _with_special_tokens(tokenizer, rendering.text, whole, [(1, 1)] * len(whole))
        first, last = places.index((1, 1)), len(places) - places[::-1].index((1, 1))
        ids = (*full[:first], *ids, *full[last:])
        offsets = [*places[:first], *offsets, *places[last:]]
        cuts = tuple(cut + first for cut in cuts)
    tokens = token_texts(tokenizer, ids)
    positions = [position for span in spans for position in _overwritten(rendering.text, span, offsets, tokens)]
    return TargetPrompt(rendering.text, ids, tuple(positions), tokens, cuts, _within(rendering.system, offsets))


def whole_prompt(
    tokenizer: PreTrainedTokenizerBase, rendering: Rendering, placeholder: str, needed: bool = True
) -> TargetPrompt:
    """The prompt tokenised as a whole; raises as `exact_prompt`, also for a placeholder that shares a token."""
    spans = placeholder_spans(rendering, placeholder) if needed else found_placeholders(rendering, placeholder)
    ids, offsets = _encoded(tokenizer, rendering, spans)
    tokens = token_texts(tokenizer, ids)
    positions = [position for span in spans for position in _overwritten(rendering.text, span, offsets, tokens)]
    return TargetPrompt(rendering.text, ids, tuple(positions), tokens, system=_within(rendering.system, offsets))


def _within(span: Span, offsets: Sequence[Span]) -> tuple[int, ...]:
    """Positions of the tokens that have a character in a span of the text."""
    start, end = span
    return tuple(index for index, (first, last) in enumerate(offsets) if first < end and last > start)


def placeholder_spans(rendering: Rendering, placeholder: str) -> list[Span]:
    """Spans of the placeholders that stand alone, no letter or digit beside them, in the user's and the answer's words.

    Raises PlaceholderError without any.
    """
    spans = found_placeholders(rendering, placeholder)
    if not spans:
        raise PlaceholderError(
            f"The interpretation prompt has no placeholder `{visible(placeholder)}` that stands alone.",
            f"Write `{visible(placeholder)}` between spaces where the activation should go; inside a word it is text.",
        )
    return spans


def found_placeholders(rendering: Rendering, placeholder: str) -> list[Span]:
    """Spans of the placeholders that stand alone, in order."""
    alone = re.compile(rf"(?<![^\W_]){re.escape(placeholder)}(?![^\W_])")
    return [
        (start + found.start(), start + found.end())
        for start, end in rendering.own
        for found in alone.finditer(rendering.text[start:end])
    ]


def _encoded(
    tokenizer: PreTrainedTokenizerBase, rendering: Rendering, spans: Sequence[Span]
) -> tuple[tuple[int, ...], list[Span]]:
    """The ids of the rendering and the span of each token in its text; (0, 0) for special tokens that are added."""
    special = not rendering.templated
    if getattr(tokenizer, "is_fast", False):
        encoding = tokenizer(rendering.text, add_special_tokens=special, return_offsets_mapping=True, verbose=False)
        return tuple(encoding["input_ids"]), [(start, end) for start, end in encoding["offset_mapping"]]
    ids = _ids(tokenizer, rendering.text, special=False)
    offsets = _offsets_by_text(rendering.text, token_texts(tokenizer, ids))
    if offsets is None:
        offsets = _offsets_by_piece(tokenizer, rendering.text, spans, ids)
    return _with_special_tokens(tokenizer, rendering.text, ids, offsets) if special else (ids, offsets)


def _ids(tokenizer: PreTrainedTokenizerBase, text: str, special: bool = True) -> tuple[int, ...]:
    return tuple(tokenizer(text, add_special_tokens=special, verbose=False)["input_ids"])


def _offsets_by_text(text: str, tokens: Sequence[str]) -> list[Span] | None:
    """Spans of tokens whose texts, joined, are `text` or that after a space; else None."""
    joined = "".join(tokens)
    if joined not in (text, " " + text):
        return None
    ends = list(accumulate((len(token) for token in tokens), initial=len(text) - len(joined)))
    return [(max(0, start), max(0, end)) for start, end in pairwise(ends)]


def _offsets_by_piece(
    tokenizer: PreTrainedTokenizerBase, text: str, spans: Sequence[Span], ids: tuple[int, ...]
) -> list[Span]:
    """Spans of tokens in pieces of `text`, cut at the placeholders, which encode to the same `ids`.

    Spaces beside a placeholder may belong to neither side, to the token after them or to the token before them; the
    cuts are tried in these three ways.
    """
    for spaces_before, spaces_after in (("", ""), (" *", ""), ("", " *")):
        pieces = _pieces(text, spans, spaces_before, spaces_after)
        encoded = [_ids(tokenizer, text[start:end], special=False) for start, end in pieces]
        if tuple(chain.from_iterable(encoded)) == ids:
            return [piece for piece, own in zip(pieces, encoded, strict=True) for _ in own]
    raise PlaceholderError(
        "The tokenizer gives no character offsets, and a placeholder's tokens cannot be separated from the others.",
        "Put spaces around the placeholder, or use another one.",
    )


def _pieces(text: str, spans: Sequence[Span], spaces_before: str, spaces_after: str) -> list[Span]:
    """`text` cut before and after each placeholder, with the spaces beside it that the two patterns take."""
    cuts = [0]
    for start, end in spans:
        before = re.search(rf"{spaces_before}\Z", text[cuts[-1] : start])
        after = re.compile(spaces_after).match(text, end)
        cuts += [start - len(before[0] if before else ""), after.end() if after else end]
    return [(start, end) for start, end in pairwise([*cuts, len(text)]) if start < end]


def _with_special_tokens(
    tokenizer: PreTrainedTokenizerBase, text: str, ids: tuple[int, ...], offsets: list[Span]
) -> tuple[tuple[int, ...], list[Span]]:
    full = _ids(tokenizer, text)
    for first in range(len(full) - len(ids) + 1):
        if full[first : first + len(ids)] == ids:
            return full, [(0, 0)] * first + offsets + [(0, 0)] * (len(full) - first - len(ids))
    raise PlaceholderError(
        "The tokenizer splits the text differently when it adds its special tokens, and gives no character offsets.",
        "Use another model, or a tokenizer with offsets.",
    )


def _overwritten(text: str, span: Span, offsets: Sequence[Span], tokens: Sequence[str]) -> list[int]:
    """Positions of the tokens that hold the placeholder at `span` and nothing else but white space beside it.

    A token that stands for white space only is left alone even where it claims the placeholder's characters:
    SentencePiece reports the `▁` it puts before a text as a part of the text's first character.
    """
    start, end = span
    positions = []
    for position, (first, last) in enumerate(offsets):
        if last <= start or end <= first or not tokens[position].strip():
            continue
        beside = [other.strip() for other in (text[first:start], text[end:last]) if other.strip()]
        if beside:
            raise _shared(text[start:end], position, tokens[position], beside)
        positions.append(position)
    if not positions:
        raise PlaceholderError(
            f"The placeholder `{visible(text[start:end])}` gives no token of this model.",
            "Choose another placeholder.",
        )
    return positions


def _shared(placeholder: str, position: int, token: str, beside: Sequence[str]) -> PlaceholderError:
    others = " and ".join(f"`{visible(other)}`" for other in beside)
    return PlaceholderError(
        f"Token {position} `{visible(token)}` holds the placeholder `{visible(placeholder)}` and {others}.",
        "Put spaces around the placeholder, or use another one.",
    )


def _published(tokenizer: PreTrainedTokenizerBase, text: str, spans: Sequence[Span]) -> TargetPrompt:
    """Positions as the published tools count them: by the lengths of the encoded text before and with a placeholder."""
    ids = _ids(tokenizer, text)
    positions: set[int] = set()
    for start, end in spans:
        end += text[end : end + 1] == " "
        positions.update(range(len(_ids(tokenizer, text[:start])), len(_ids(tokenizer, text[:end]))))
    inside = tuple(sorted(position for position in positions if position < len(ids)))
    if not inside:
        raise PlaceholderError("Counted as published, no token would be overwritten.", "Use exact positions instead.")
    return TargetPrompt(text, ids, inside, token_texts(tokenizer, ids))
