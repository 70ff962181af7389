"""Put the states of many prompts into words in large batches: what the figures of the model's card are taken from.

This is self-interpretation (SelfIE, arXiv 2403.10949 §3) written for one architecture and one template, in float32 and
greedy. It shares nothing with the package's engine, and a test holds the two against each other token by token. The
text says what the model makes of a vector, not what the vector alone holds; see the card for when it misleads.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

MAX_NEW_TOKENS = 14
BATCH_ROWS = 384
PLACEHOLDER = "_"
ENDINGS = re.compile(r"[.\n]| ;")


def interpret_cells(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], template: str
) -> list[list[str]]:
    """Return the texts of the last token of each prompt, by source layer: `embed` first, then `resid_post[0..]`."""
    states = last_token_states(model, tokenizer, prompts)
    texts = interpret_vectors(model, tokenizer, states.flatten(0, 1), template)
    layers = states.shape[1]
    return [texts[start : start + layers] for start in range(0, len(texts), layers)]


def interpret_vectors(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, vectors: Tensor, template: str
) -> list[str]:
    """Return a text for each of the vectors, `(rows, hidden)`, each cut before its first full stop, ` ;` or newline."""
    return [text_of(tokenizer, ids) for ids in generate_injected(model, tokenizer, vectors, template)]


def control_text(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, template: str) -> str:
    """Return what the template is answered with when nothing is injected."""
    return text_of(tokenizer, generate_control(model, tokenizer, template))


def generate_injected(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, vectors: Tensor, template: str
) -> list[list[int]]:
    """Return the token ids generated for each of the vectors, `(rows, hidden)`, the one that ends the text included.

    The vector replaces the embeddings of the template's placeholders, in the prefill only.

    Raises:
        ValueError: if the template has no placeholder.
    """
    ids = tokenizer(template, return_tensors="pt").input_ids
    positions = [
        position for position, token in enumerate(ids[0].tolist()) if tokenizer.decode([token]).strip() == PLACEHOLDER
    ]
    if not positions:
        raise ValueError(f"The template has no placeholder {PLACEHOLDER!r}; write one where the vector should go.")
    # Prompts that end in one word share a state at `embed`: it is decoded once.
    distinct, inverse = torch.unique(vectors, dim=0, return_inverse=True)
    generated: list[list[int]] = []
    for chunk in torch.split(distinct, BATCH_ROWS):
        with torch.inference_mode():
            embedded = model.get_input_embeddings()(ids).repeat(len(chunk), 1, 1)
            embedded[:, positions] = chunk[:, None].to(embedded.dtype)
        generated += _decode(model, tokenizer, embedded)
    return [generated[row] for row in inverse.tolist()]


def generate_control(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, template: str) -> list[int]:
    """Return the token ids generated after the template itself, the one that ends the text included."""
    with torch.inference_mode():
        embedded = model.get_input_embeddings()(tokenizer(template, return_tensors="pt").input_ids)
    return _decode(model, tokenizer, embedded)[0]


def last_token_states(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str]) -> Tensor:
    """Return the states `(prompts, 1 + layers, hidden)`: the input of block 0, then every block's output, unnormed."""
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


def random_directions(states: Tensor, seed: int = 0) -> Tensor:
    """Gaussian directions with the norms of the states, `(cells, hidden)`; the same for the same seed."""
    noise = torch.randn(states.shape, generator=torch.Generator().manual_seed(seed))
    directions: Tensor = noise / noise.square().sum(-1, keepdim=True).sqrt()
    return directions * states.square().sum(-1, keepdim=True).sqrt()


def text_of(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    """Return the text of generated tokens before its first ending."""
    text = tokenizer.decode(list(ids), skip_special_tokens=True).strip()
    return ENDINGS.split(text)[0].strip()


def _decode(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, embedded: Tensor) -> list[list[int]]:
    """Return greedy continuations of embedded prompts, `(rows, length, hidden)`.

    Rows that have ended are dropped from the batch as they end.
    """
    endings, blanks = (torch.tensor(tokens) for tokens in _ending_tokens(tokenizer))
    generated: list[list[int]] = [[] for _ in embedded]
    rows = torch.arange(len(embedded))
    begun = torch.zeros(len(embedded), dtype=torch.bool)
    with torch.inference_mode():
        step = model(inputs_embeds=embedded, use_cache=True, logits_to_keep=1)
        for count in range(1, MAX_NEW_TOKENS + 1):
            chosen = step.logits[:, -1].argmax(-1)
            for row, token in zip(rows.tolist(), chosen.tolist(), strict=True):
                generated[row].append(token)
            begun[rows] |= ~torch.isin(chosen, blanks)
            going = ~(torch.isin(chosen, endings) & begun[rows])
            if count == MAX_NEW_TOKENS or not going.any():
                break
            step.past_key_values.batch_select_indices(going.nonzero()[:, 0])
            rows, chosen = rows[going], chosen[going]
            step = model(input_ids=chosen[:, None], past_key_values=step.past_key_values, use_cache=True)
    return generated


@lru_cache(maxsize=1)
def _ending_tokens(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """Return the tokens that end a text, and those that are white space, with which a text may open."""
    texts = {token: tokenizer.decode([token]) for token in range(len(tokenizer))}
    ended = [token for token, text in texts.items() if ENDINGS.search(text)]
    return [*ended, tokenizer.eos_token_id], [token for token, text in texts.items() if text.isspace()]
