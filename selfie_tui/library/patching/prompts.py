"""Batches of prompts and answers as a user gives them: pairs of rows of ids, their padding left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from selfie_tui.engine.model import Model
from selfie_tui.engine.patching.pair import PromptPair, answer_token, check_pair
from selfie_tui.errors import RequestError
from selfie_tui.library.arguments import as_int, describe


@dataclass(frozen=True)
class Rows:
    """The ids of prompts without their padding; `width` is that of the batch, `starts` where each row begins in it."""

    ids: tuple[tuple[int, ...], ...]
    starts: tuple[int, ...]
    width: int


@dataclass(frozen=True)
class Example:
    """A source and a target, the answers of both, and where the target begins in its batch."""

    pair: PromptPair
    correct: int
    wrong: int
    start: int


def examples(
    model: Model,
    source: Any,
    target: Any,
    source_answers: Any,
    target_answers: Any,
    masks: tuple[Any, Any],
    aligned: bool,
) -> tuple[list[Example], int]:
    """The examples of a batch, and its width.

    Raises:
        RequestError: for batches of different sizes.
        PromptError: for prompts of unequal lengths where they must be `aligned`.
    """
    sources, targets = rows_of(model, source, masks[0]), rows_of(model, target, masks[1])
    count = len(targets.ids)
    if len(sources.ids) != count:
        raise RequestError(f"There are {len(sources.ids)} sources and {count} targets.", "Give a source to each.")
    correct = answer_tokens(model, source_answers, count, "source")
    wrong = answer_tokens(model, target_answers, count, "target") if target_answers is not None else [0] * count
    found = []
    for index in range(count):
        pair = PromptPair(sources.ids[index], targets.ids[index])
        if aligned:
            check_pair(pair, model.tokenizer)
        found.append(Example(pair, correct[index], wrong[index], targets.starts[index]))
    return found, targets.width


def rows_of(model: Model, prompts: Any, mask: Any = None) -> Rows:
    """Prompts without their padding: ids `(rows, positions)` with a mask, what a tokenizer returns, or texts.

    Raises:
        RequestError: for anything else, a row without a token, and texts for a model without a tokenizer.
    """
    if isinstance(prompts, Mapping):
        prompts, mask = prompts["input_ids"], prompts.get("attention_mask") if mask is None else mask
    if isinstance(prompts, str) or (isinstance(prompts, Sequence) and prompts and isinstance(prompts[0], str)):
        if model.tokenizer is None:
            raise RequestError("This model has no tokenizer to read texts with.", "Give token ids.")
        texts = [prompts] if isinstance(prompts, str) else list(prompts)
        ids = [tuple(model.tokenizer(text, verbose=False)["input_ids"]) for text in texts]
        return Rows(tuple(ids), (0,) * len(ids), max(map(len, ids)))
    try:
        batch = torch.as_tensor(prompts)
    except (TypeError, ValueError, RuntimeError):
        batch = None
    if batch is None or batch.dim() not in (1, 2) or batch.is_floating_point():
        raise RequestError(f"Invalid prompts {describe(prompts)}.", "Give token ids (rows, positions), or texts.")
    batch = batch if batch.dim() == 2 else batch.unsqueeze(0)
    kept = torch.ones_like(batch) if mask is None else torch.as_tensor(mask).to(batch.device).reshape(batch.shape)
    ids, starts = [], []
    for row, own in zip(batch.tolist(), kept.bool().tolist(), strict=True):
        positions = [position for position, is_own in enumerate(own) if is_own]
        if not positions or positions[-1] - positions[0] + 1 != len(positions):
            raise RequestError("A row of the attention mask has no tokens, or a gap.", "Pad at one end only.")
        ids.append(tuple(row[position] for position in positions))
        starts.append(positions[0])
    return Rows(tuple(ids), tuple(starts), batch.shape[1])


def answer_tokens(model: Model, answers: Any, count: int, whose: str) -> list[int]:
    """The token of each example's answer: token ids, one or one for each, or words.

    Raises:
        RequestError: for another number of answers than of examples, or tokens without a logit.
    """
    if isinstance(answers, str):
        answers = [answers]
    given = answers.reshape(-1).tolist() if isinstance(answers, torch.Tensor) else answers
    items = [given] if isinstance(given, int) else list(given)
    if len(items) not in (1, count):
        raise RequestError(f"There are {len(items)} {whose} answers and {count} prompts.", "Give one, or one for each.")
    tokens = [answer_token(model, item).id if isinstance(item, str) else as_int(item, "answer") for item in items]
    if unknown := [token for token in tokens if not 0 <= token < model.anatomy.vocabulary]:
        raise RequestError(
            f"The {whose} answer {unknown[0]} has no logit.", f"Choose of 0 to {model.anatomy.vocabulary - 1}."
        )
    return tokens * count if len(tokens) == 1 else tokens
