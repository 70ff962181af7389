"""Greedy answers to a prompt, a token at a time, so that several can be written side by side and each step watched."""

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
class Written:
    """An answer as far as it is written.

    `ended` is true after the token that ends it, which is not part of it, and where logits are not finite.
    """

    tokens: list[GeneratedToken] = field(default_factory=list)
    ended: bool = False
    first_logits: torch.Tensor | None = None
    """The logits `(vocabulary,)` of the first token, once it was asked for."""

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids of the tokens that it has."""
        return tuple(token.id for token in self.tokens)

    def take(self, model: Model, logits: torch.Tensor) -> bool:
        """Take the most probable token of the next one's logits `(vocabulary,)`; whether the answer goes on with it."""
        if self.first_logits is None:
            self.first_logits = logits
        token = int(logits.argmax())
        probability = float(logits.softmax(-1)[token])
        if token in model.end_tokens or math.isnan(probability):
            self.ended = True
            return False
        text = token_texts(model.tokenizer, [*self.ids, token])[-1]
        self.tokens.append(GeneratedToken(text, token, probability))
        return True


@dataclass
class Continuations:
    """Answers to one prompt in the rows of a batch, with `edits` and no others, as far as they are.

    Rows are equal as long as nothing in a forward tells them apart, such as a hook. `active` are those in the batch:
    one that has ended leaves it, if the model's cache can drop rows.
    """

    model: Model
    opening: Opening
    max_new_tokens: int
    edits: Sequence[ReadyEdit]
    cancelled: Callable[[], bool]
    rows: list[Written] = field(default_factory=lambda: [Written()])
    steps: int = 0
    """Forwards that have given a token, or an end, to the rows."""
    stepper: Stepper | None = None

    def __post_init__(self) -> None:
        self.active = [*range(len(self.rows))]

    @property
    def reads_from(self) -> int:
        """The position of the first token of the next forward: 0 where it is over the prompt."""
        if self.stepper is None or isinstance(self.stepper, RecomputeBase):
            return 0
        return len(self.opening.prefix or self.opening.ids) + self.steps - 1

    def step(self) -> bool:
        """Run the model once and take the next token of each row; whether there is one.

        Raises:
            Cancelled: before any block, once `cancelled` gives true.
            OutOfMemory: if the device has no memory for it.
        """
        most = len(self.opening.masks) or self.max_new_tokens
        if self.steps >= most or all(row.ended for row in self.rows):
            return False
        self.drop_ended()
        logits = self.next_logits()  # (active, vocabulary)
        self.steps += 1
        rows = [self.rows[index] for index in self.active]
        going_on = [row.take(self.model, own) for row, own in zip(rows, logits, strict=True) if not row.ended]
        return any(going_on)

    def drop_ended(self) -> None:
        """Take the rows that have ended out of the batch, if it can be done."""
        alive = [slot for slot, index in enumerate(self.active) if not self.rows[index].ended]
        if self.stepper is not None and 0 < len(alive) < len(self.active) and self.stepper.keep_rows(alive):
            self.active = [self.active[slot] for slot in alive]

    def next_logits(self) -> torch.Tensor:
        """The logits `(active, vocabulary)` after the tokens so far.

        A forward that goes on from a cache is not one over the prompt.
        """
        with self.model.edits.replaced(self.edits), self.model.edits.reading_prompt(self.reads_from == 0):
            if self.stepper is None:
                nothing = Injection(torch.empty((0, self.model.hidden), device=self.model.device), (0,), EMBED)
                count = len(self.rows)
                self.stepper = stepper_for(self.model, self.opening.prefill(), nothing, count, self.cancelled)
                return self.stepper.first().whole()
            last = [self.rows[index].ids[-1:] or (0,) for index in self.active]  # one that has ended may have none
            return self.stepper.next([token for (token,) in last]).whole()


@dataclass
class Continuation(Continuations):
    """The answer of a model, with `edits` and no others, as far as it is."""

    read: int = 0
    """Tokens of the answer that the model has read."""

    @property
    def tokens(self) -> list[GeneratedToken]:
        """The tokens that it has."""
        return self.rows[0].tokens

    @property
    def ids(self) -> tuple[int, ...]:
        """Their ids."""
        return self.rows[0].ids

    @property
    def ended(self) -> bool:
        """Whether a token has ended it."""
        return self.rows[0].ended

    @property
    def first_logits(self) -> torch.Tensor | None:
        """The logits `(vocabulary,)` of the first token, once it was asked for."""
        return self.rows[0].first_logits

    def read_last(self) -> None:
        """Run the model once more over the last token, so that its states can be seen; a text without any has none."""
        if self.read < len(self.tokens) and not self.opening.masks:
            self.next_logits()

    def next_logits(self) -> torch.Tensor:
        """The logits `(1, vocabulary)` after the tokens so far."""
        self.read = len(self.tokens)
        return super().next_logits()
