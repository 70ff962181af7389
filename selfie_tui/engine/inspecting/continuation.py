"""A greedy answer to a prompt, one token at a time, so that two can be written side by side and each step watched."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from selfie_tui.engine.edits import ReadyEdit
from selfie_tui.engine.generation.decode import stepper_for
from selfie_tui.engine.generation.prefill import Prefill
from selfie_tui.engine.generation.steppers import RecomputeBase, Stepper
from selfie_tui.engine.injection import Injection
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.placeholders import token_texts
from selfie_tui.engine.prompts.source import source_of
from selfie_tui.errors import PromptError
from selfie_tui.kinds import MASK
from selfie_tui.records import EMBED, GeneratedToken


@dataclass(frozen=True)
class Opening:
    """A prompt to go on from: what the model reads, what a decoder has written, the masks that an encoder fills."""

    ids: tuple[int, ...]
    prefix: tuple[int, ...] = ()
    masks: tuple[int, ...] = ()

    def prefill(self) -> Prefill:
        """It, not run: every stepper runs it from its first token."""
        return Prefill(self.ids, torch.empty(0), prefix=self.prefix, masks=self.masks)


def opening_of(model: Model, prompt: str, max_new_tokens: int) -> Opening:
    """The opening that a prompt is for a model: an encoder fills the `[MASK]`s in it.

    Raises:
        PromptError: for a prompt that is empty or, with the answer, too long; for an encoder's without a mask.
    """
    masks: tuple[int, ...] = ()
    if model.kind == "encoder":
        mask, mask_id = getattr(model.tokenizer, "mask_token", None), getattr(model.tokenizer, "mask_token_id", None)
        prompt = prompt.replace(MASK, mask) if mask else prompt
        ids = source_of(model, prompt).ids
        masks = tuple(index for index, token in enumerate(ids) if token == mask_id)
        if not masks:
            raise PromptError(
                f"{model.name} is an encoder: it fills masks, and the prompt has none.", f"Write {MASK} in it."
            )
        return Opening(ids, masks=masks)
    source = source_of(model, prompt, model.anatomy.last.name)
    opening = Opening(source.ids, source.prefix or ())
    length = len(opening.prefix or opening.ids) + max_new_tokens
    if model.output_context and length > model.output_context:
        raise PromptError(
            f"Prompt and answer need {length} tokens, and {model.name} takes {model.output_context}.",
            "Shorten the prompt, or generate fewer tokens.",
        )
    return opening


@dataclass
class Continuation:
    """The answer of a model, with `edits` and no others, as far as it is.

    `ended` is true after the token that ends it, which is not part of it, and where logits are not finite.
    """

    model: Model
    opening: Opening
    max_new_tokens: int
    edits: Sequence[ReadyEdit]
    cancelled: Callable[[], bool]
    tokens: list[GeneratedToken] = field(default_factory=list)
    ended: bool = False
    read: int = 0
    """Tokens of the answer that the model has read."""
    stepper: Stepper | None = None
    first_logits: torch.Tensor | None = None
    """The logits `(vocabulary,)` of the first token, once it was asked for."""

    @property
    def reads_from(self) -> int:
        """The position of the first token of the next forward: 0 where it is over the prompt."""
        if self.stepper is None or isinstance(self.stepper, RecomputeBase):
            return 0
        return len(self.opening.prefix or self.opening.ids) + len(self.tokens) - 1

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids of the tokens that it has."""
        return tuple(token.id for token in self.tokens)

    def step(self) -> bool:
        """Run the model once and take the next token; whether there is one.

        Raises:
            Cancelled: before any block, once `cancelled` gives true.
            OutOfMemory: if the device has no memory for it.
        """
        most = len(self.opening.masks) or self.max_new_tokens
        if self.ended or len(self.tokens) >= most:
            return False
        logits = self.next_logits()[0]  # (vocabulary,)
        if self.first_logits is None:
            self.first_logits = logits
        token = int(logits.argmax())
        probability = float(logits.softmax(-1)[token])
        if token in self.model.end_tokens or math.isnan(probability):
            self.ended = True
            return False
        text = token_texts(self.model.tokenizer, [*self.ids, token])[-1]
        self.tokens.append(GeneratedToken(text, token, probability))
        return True

    def read_last(self) -> None:
        """Run the model once more over the last token, so that its states can be seen; a text without any has none."""
        if self.read < len(self.tokens) and not self.opening.masks:
            self.next_logits()

    def next_logits(self) -> torch.Tensor:
        """The logits `(1, vocabulary)` after the tokens so far.

        A forward that goes on from a cache is not one over the prompt.
        """
        over_prompt, self.read = self.reads_from == 0, len(self.tokens)
        with self.model.edits.replaced(self.edits), self.model.edits.reading_prompt(over_prompt):
            if self.stepper is None:
                nothing = Injection(torch.empty((0, self.model.hidden), device=self.model.device), (0,), EMBED)
                self.stepper = stepper_for(self.model, self.opening.prefill(), nothing, 1, self.cancelled)
                return self.stepper.first().whole()
            return self.stepper.next([self.tokens[-1].id]).whole()
