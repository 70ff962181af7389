"""The text that a token is said to stand for is the text that it stands for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import ByT5Tokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from selfie_tui.engine.prompts.placeholders import encode_source, token_texts
from selfie_tui.errors import PromptError
from selfie_tui.parse import positions_among
from selfie_tui.records import ordinary_positions
from selfie_tui.text import visible
from tests.engine.tokenizers_zoo import BYTES, LOSSLESS, WITH_UNKNOWN, canine, greedy_mask, tokenizer_of

ASCII = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=30)
ANY = st.text(min_size=1, max_size=20)
UNCHANGED = sorted(set(LOSSLESS) - {"normalising"})


@pytest.mark.parametrize("kind", UNCHANGED)
@settings(max_examples=50)
@given(text=ASCII)
def test_the_texts_of_tokens_join_to_the_text_they_were_made_of(kind: str, text: str) -> None:
    tokenizer = tokenizer_of(kind)
    joined = "".join(token_texts(tokenizer, tokenizer(text, add_special_tokens=False)["input_ids"]))
    assert joined in (text, " " + text)  # some tokenizers put a space before the text, and it stays visible


@pytest.mark.parametrize("kind", UNCHANGED)
@settings(max_examples=50)
@given(text=ANY)
def test_pieces_of_characters_are_written_as_bytes_and_give_the_text_back(kind: str, text: str) -> None:
    tokenizer = tokenizer_of(kind)
    texts = token_texts(tokenizer, tokenizer(text, add_special_tokens=False)["input_ids"])
    assert "\ufffd" not in "".join(texts).replace("\ufffd" if "\ufffd" in text else "\0", "")
    read = bytearray()
    for piece in texts:
        for part in _split_bytes(piece):
            read += part
    # A metaspace vocabulary cannot tell its own space mark from a space.
    expected = text.replace("▁", " ") if kind in ("llama2", "gemma", "mistral") else text
    assert read.decode() in (expected, " " + expected)


def _split_bytes(piece: str) -> list[bytes]:
    if len(piece) >= 6 and piece.startswith("<0x") and piece[5] == ">":
        return [bytes.fromhex(piece[3:5]), *_split_bytes(piece[6:])]
    return [piece[:1].encode(), *_split_bytes(piece[1:])] if piece else []


@pytest.mark.parametrize("kind", [*LOSSLESS, *WITH_UNKNOWN])
@settings(max_examples=50)
@given(text=ANY)
def test_every_token_of_every_prompt_has_a_record_in_its_place(kind: str, text: str) -> None:
    tokenizer = tokenizer_of(kind)
    try:
        ids, tokens = encode_source(tokenizer, text)
    except PromptError:
        assert tokenizer(text)["input_ids"] == []
        return
    assert list(ids) == tokenizer(text)["input_ids"]
    assert [token.position for token in tokens] == list(range(len(ids)))
    assert tuple(token.id for token in tokens) == ids
    assert all(token.text for token in tokens)


def test_the_default_special_tokens_are_part_of_a_source_prompt() -> None:
    assert [token.text for token in encode_source(tokenizer_of("gpt2"), "the city")[1]] == ["<s>", "the", " city"]
    assert [token.text for token in encode_source(tokenizer_of("bert"), "the")[1]] == ["[CLS]", " the", "[SEP]"]


def test_a_sentencepiece_space_stays_with_its_token_also_at_the_beginning() -> None:
    assert [token.text for token in encode_source(tokenizer_of("llama2"), "the message:")[1]][1:] == [
        " the",
        " message:",
    ]


def test_a_newline_that_is_a_byte_token_reads_as_a_newline() -> None:
    tokenizer = tokenizer_of("llama2")
    ids = tokenizer("x\n", add_special_tokens=False)["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids)[-1] == "<0x0A>"
    assert token_texts(tokenizer, ids)[-1] == "\n"


def test_the_pieces_of_a_split_character_show_their_bytes() -> None:
    for kind in ("gpt2", "llama2"):
        tokenizer = tokenizer_of(kind)
        ids = tokenizer("👍", add_special_tokens=False)["input_ids"]
        assert "".join(token_texts(tokenizer, ids)).strip() == "<0xF0><0x9F><0x91><0x8D>"
    assert token_texts(ByT5Tokenizer(), ByT5Tokenizer()("aé", add_special_tokens=False)["input_ids"]) == (
        "a", "<0xC3>", "<0xA9>",
    )  # fmt: skip


def test_a_continuation_has_no_space_after_its_word_and_keeps_its_mark_alone() -> None:
    tokenizer = tokenizer_of("bert")
    ids = tokenizer("the messages", add_special_tokens=False)["input_ids"]
    assert token_texts(tokenizer, ids) == ("the", " message", "s")
    assert token_texts(tokenizer, ids[-1:]) == ("##s",)


def test_characters_are_their_own_text_without_offsets_too() -> None:
    tokenizer = canine()
    assert token_texts(tokenizer, tokenizer("a 日", add_special_tokens=False)["input_ids"]) == ("a", " ", "日")


@pytest.mark.parametrize("make", [lambda: tokenizer_of("gpt2"), lambda: tokenizer_of("bert"), canine])
def test_an_id_beyond_the_vocabulary_is_named_and_not_an_error(make: Callable[[], PreTrainedTokenizerBase]) -> None:
    assert token_texts(make(), [5_000_000]) == ("<unused 5000000>",)


@pytest.mark.parametrize("kind", [*LOSSLESS, *WITH_UNKNOWN])
def test_every_token_of_the_vocabulary_can_be_shown(kind: str) -> None:
    tokenizer = tokenizer_of(kind)
    ids = [token_id for token, token_id in tokenizer.get_vocab().items() if token not in BYTES]
    texts = [token_texts(tokenizer, [token_id])[0] for token_id in ids]
    assert all(texts)
    assert len({visible(text) for text in texts}) == len(texts)  # no two look alike


@pytest.mark.parametrize(("prompt", "reason"), [("", "empty"), ("a \ud800", "surrogate")])
def test_a_prompt_that_cannot_be_read_is_refused_with_what_to_do(prompt: str, reason: str) -> None:
    with pytest.raises(PromptError, match=reason) as caught:
        encode_source(tokenizer_of("gpt2"), prompt)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("kind", "special"), [("gpt2", ["<s>"]), ("bert", ["[CLS]", "[SEP]"]), ("unigram", ["</s>"]), ("llama2", ["<s>"])]
)
def test_tokens_that_stand_for_no_text_are_special_and_no_others(kind: str, special: list[str]) -> None:
    _, tokens = encode_source(tokenizer_of(kind), "the message is of Paris \u4e5d")
    assert [token.text for token in tokens if token.special] == special


def test_an_unknown_word_and_a_mask_are_not_special_but_a_chats_marks_are() -> None:
    tokenizer = tokenizer_of("word_level")
    _, tokens = encode_source(tokenizer, "the unheard of")
    assert [(token.text.strip(), token.special) for token in tokens[1:3]] == [("the", False), ("<unk>", False)]
    _, tokens = encode_source(tokenizer_of("gpt2"), "<|im_start|>user")
    assert [token.text for token in tokens if token.special] == ["<s>", "<|im_start|>"]
    masked = PreTrainedTokenizerFast(tokenizer_object=greedy_mask(), mask_token="<mask>", bos_token="<s>")
    assert [token.text for token in encode_source(masked, "of <mask>")[1] if token.special] == ["<s>"]


def test_all_positions_are_those_of_text_unless_there_is_none() -> None:
    tokens = encode_source(tokenizer_of("bert"), "of the city")[1]
    assert tokens[0].special
    assert ordinary_positions(tokens) == tuple(range(1, len(tokens) - 1)) == positions_among("all", tokens)
    assert positions_among("0,-1", tokens) == (0, len(tokens) - 1)
    assert ordinary_positions(tokens[:1]) == (0,)
