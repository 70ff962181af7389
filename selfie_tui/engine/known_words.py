"""States of which the word is known: passages' own words in the lower layers, the model's next words in the upper.

A lower layer's state still stands for its own token, an upper one's for the token that the model puts next. So a plain
word of the passage is what a state of its last token at `embed`, 30 and 50 % of the depth should be read as, and the
model's own next word what one at 70 and 90 % should. An encoder does not put a next word: there the upper layers' words
are those that it fills in for masks. Of an encoder-decoder the encoder reads the passage for the first, and its decoder
writes it for the second.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import TypeVar

import torch

from selfie_tui.engine.generation.prefill import never
from selfie_tui.engine.known_passages import BUILT_IN, Passage
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.source import Source, source_of
from selfie_tui.engine.prompts.tokens import token_texts
from selfie_tui.engine.unembed import lens_logits
from selfie_tui.records import EMBED
from selfie_tui.records.calibration import Kind

T = TypeVar("T")

OWN_DEPTHS = (0.0, 0.3, 0.5)
"""Shares of the depth at which states stand for their own token; 0 is `embed`."""

NEXT_DEPTHS = (0.7, 0.9)
"""Shares of the depth at which states stand for the token that comes next."""

MOST_NEXT = 128
"""Next words that are tried at most, of all passages together."""

LEAST_LETTERS = 3
FUNCTION_WORDS = frozenset(
    (  # noqa: SIM905 - read as a sentence
        "the and but for from with was are were been has had have its his her she they them their this that these "
        "those who which what when where while not also into over then than one all our your you can will would there"
    ).split()
)
"""Words that almost any English answer has, so that to find them in one says nothing."""


@dataclass(frozen=True)
class KnownWord:
    """A word that the state at a layer and position of a text should be read as, and its number of tokens."""

    word: str
    kind: Kind
    layer: int
    position: int
    tokens: int
    stack: str = ""


@dataclass(frozen=True)
class KnownWords:
    """Words with their states `(words, hidden)`, those of a layer together."""

    words: tuple[KnownWord, ...]
    vectors: torch.Tensor

    def layers(self) -> Iterator[list[int]]:
        """The indices of the words of one layer and kind, layer by layer in the order of depth."""
        keys = [(word.kind, word.stack, word.layer) for word in self.words]
        for key in dict.fromkeys(keys):
            yield [index for index, each in enumerate(keys) if each == key]


def known_words(
    model: Model, passages: Sequence[Passage] = BUILT_IN, cancelled: Callable[[], bool] = never
) -> KnownWords:
    """The words of passages that a model's states are known to stand for, without those whose states are not finite.

    States at `embed`, by which no setting is ranked, are of the first passage alone.

    Raises:
        SelfieError: if the model does not take a passage.
        Cancelled: before any block, once `cancelled` gives true.
    """
    found = list(next_words(model, passages, cancelled))
    for number, passage in enumerate(passages):
        found += own_words(model, passage, OWN_DEPTHS[1 if number else 0 :], cancelled)
    width = model.anatomy.main.width
    kept = [(word, state) for word, state in found if state.shape[-1] == width and bool(state.isfinite().all())]
    kept.sort(key=lambda each: (each[0].kind != "own", each[0].layer))  # stable: words stay in the order of the text
    vectors = [state.to(model.device) for _, state in kept]
    return KnownWords(tuple(word for word, _ in kept), torch.stack(vectors) if vectors else torch.empty(0, width))


Found = tuple[KnownWord, torch.Tensor]
"""A word and its state `(hidden,)`."""


def own_words(model: Model, passage: Passage, shares: Sequence[float], cancelled: Callable[[], bool]) -> list[Found]:
    """The passage's words at shares of the depth of the stack that reads it, each at its last token."""
    source = source_of(model, passage.text)
    spans = [(word, *span) for word in passage.words if (span := tokens_of_word(source, word))]
    layers = depths(len(model.anatomy.main.blocks), shares)
    words = [
        KnownWord(word, "own", layer, last, last - first + 1, model.anatomy.main.name if is_double(model) else "")
        for layer in layers
        for word, first, last in spans
    ]
    return with_states(model, source, words, cancelled)


