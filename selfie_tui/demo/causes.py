"""What changing a state does to the answer, over whole sets of facts: patching and steering, each with its controls.

Patching writes a state of one prompt over that of another (Meng et al. 2022, arXiv 2202.05262 §2), steering adds the
difference of two states (Turner et al. 2023, arXiv 2308.10248). Both are written out here for one architecture with
plain hooks. An answer is right where its first token is. These are facts that the model was trained on, so the figures
say that its states can be moved about, not that they could for facts that it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from .interpret import last_token_states, random_directions
from .relations import fill, raised, relations

EARLY, LATE = 0, 5
"""The layers at which a fact is looked for at its subject and at the last token."""

STEERED = 4
"""The layer that is steered."""


@dataclass(frozen=True)
class Causes:
    """Shares (0 to 1) of a set of facts, and how many there are.

    `named` is how often the answer becomes that of the other fact, or a map's strongest site is the right one;
    `controls` are the same by what should not do it.
    """

    name: str
    count: int
    named: float
    controls: dict[str, float]


def patching(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[Causes]:
    """Every capital against the next country with a name of as many tokens: where the map of scores points."""
    early, late, chance = [], [], []
    for source, target, answers in capital_pairs(tokenizer):
        scores = patching_map(model, source, target, answers)  # (layers, positions)
        subject = (source != target).nonzero().flatten().tolist()
        early.append(int(scores[EARLY].argmax()) in subject)
        late.append(int(scores[LATE].argmax()) == len(source) - 1)
        chance.append((len(subject) / len(source), 1 / len(source)))
    count = len(early)
    by_chance = [sum(column) / count for column in zip(*chance, strict=True)]
    found = ((EARLY, "the subject", early, by_chance[0]), (LATE, "the last token", late, by_chance[1]))
    return [
        Causes(f"patching: layer {layer} points at {where}", count, sum(hits) / count, {"any token": share})
        for layer, where, hits, share in found
    ]


def capital_pairs(tokenizer: PreTrainedTokenizerBase) -> Iterator[tuple[Tensor, Tensor, tuple[int, int]]]:
    """The ids `(positions,)` of a prompt and of the next one that is as long, and the first tokens of both answers."""
    relation = relations()["capital"]
    by_length: dict[int, list[tuple[Tensor, int]]] = {}
    for subject, answer in relation.pairs:
        ids = tokenizer(raised(fill(relation.statements[0], subject, answer)), return_tensors="pt").input_ids[0]
        by_length.setdefault(len(ids), []).append((ids, first_token(tokenizer, answer)))
    for facts in by_length.values():
        for (source, right), (target, wrong) in zip(facts, facts[1:] + facts[:1], strict=True):
            if right != wrong:
                yield source, target, (right, wrong)


def patching_map(model: PreTrainedModel, source: Tensor, target: Tensor, answers: tuple[int, int]) -> Tensor:
    """The denoising scores `(layers, positions)` of the stream, by the logit difference of the two `answers`."""
    right, wrong = answers
    states: list[Tensor] = []
    blocks = model.get_decoder().layers
    with hooked(blocks, lambda _, state: states.append(state.clone())), torch.inference_mode():
        ends = model(torch.stack([target, source])).logits[:, -1]
    low, high = (ends[:, right] - ends[:, wrong]).tolist()
    found = []
    every = range(len(target))
    for layer in range(len(blocks)):

        def write(at: int, state: Tensor, layer: int = layer) -> None:
            if at == layer:
                state[every, every] = states[layer][1]

        with hooked(blocks, write), torch.inference_mode():
            logits = model(target.repeat(len(target), 1), logits_to_keep=1).logits[:, -1]
        found.append((logits[:, right] - logits[:, wrong] - low) / (high - low))
    return torch.stack(found)


def steering(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Causes:
    """Every landmark in a capital, steered by the difference of another capital's sentence and its own's."""
    places, capitals = relations()["landmark-city"], relations()["capital"]
    lands = {city: land for land, city in capitals.pairs}
    facts = [(subject, city) for subject, city in places.pairs if city in lands]
    others = [lands[city] for _, city in facts]
    turned = others[1:] + others[:1]
    cities = dict(capitals.pairs)
    kept = [
        (fill(places.statements[0], subject, city), lands[city], other)
        for (subject, city), other in zip(facts, turned, strict=True)
        if other != lands[city]
    ]
    asked = [raised(prompt) for prompt, _, _ in kept]

    def states(which: Sequence[str]) -> Tensor:
        prompts = [raised(fill(capitals.statements[0], land, cities[land])) for land in which]
        return last_token_states(model, tokenizer, prompts)[:, 1 + STEERED]

    vectors = states([other for _, _, other in kept]) - states([own for _, own, _ in kept])
    wanted = torch.tensor([first_token(tokenizer, cities[other]) for _, _, other in kept])

    def share(added: Tensor) -> float:
        return float((next_tokens(model, tokenizer, asked, added) == wanted).double().mean())

    controls = {
        "no steering": share(torch.zeros_like(vectors)),
        "random direction": share(random_directions(vectors)),
        "another item's": share(vectors.roll(len(vectors) // 2, 0)),
    }
    return Causes(f"steering: a landmark's city at layer {STEERED}", len(kept), share(vectors), controls)


def next_tokens(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], added: Tensor
) -> Tensor:
    """The tokens `(prompts,)` that follow, with a vector each, `(prompts, hidden)`, added at the last token."""

    def add(layer: int, state: Tensor) -> None:
        if layer == STEERED:
            state[:, -1] += added

    batch = tokenizer(list(prompts), return_tensors="pt", padding=True, padding_side="left")
    with hooked(model.get_decoder().layers, add), torch.inference_mode():
        tokens: Tensor = model(**batch, logits_to_keep=1).logits[:, -1].argmax(-1)
    return tokens


@contextmanager
def hooked(blocks: Sequence[torch.nn.Module], use: Callable[[int, Tensor], None]) -> Iterator[None]:
    """While open, each block's number and its output `(rows, positions, hidden)` go to `use`, which may change it."""

    def hook(layer: int) -> Callable[[object, object, Tensor | tuple[Tensor, ...]], None]:
        return lambda _module, _arguments, output: use(layer, output if isinstance(output, Tensor) else output[0])

    handles = [block.register_forward_hook(hook(layer)) for layer, block in enumerate(blocks)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def first_token(tokenizer: PreTrainedTokenizerBase, answer: str) -> int:
    """The first token of an answer, as it stands after a space."""
    return int(tokenizer(f" {answer}", add_special_tokens=False).input_ids[0])
