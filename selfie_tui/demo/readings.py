"""Reads cells of a model aloud in batches: for every prompt, what its last token's state says at each layer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

# Given the states (prompts, 1 + layers, hidden), what is injected in their place.
Alter = Callable[[Tensor], Tensor]

ENDINGS = re.compile(r"[.\n]| ;")


def read_cells(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    template: str,
    *,
    placeholder: str = "_",
    max_new_tokens: int = 14,
    batch_rows: int = 384,
    alter: Alter | None = None,
) -> list[list[str]]:
    """Greedy readings of the last token of each prompt, by source layer: `embed` first, then `resid_post[0..]`.

    The vector replaces the embeddings of the template's placeholders, in the prefill only. Each reading is cut at the
    first full stop, ` ;` or newline.
    """
    states = last_token_states(model, tokenizer, prompts)
    vectors = alter(states) if alter else states
    texts = read_vectors(model, tokenizer, vectors.flatten(0, 1), template, placeholder, max_new_tokens, batch_rows)
    layers = states.shape[1]
    return [texts[start : start + layers] for start in range(0, len(texts), layers)]


def read_vectors(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    vectors: Tensor,
    template: str,
    placeholder: str = "_",
    max_new_tokens: int = 14,
    batch_rows: int = 384,
) -> list[str]:
    """A greedy reading of each vector of (rows, hidden)."""
    # Prompts that end in one word share a state at `embed`: it is read once.
    distinct, places = torch.unique(vectors, dim=0, return_inverse=True)
    texts: list[str] = []
    for chunk in torch.split(distinct, batch_rows):
        texts += _read_batch(model, tokenizer, chunk, template, placeholder, max_new_tokens)
    return [texts[place] for place in places.tolist()]


def read_nothing(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, template: str) -> str:
    """What the template says when nothing is injected."""
    ids = tokenizer(template, return_tensors="pt").input_ids
    with torch.inference_mode():
        embedded = model.get_input_embeddings()(ids)
    return _decode(model, tokenizer, embedded, 14)[0]


def last_token_states(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str]) -> Tensor:
    """States (prompts, 1 + layers, hidden): the input of block 0, then the output of every block, before any norm."""
    outputs: list[Tensor] = []
    blocks = model.get_decoder().layers

    def first(_module: object, arguments: tuple[Tensor, ...]) -> None:
        outputs.append(arguments[0][:, -1])

    def after(_module: object, _arguments: object, output: Tensor | tuple[Tensor, ...]) -> None:
        outputs.append((output if isinstance(output, Tensor) else output[0])[:, -1])

    handles = [blocks[0].register_forward_pre_hook(first)]
    handles += [block.register_forward_hook(after) for block in blocks]
    try:
        with torch.inference_mode():
            model.get_decoder()(**tokenizer(list(prompts), return_tensors="pt", padding=True, padding_side="left"))
    finally:
        for handle in handles:
            handle.remove()
    return torch.stack(outputs, dim=1).clone()


def _read_batch(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    vectors: Tensor,
    template: str,
    placeholder: str,
    max_new_tokens: int,
) -> list[str]:
    ids = tokenizer(template, return_tensors="pt").input_ids
    slots = [place for place, token in enumerate(ids[0].tolist()) if tokenizer.decode([token]).strip() == placeholder]
    if not slots:
        raise ValueError(f"The template has no placeholder {placeholder!r}; write one where the vector should go.")
    with torch.inference_mode():
        embedded = model.get_input_embeddings()(ids).repeat(len(vectors), 1, 1)
        embedded[:, slots] = vectors[:, None].to(embedded.dtype)
    return _decode(model, tokenizer, embedded, max_new_tokens)


def _decode(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, embedded: Tensor, max_new_tokens: int
) -> list[str]:
    """Greedy continuations of embedded prompts of one length; rows that have ended are dropped as they go."""
    endings, blanks = (torch.tensor(tokens) for tokens in _ending_tokens(tokenizer))
    tokens = torch.full((len(embedded), max_new_tokens), tokenizer.eos_token_id)
    rows = torch.arange(len(embedded))
    begun = torch.zeros(len(embedded), dtype=torch.bool)
    with torch.inference_mode():
        step = model(inputs_embeds=embedded, use_cache=True, logits_to_keep=1)
        for place in range(max_new_tokens):
            chosen = step.logits[:, -1].argmax(-1)
            tokens[rows, place] = chosen
            begun[rows] |= ~torch.isin(chosen, blanks)
            going = ~(torch.isin(chosen, endings) & begun[rows])
            if place + 1 == max_new_tokens or not going.any():
                break
            step.past_key_values.batch_select_indices(going.nonzero()[:, 0])
            rows, chosen = rows[going], chosen[going]
            step = model(input_ids=chosen[:, None], past_key_values=step.past_key_values, use_cache=True)
    return [_cut(tokenizer, row) for row in tokens.tolist()]


def _ending_tokens(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """The tokens that end a reading, and those that are white space: a reading may open with these."""
    texts = {token: tokenizer.decode([token]) for token in range(len(tokenizer))}
    ended = [token for token, text in texts.items() if ENDINGS.search(text)]
    return [*ended, tokenizer.eos_token_id], [token for token, text in texts.items() if text.isspace()]


def _cut(tokenizer: PreTrainedTokenizerBase, ids: list[int]) -> str:
    """The text before its first ending."""
    text = tokenizer.decode(ids, skip_special_tokens=True).strip()
    return ENDINGS.split(text)[0].strip()
