"""Reading known words back: each is written into an interpretation prompt, and the text it gives is searched for it.

What is counted adds up over parts of the words, so that a setting can be tried on a few of them first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch

from selfie_tui.engine.generation.answers import Answers
from selfie_tui.engine.generation.batches import Halved, Work, in_batches
from selfie_tui.engine.generation.plan import Plan
from selfie_tui.engine.known_words import KnownWord, KnownWords
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.tokens import token_texts
from selfie_tui.engine.unembed import lens_logits
from selfie_tui.records.calibration import Curve, ReadBack


def read_words(plan: Plan, indices: Sequence[int], cancelled: Callable[[], bool]) -> Iterator[Halved | tuple[int, str]]:
    """The texts of the plan's vectors at some indices, each with its index, in batches as the memory allows.

    Raises:
        Cancelled: within a decoding step after `cancelled` gives true.
        SelfieError: if the device has no memory for a single one.
    """
    answers = Answers(plan.model.tokenizer, plan.stops)

    def read(chosen: Sequence[int]) -> Work[tuple[int, str]]:
        batch = plan.batch(chosen, with_control=False)
        for _ in plan.decode(batch, cancelled):
            continue
        yield from ((index, answers.text(row)) for index, row in zip(chosen, batch.cell_rows, strict=True))

    yield from in_batches(indices, plan.batch_size, read, plan.model.device)


def control_text(plan: Plan, cancelled: Callable[[], bool]) -> str:
    """What the interpretation prompt is answered with when nothing is injected."""
    batch = plan.batch([0], with_control=True)
    for _ in plan.decode(batch, cancelled):
        continue
    assert batch.control_row is not None
    return Answers(plan.model.tokenizer, plan.stops).text(batch.control_row)


def lens_texts(model: Model, known: KnownWords) -> dict[int, str]:
    """The logit lens's top token for each of the words' states, by their indices."""
    texts: dict[int, str] = {}
    for layer in known.layers():
        stack = known.words[layer[0]].stack or model.anatomy.main.name
        tokens = lens_logits(model, known.vectors[torch.tensor(layer)], stack).argmax(-1).tolist()
        texts |= dict(zip(layer, token_texts(model.tokenizer, tokens), strict=True))
    return texts


def curve_of(known: KnownWords, texts: Mapping[int, str], control: str = "") -> Curve:
    """How many words were named in their texts, which are by the words' indices, layer by layer.

    `control` is the text without injection; words without a text are not counted.
    """
    layers = [[index for index in layer if index in texts] for layer in known.layers()]
    return tuple(
        counted([known.words[index] for index in layer], [texts[index] for index in layer], control)
        for layer in layers
        if layer
    )


def counted(words: Sequence[KnownWord], texts: Sequence[str], control: str) -> ReadBack:
    """How many of the words of one layer are named in their texts and not in the control's.

    Those of several tokens are counted apart.
    """
    short = [(word.word, text) for word, text in zip(words, texts, strict=True) if word.tokens == 1]
    longer = [(word.word, text) for word, text in zip(words, texts, strict=True) if word.tokens > 1]
    return ReadBack(
        words[0].layer,
        words[0].kind,
        words=len(short),
        named=sum(names(text, word) and not names(control, word) for word, text in short),
        longer=len(longer),
        longer_named=sum(names(text, word) and not names(control, word) for word, text in longer),
        control=sum(names(control, word) for word, _ in short),
        others=sum(names(other_text(short, index), word) for index, (word, _) in enumerate(short)),
        stack=words[0].stack,
    )


def other_text(pairs: Sequence[tuple[str, str]], index: int) -> str:
    """The text of another word than the one at an index, as far from it as there is; "" without any."""
    half = len(pairs) // 2
    turned = [pairs[(index + half + step) % len(pairs)] for step in range(len(pairs))]
    own = pairs[index][0].casefold()
    return next((text for word, text in turned if word.casefold() != own), "")


def names(text: str, word: str) -> bool:
    """Whether a text has a word, as a whole word and in any case."""
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) is not None
