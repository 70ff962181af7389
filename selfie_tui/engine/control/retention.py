"""What other weights change of prompts that were not to change: next-token distributions at all of their positions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from selfie_tui.engine.edits import ReadyEdit
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.source import Source, source_of
from selfie_tui.engine.prompts.tokens import token_texts
from selfie_tui.records import Retained

RETAINED = (
    "The weather was cold this morning, and there was ice on the road.",
    "She opened the window and looked out at the garden.",
    "Water boils at a hundred degrees and freezes at zero.",
    "The book was written by a teacher from a small town.",
    "He asked his brother for the keys of the car.",
    "Two and two make four, and three and three make six.",
    "The train to the city leaves at eight in the evening.",
    "A dog barked at the man who was crossing the street.",
)
"""Sentences whose states are held where they are, where none are given."""

HELD_OUT = (
    "The children were playing in the park after school.",
    "Most birds can fly, but some of them cannot.",
    "I would like a cup of tea with milk and sugar.",
    "The sun rises in the east and sets in the west.",
    "They bought bread, cheese and apples at the market.",
    "Her mother is a doctor, and her father is a cook.",
    "The ship sailed across the ocean for three weeks.",
    "On Monday the shop is closed, and on Friday it is open.",
)
"""Sentences that are not trained on, by which is seen what becomes of other texts, where none are given."""


@dataclass(frozen=True)
class Retention:
    """A prompt with its logits `(positions, vocabulary)` before the change; `held_out` is as in `Retained`."""

    prompt: str
    source: Source
    logits: torch.Tensor
    held_out: bool


def before(model: Model, prompt: str, held_out: bool, cancelled: Callable[[], bool]) -> Retention:
    """A prompt as it is now; raises PromptError for one that is empty or too long, and Cancelled."""
    source = source_of(model, prompt, model.anatomy.last.name)
    return Retention(prompt, source, logits_of(model, source, cancelled), held_out)


def after(model: Model, retention: Retention, weights: ReadyEdit, cancelled: Callable[[], bool]) -> Retained:
    """What becomes of a prompt with other weights; raises Cancelled."""
    with model.edits.replaced((*model.edits.now, weights)):
        logits = logits_of(model, retention.source, cancelled)
    was, now = (each.double().log_softmax(-1) for each in (retention.logits, logits))
    kl = (now.exp() * (now - was)).sum(-1)  # (positions,)
    best = [each.argmax(-1) for each in (was, now)]
    texts = [token_texts(model.tokenizer, [int(each[-1])])[0] for each in best]
    return Retained(
        prompt=retention.prompt,
        positions=len(kl),
        kl=max(0.0, float(kl.mean())),
        worst=max(0.0, float(kl.max())),
        agreement=float((best[0] == best[1]).double().mean()),
        next_before=texts[0],
        next_after=texts[1],
        loss_before=own_loss(model, retention.source, was),
        loss_after=own_loss(model, retention.source, now),
        held_out=retention.held_out,
    )


def own_loss(model: Model, source: Source, log_probabilities: torch.Tensor) -> float | None:
    """The mean negative log-likelihood of a prompt's own tokens, of `(positions, vocabulary)`; None without any."""
    ids = source.prefix if source.prefix is not None else source.ids
    if model.kind == "encoder" or len(ids) < 2:
        return None
    own = torch.tensor(ids[1:], device=log_probabilities.device)
    return float(-log_probabilities[:-1].gather(-1, own[:, None]).mean())


def logits_of(model: Model, source: Source, cancelled: Callable[[], bool]) -> torch.Tensor:
    """The logits of a prompt, `(positions, vocabulary)`, with the edits that stand."""
    prefixes = None if source.prefix is None else [list(source.prefix)]
    inputs = model.inputs([list(source.ids)], prefixes, use_cache=False)
    with model.edits.reading_prompt(), model.inference(cancelled):
        return model.anatomy.logits_in(model.module(**inputs))[0]
