"""Two prompts, token by token: the one whose values are taken, and the one into whose run they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.source import source_of
from selfie_tui.engine.prompts.tokens import token_texts
from selfie_tui.engine.prompts.tracking import tracked_token
from selfie_tui.errors import PromptError, RequestError
from selfie_tui.records import Token, TrackedToken


@dataclass(frozen=True)
class PromptPair:
    """The ids of the prompt that values are taken from, and of the one that is run with them.

    Prompts of different lengths are aligned at their ends.
    """

    source: tuple[int, ...]
    target: tuple[int, ...]

    @property
    def shift(self) -> int:
        """What a position of the target is moved by to get that of the source."""
        return len(self.source) - len(self.target)

    @property
    def first_difference(self) -> int:
        """The first position where the two differ; that after the last of the shorter one where none does."""
        pairs = zip(self.source, self.target, strict=False)
        return next(
            (position for position, (one, other) in enumerate(pairs) if one != other),
            min(len(self.source), len(self.target)),
        )


def check_pair(pair: PromptPair, tokenizer: Any = None) -> None:
    """Refuse prompts of unequal lengths, with both tokenisations side by side from the first difference on.

    Raises:
        PromptError: naming the first tokens that differ.
    """
    if not pair.shift:
        return
    start = max(0, pair.first_difference - 1)
    sides = [described(ids[start : start + 6], tokenizer) for ids in (pair.source, pair.target)]
    raise PromptError(
        f"The prompts have {len(pair.source)} and {len(pair.target)} tokens; from token {start} on: "
        f"{sides[0]} against {sides[1]}.",
        "Reword one so that every token has a counterpart, or patch the last positions only.",
    )


def described(ids: Sequence[int], tokenizer: Any) -> str:
    """Tokens for an error: their texts between bars, their ids without a tokenizer."""
    texts = [str(token) for token in ids] if tokenizer is None else token_texts(tokenizer, list(ids))
    return "|".join(text.replace("\n", "⏎") for text in texts)


@dataclass(frozen=True)
class TokenizedPair:
    """A clean and a corrupt prompt as a model reads them."""

    clean: tuple[Token, ...]
    corrupt: tuple[Token, ...]

    def pair(self, noise: bool) -> PromptPair:
        """Denoising writes the clean prompt's values into the corrupt one's run, noising the other way round."""
        clean, corrupt = (tuple(token.id for token in side) for side in (self.clean, self.corrupt))
        return PromptPair(corrupt, clean) if noise else PromptPair(clean, corrupt)


def tokenize_pair(model: Model, clean: str, corrupt: str) -> TokenizedPair:
    """Both prompts; raises PromptError for one that is empty, or longer than the model's context."""
    return TokenizedPair(source_of(model, clean).tokens, source_of(model, corrupt).tokens)


def answer_token(model: Model, word: str) -> TrackedToken:
    """The token of an answer, as `prompts.tracking` finds it.

    Raises:
        RequestError: for a word that no token stands for.
    """
    found = tracked_token(model.tokenizer, word)
    if found.id >= model.anatomy.vocabulary:
        raise RequestError(f"{model.name} has no logit for “{word}”.", "Use the tokenizer that belongs to the model.")
    return found
