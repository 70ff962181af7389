"""Which tokens, layers and vocabulary entries of two models stand beside each other."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, GPT2Config

from selfie_tui.engine.comparing.pairing import (
    pair_layers,
    pair_prompt,
    paired_positions,
    partner_layer,
    shared_vocabulary,
)
from selfie_tui.engine.model import Model, adopt
from selfie_tui.errors import PromptError, RequestError
from selfie_tui.records import EMBED, Token
from tests.engine.tokenizers_zoo import LOSSLESS, WITH_UNKNOWN, tokenizer_of
from tests.engine.zoo import build

PROMPT = "the man with hat is in Paris"


def tokens(*texts: str, special: str = "") -> list[Token]:
    return [Token(index, index, text, text == special) for index, text in enumerate(texts)]


def test_tokens_stand_beside_each_other_where_they_cover_the_same_characters() -> None:
    one = tokens("un", "believable", " news")
    assert paired_positions(one, tokens("unbeliev", "able", " news")) == {2: 2}
    assert paired_positions(one, tokens("<s>", " un", "believable", " ne", "ws", special="<s>")) == {0: 1, 1: 2}
    assert paired_positions(one, tokens("un", "believable", " views")) == {}


@given(st.lists(st.text("ab ", min_size=1, max_size=4), min_size=1), st.data())
def test_pairs_cover_the_same_text_whatever_the_split(texts: list[str], data: st.DataObject) -> None:
    joined = "".join(texts)
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(joined) - 1)))) | {0, len(joined)})
    other = [joined[start:end] for start, end in pairwise(cuts) if joined[start:end]]
    pairs = paired_positions(tokens(*texts), tokens(*other))
    for here, there in pairs.items():
        assert "".join(texts[:here]).lstrip(" ") == "".join(other[:there]).lstrip(" ")
        assert "".join(texts[: here + 1]).lstrip(" ") == "".join(other[: there + 1]).lstrip(" ")
    assert list(pairs) == sorted(pairs)
    assert list(pairs.values()) == sorted(pairs.values())


@pytest.mark.parametrize(("depth", "other"), [(4, 4), (8, 30), (30, 8), (1, 5), (12, 24)])
def test_the_first_and_the_last_layers_stand_beside_each_other(depth: int, other: int) -> None:
    beside = [partner_layer(layer, depth, other) for layer in range(EMBED, depth)]
    assert (beside[0], beside[-1]) == (EMBED, other - 1)
    assert beside == sorted(beside)
    assert min(beside[1:]) >= 0
    if depth == other:
        assert beside == list(range(EMBED, depth))


def test_layers_can_be_given_for_both() -> None:
    one, two = build("gpt2"), build("llama", layers=6)
    assert pair_layers(one, two, (0, 3), (5, 2)) == ((0, 5), (3, 2))
    assert pair_layers(one, two, None, None) == ((-1, -1), (0, 1), (1, 2), (2, 3), (3, 5))
    with pytest.raises(RequestError, match="There are 2 layers of random-gpt2 and 1 of random-llama"):
        pair_layers(one, two, (0, 3), (5,))
    with pytest.raises(RequestError, match="random-llama has 6 layers"):
        pair_layers(one, two, (0,), (6,))


@cache
def with_tokenizer(kind: str) -> Model:
    """A random model with a tokenizer of another kind."""
    tokenizer = tokenizer_of(kind)
    config = GPT2Config(n_layer=2, n_embd=16, n_head=2, vocab_size=len(tokenizer), n_positions=128)
    return adopt(AutoModelForCausalLM.from_config(config), tokenizer, name=f"gpt2 with {kind}")


KINDS = [*LOSSLESS, *WITH_UNKNOWN]


def test_a_vocabulary_is_shared_where_each_entry_that_both_have_has_one_id() -> None:
    one = build("gpt2")
    assert shared_vocabulary(one, build("llama")) == one.anatomy.vocabulary
    assert [kind for kind in KINDS if shared_vocabulary(one, with_tokenizer(kind))] == []
    assert shared_vocabulary(with_tokenizer("gpt2"), with_tokenizer("gpt2")) == len(tokenizer_of("gpt2"))


def test_a_vocabulary_with_entries_added_at_its_end_is_shared_as_far_as_both_go() -> None:
    one, added = with_tokenizer("gpt2"), deepcopy(tokenizer_of("gpt2"))
    added.add_tokens(["<|more|>"])
    config = GPT2Config(n_layer=2, n_embd=16, n_head=2, vocab_size=len(added) + 60, n_positions=128)
    other = adopt(AutoModelForCausalLM.from_config(config), added, name="more")
    assert shared_vocabulary(one, other) == shared_vocabulary(other, one) == one.anatomy.vocabulary


@pytest.mark.parametrize("kind", KINDS)
def test_a_prompt_that_is_split_differently_is_refused_with_both_tokenisations(kind: str) -> None:
    one, other = with_tokenizer("words_between_spaces"), with_tokenizer(kind)
    paired = pair_prompt(one, other, PROMPT)
    for here, there in paired.partner.items():
        assert paired.here.tokens[here].text.strip() == paired.there.tokens[there].text.strip()
    lacking = [each.position for each in paired.here.tokens if each.position not in paired.partner]
    if lacking:
        with pytest.raises(PromptError, match=f"gpt2 with words_between_spaces has .* gpt2 with {kind} has "):
            paired.partners(one, other, lacking[:1])
    if kind == "words_between_spaces":
        assert not lacking


def test_a_prompt_that_both_split_alike_is_paired_whatever_its_ids() -> None:
    one, other = build("gpt2"), build("llama", seed=1)
    paired = pair_prompt(one, other, PROMPT)
    assert paired.partner == {position: position for position in range(len(paired.here.tokens))}
    assert paired.partners(one, other, (2, 0)) == (2, 0)