def next_words(model: Model, passages: Sequence[Passage], cancelled: Callable[[], bool]) -> list[Found]:
    """The model's own next words at the upper layers of the stack that writes them."""
    stack = model.anatomy.last.name if is_double(model) else ""
    layers = depths(len(model.anatomy.last.blocks), NEXT_DEPTHS)
    said: list[tuple[Source, str, int]] = []
    for text in (text for passage in passages for text in answered_texts(model, passage)):
        source = source_of(model, text, stack)
        said += [(source, word, position) for word, position in plain_answers(model, source, cancelled)]
    found: list[Found] = []
    for source, answers in groupby(spread(said, MOST_NEXT), lambda each: each[0]):
        pairs = [(word, position) for _, word, position in answers]
        words = [KnownWord(word, "next", layer, at, 1, stack) for layer in layers for word, at in pairs]
        found += with_states(model, source, words, cancelled)
    return found


def is_double(model: Model) -> bool:
    """Whether the stack that reads a prompt is another than the one that writes the answer."""
    return model.anatomy.main is not model.anatomy.last


def answered_texts(model: Model, passage: Passage) -> list[str]:
    """Texts in which the model says a word of its own at some positions: what it writes, or masks that it fills in."""
    if is_double(model):
        return [f"[INST]{passage.text}[/INST] {passage.text}"]
    mask = getattr(model.tokenizer, "mask_token", None)
    if model.kind != "encoder" or mask is None:
        return [passage.text]
    return [masked(passage, passage.words[start::4], mask) for start in range(4)]


def masked(passage: Passage, words: Sequence[str], mask: str) -> str:
    """The passage with a mask in place of the first of each of some of its words."""
    text = passage.text
    for word in words:
        text = re.sub(rf"\b{re.escape(word)}\b", lambda found: mask, text, count=1, flags=re.IGNORECASE)
    return text


def tokens_of_word(source: Source, word: str) -> tuple[int, int] | None:
    """The positions of the first and last token of a word's first occurrence; None where tokens do not show it."""
    texts = ["" if token.special else token.text for token in source.tokens]
    ends = list(accumulate(len(text) for text in texts))
    found = re.search(rf"\b{re.escape(word)}\b", "".join(texts), re.IGNORECASE)
    if found is None:
        return None
    inside = [
        position
        for position, (text, end) in enumerate(zip(texts, ends, strict=True))
        if text.strip() and end > found.start() and end - len(text) < found.end()
    ]
    return inside[0], inside[-1]


def depths(layers: int, shares: Sequence[float]) -> list[int]:
    """The layers at shares of the depth, each once: 0 is `embed`, else the output of so many of the blocks."""
    return sorted({EMBED if not share else min(layers - 1, max(0, round(share * layers) - 1)) for share in shares})


def plain_answers(model: Model, source: Source, cancelled: Callable[[], bool]) -> list[tuple[str, int]]:
    """The positions at which the model itself says a plain word, other than the one that stands there, and the word.

    What it says is the top token of its last layer.
    """
    last = len(model.anatomy.last.blocks) - 1
    positions = [token.position for token in source.tokens if not token.special]
    states = model.read(source.ids, [last], positions, cancelled, source.prefix)[last]
    tokens = lens_logits(model, states, model.anatomy.last.name).argmax(-1).tolist()
    said = [
        (position, token_texts(model.tokenizer, [source.tokens[position].id, token])[1])
        for position, token in zip(positions, tokens, strict=True)
    ]
    return [(text.strip(), at) for at, text in said if is_plain(text) and differs(text, source.tokens[at].text)]


def is_plain(text: str) -> bool:
    """Whether a token's text begins a word, and one that says something."""
    word = text.strip()
    return text[:1].isspace() and word.isalpha() and len(word) >= LEAST_LETTERS and word.lower() not in FUNCTION_WORDS


def differs(text: str, other: str) -> bool:
    """Whether two tokens are of different words."""
    return text.strip().casefold() != other.strip().casefold()


def with_states(model: Model, source: Source, words: Sequence[KnownWord], cancelled: Callable[[], bool]) -> list[Found]:
    """Words of a text with their states."""
    if not words:
        return []
    layers, positions = sorted({word.layer for word in words}), sorted({word.position for word in words})
    states = model.read(source.ids, layers, positions, cancelled, source.prefix)
    return [(word, states[word.layer][positions.index(word.position)]) for word in words]


def spread(items: Sequence[T], most: int) -> list[T]:
    """At most so many of some items, evenly spread."""
    step = max(1.0, len(items) / most)
    return [items[int(index * step)] for index in range(min(len(items), most))]
