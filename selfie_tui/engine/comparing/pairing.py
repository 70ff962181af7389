"""Which token, layer and vocabulary entry of one model stands beside which of another.

Tokens stand beside each other where both cover the same characters of the text, so that the states there have read the
same text. Two tokenizers that split `unbelievable news` as `un|believable| news` and `unbeliev|able| news` share the
position of ` news` alone:

    un            0-2        unbeliev      0-8
    believable    2-12       able          8-12
    ·news        12-17       ·news        12-17     a pair
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from selfie_tui.engine.model import Model
from selfie_tui.engine.patching.pair import described
from selfie_tui.engine.prompts.source import Source, source_of
from selfie_tui.errors import PromptError, RequestError
from selfie_tui.records import EMBED, Token

SHOWN = 40
"""Tokens of a prompt that a refusal shows."""


@dataclass(frozen=True)
class PairedPrompt:
    """A prompt as two models read it; `partner` gives the position in the other one of each that stands beside one."""

    here: Source
    there: Source
    partner: dict[int, int]

    def partners(self, model: Model, other: Model, positions: Sequence[int]) -> tuple[int, ...]:
        """The positions in the other model of positions in the one.

        Raises:
            PromptError: with both tokenisations, where one of them stands beside none.
        """
        if all(position in self.partner for position in positions):
            return tuple(self.partner[position] for position in positions)
        one, two = (
            described([token.id for token in source.tokens[:SHOWN]], each.tokenizer)
            for source, each in ((self.here, model), (self.there, other))
        )
        shared = ",".join(map(str, self.partner))
        raise PromptError(
            f"The models split the prompt differently: {model.name} has {one}, and {other.name} has {two}.",
            f"Choose tokens that both have: {shared}." if shared else "Compare models of one tokenizer.",
        )


def pair_prompt(model: Model, other: Model, prompt: str, stack: str = "") -> PairedPrompt:
    """A prompt in two models; raises as `source_of` for either."""
    here, there = (source_of(each, prompt, stack) for each in (model, other))
    if [token.text for token in here.tokens] == [token.text for token in there.tokens]:
        return PairedPrompt(here, there, {position: position for position in range(len(here.tokens))})
    return PairedPrompt(here, there, paired_positions(here.tokens, there.tokens))


def paired_positions(here: Sequence[Token], there: Sequence[Token]) -> dict[int, int]:
    """The pairs of positions whose tokens cover the same characters; none where the tokens make other texts."""
    (text, spans), (other_text, other_spans) = covered(here), covered(there)
    if text != other_text:
        return {}
    return {position: other_spans[span] for span, position in spans.items() if span in other_spans}


def covered(tokens: Sequence[Token]) -> tuple[str, dict[tuple[int, int], int]]:
    """The text that ordinary tokens make, without the blanks before it, and the positions by the characters they cover.

    Tokenizers that put a blank before every text would otherwise cover one more than others.
    """
    ordinary = [token for token in tokens if not token.special]
    joined = "".join(token.text for token in ordinary)
    text = joined.lstrip(" ")
    blanks = len(joined) - len(text)
    ends = [max(0, end - blanks) for end in accumulate(len(token.text) for token in ordinary)]
    spans = zip([0, *ends], ends, ordinary, strict=False)
    return text, {(start, end): token.position for start, end, token in spans if end > start}


def pair_layers(
    model: Model, other: Model, layers: Sequence[int] | None, other_layers: Sequence[int] | None, stack: str = ""
) -> tuple[tuple[int, int], ...]:
    """Pairs of layers: those that are given, or each with the one that is as deep in the other model.

    Raises:
        RequestError: for layers that are not there, or as many of the one as not of the other.
    """
    depths = [len(each.anatomy.stack(stack).blocks) for each in (model, other)]
    chosen = tuple(range(EMBED, depths[0])) if layers is None else tuple(layers)
    beside = tuple(partner_layer(layer, *depths) for layer in chosen) if other_layers is None else tuple(other_layers)
    if len(chosen) != len(beside):
        raise RequestError(
            f"There are {len(chosen)} layers of {model.name} and {len(beside)} of {other.name}.",
            "Give one of the other model for each.",
        )
    for layer, other_layer in zip(chosen, beside, strict=True):
        model.check_layer(layer, stack)
        other.check_layer(other_layer, stack)
    return tuple(zip(chosen, beside, strict=True))


def partner_layer(layer: int, depth: int, other_depth: int) -> int:
    """The layer that is as deep in a model of `other_depth` layers: embeddings beside embeddings, last beside last."""
    if layer == EMBED or depth == other_depth:
        return layer
    return max(0, round((layer + 1) * other_depth / depth) - 1)


def shared_vocabulary(model: Model, other: Model) -> int:
    """How many tokens, from id 0 on, both models have logits for and their tokenizers the same texts; 0 for others.

    Ids that only one of them has are those that it was trained with later, or that fill up its matrix.
    """
    one, two = ({token: entry for entry, token in each.tokenizer.get_vocab().items()} for each in (model, other))
    if any(two[token] != entry for token, entry in one.items() if token in two):
        return 0
    return min(model.anatomy.vocabulary, other.anatomy.vocabulary)
