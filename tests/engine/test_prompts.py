"""Exactly the placeholder's tokens are overwritten, or the prompt is refused with the reason."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from transformers import ByT5Tokenizer, CTRLTokenizer, PerceiverTokenizer, PreTrainedTokenizerBase

from selfie_tui.engine.prompts.placeholders import build_prompt
from selfie_tui.engine.prompts.target import target_tokens
from selfie_tui.engine.prompts.tokens import token_texts
from selfie_tui.errors import PlaceholderError
from selfie_tui.presets import PRESETS, preset_named
from selfie_tui.records import Preset
from tests.engine.tokenizers_zoo import (
    CHAT_TEMPLATES,
    LOSSLESS,
    PAD,
    WITH_UNKNOWN,
    WithoutOffsets,
    canine,
    tokenizer_of,
)
from tests.engine.zoo import build

PIECES = (
    "_", "_", "_", "_ ", " _", " _ ", "?", " ? ", "x", " x ", " ", " ", "  ", "\n", "\n\n", "\t", "[", "]", "(", ").",
    '"', "!", ",", ":", "the", " message", " of", "of", "snake", "case", "1135", "cat -> cat", "city", "é", "É",
    "e\u0301", "\u0301", "日本", "ﬁ", "①", "...", "…", "👍🏽", "\u00a0", "\u200d", "Ġ", "▁", "<mask>", " <mask> ", "##",
)  # fmt: skip


@cache
def joined(pieces: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Up to ten of the pieces in a row, drawn as a string of as many letters: far cheaper than a list of them."""
    letters = "".join(chr(0x100 + index) for index in range(len(pieces)))
    return st.text(letters, max_size=10).map(lambda drawn: "".join(pieces[ord(letter) - 0x100] for letter in drawn))


words = joined(PIECES)
placeholders = st.sampled_from(["_", "_", "_", "?", "x", "é", "日本", "[X]"])


@st.composite
def drawn(draw: st.DrawFn, marks: st.SearchStrategy[str]) -> tuple[str, str | None, str]:
    """A user's text, an answer or None for plain text, and a placeholder that occurs in most of them."""
    mark = draw(marks)
    text = joined(PIECES + (mark, f"{mark} ", f" {mark}", f" {mark} ") * 6)
    return draw(text), draw(st.none() | text), mark


SPECIAL_AROUND = {"unigram": ("", "</s>"), "bert": ("[CLS]", "[SEP]")}
templates = pytest.mark.parametrize("template", [None, *CHAT_TEMPLATES])


def stands_alone(text: str, placeholder: str) -> list[int]:
    """Where the placeholder begins with no letter or digit beside it, counted by hand."""
    starts = []
    position = 0
    while position < len(text):
        before, after = text[position - 1 : position] if position else "", text[position + len(placeholder) :][:1]
        if text.startswith(placeholder, position) and not before.isalnum() and not after.isalnum():
            starts.append(position)
            position += len(placeholder)
        else:
            position += 1
    return starts


def with_pad_at_placeholders(text: str, placeholder: str) -> str:
    for start in reversed(stands_alone(text, placeholder)):
        text = text[:start] + PAD + text[start + len(placeholder) :]
    return text


def squeezed(text: str) -> str:
    """Without white space, which decoders add and drop; neighbouring pads are one: a placeholder can be two tokens."""
    return re.sub(rf"({PAD})+", PAD, re.sub(r"[\s▁]+", "", text))


def preset_of(user: str, answer: str | None, placeholder: str) -> Preset:
    text = user if answer is None else f"[INST]{user}[/INST] {answer}"
    return Preset("drawn", text, placeholder)


def what_the_model_should_read(kind: str, template: str | None, user: str, answer: str | None, mark: str) -> str:
    """The text with a pad for every placeholder, written without asking for a single token or offset."""
    tokenizer = tokenizer_of(kind, template)
    user, answer = with_pad_at_placeholders(user, mark), answer and with_pad_at_placeholders(answer, mark)
    first, last = SPECIAL_AROUND.get(kind, ("<s>", ""))
    if answer is None:
        text = user
    elif template is None:
        text = f"[INST]{user}[/INST] {answer}"
    else:
        content = [{"type": "text", "text": user.strip()}] if template == "in_parts" else user.strip()
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
        )
        text, first, last = text + answer, "", ""
    normalizer = tokenizer.backend_tokenizer.normalizer
    return first + (normalizer.normalize_str(text) if normalizer else text) + last


def what_it_reads(tokenizer: PreTrainedTokenizerBase, ids: tuple[int, ...], positions: tuple[int, ...]) -> str:
    """The prompt's ids with a pad at every position that is overwritten, decoded."""
    swapped = [tokenizer.pad_token_id if position in positions else token for position, token in enumerate(ids)]
    return tokenizer.decode(swapped, clean_up_tokenization_spaces=False)


def assert_refused_for_a_reason(tokenizer: PreTrainedTokenizerBase, preset: Preset, error: PlaceholderError) -> None:
    """The token the refusal names holds, of this or another placeholder, more than the placeholder alone."""
    if "that stands alone" in error.cause:
        own = re.split(r"^\[INST\]|\[/INST\]", preset.text, maxsplit=2)
        assert not [part for part in own if stands_alone(part, preset.placeholder)]
        return
    assert error.remedy
    if "gives no token" in error.cause:
        assert preset.placeholder not in tokenizer.decode(tokenizer(preset.text)["input_ids"])
        return
    named = re.search(r"^Token (\d+) `(.+?)` holds the placeholder", error.cause, re.DOTALL)
    assert named, error.cause
    literal = tokenizer(preset.text)["input_ids"] if not tokenizer.chat_template else None
    if literal is not None and tokenizer.is_fast:
        alone = tokenizer.decode([literal[int(named[1])]]).strip(" #")
        assert alone.casefold() != preset.placeholder.casefold() or "▁" in preset.text  # which reads as a space


@templates
@pytest.mark.parametrize("kind", LOSSLESS)
@settings(max_examples=60)
@given(prompt_parts=drawn(placeholders))
def test_only_the_placeholders_tokens_are_overwritten_or_the_prompt_is_refused(
    kind: str, template: str | None, prompt_parts: tuple[str, str | None, str]
) -> None:
    user, answer, placeholder = prompt_parts
    tokenizer = tokenizer_of(kind, template)
    preset = preset_of(user, answer, placeholder)
    try:
        prompt = build_prompt(tokenizer, preset)
    except PlaceholderError as error:
        return assert_refused_for_a_reason(tokenizer, preset, error)
    expected = what_the_model_should_read(kind, template, user, answer, placeholder)
    assert squeezed(what_it_reads(tokenizer, prompt.ids, prompt.positions)) == squeezed(expected)
    if placeholder in "_?x":  # one token each in every vocabulary, so that no white space is overwritten beside them
        assert len(prompt.positions) == expected.count(PAD)
    return None


@pytest.mark.parametrize("template", [None, "llama2", "in_parts"])  # no newline: these kinds do not know it
@pytest.mark.parametrize("kind", WITH_UNKNOWN)
@settings(max_examples=60)
@given(prompt_parts=drawn(st.sampled_from("_?x")))
def test_the_same_holds_where_the_tokenizer_knows_every_word(
    kind: str, template: str | None, prompt_parts: tuple[str, str | None, str]
) -> None:
    user, answer, placeholder = prompt_parts
    tokenizer = tokenizer_of(kind, template)
    preset = preset_of(user, answer, placeholder)
    try:
        prompt = build_prompt(tokenizer, preset)
    except PlaceholderError as error:
        return assert_refused_for_a_reason(tokenizer, preset, error)
    assume(tokenizer.unk_token_id not in prompt.ids)
    expected = what_the_model_should_read(kind, template, user, answer, placeholder)
    assert squeezed(what_it_reads(tokenizer, prompt.ids, prompt.positions)) == squeezed(expected)
    assert len(prompt.positions) == expected.count(PAD)
    return None


@pytest.mark.parametrize(
    ("kind", "placeholder", "other"), [("bert", "_", "?"), ("bert", "?", ","), ("word_level", "_", "x")]
)
@given(user=words)
def test_among_unknown_words_another_placeholder_changes_the_overwritten_tokens_and_no_other(
    kind: str, placeholder: str, other: str, user: str
) -> None:
    tokenizer = tokenizer_of(kind)
    swapped = with_pad_at_placeholders(user, placeholder).replace(PAD, other)
    try:
        prompt = build_prompt(tokenizer, Preset("drawn", user, placeholder))
    except PlaceholderError:
        return
    ids = tokenizer(swapped)["input_ids"]
    assume(len(ids) == len(prompt.ids))  # the other one may merge with a neighbour of its own kind
    changed = {position for position, (one, two) in enumerate(zip(prompt.ids, ids, strict=True)) if one != two}
    assert changed == {position for position in prompt.positions if prompt.ids[position] != tokenizer.unk_token_id}


@pytest.mark.parametrize("kind", [*LOSSLESS, *WITH_UNKNOWN])
@settings(max_examples=60)
@given(prompt_parts=drawn(st.sampled_from("_?x")))
def test_without_offsets_the_same_positions_are_found_or_the_prompt_is_refused(
    kind: str, prompt_parts: tuple[str, str | None, str]
) -> None:
    user, _, placeholder = prompt_parts
    preset = Preset("drawn", user, placeholder)
    try:
        slow = build_prompt(without_offsets(kind), preset)
    except PlaceholderError:
        return
    fast = build_prompt(tokenizer_of(kind), preset)
    assume(slow.ids[1:] == fast.ids[len(fast.ids) - len(slow.ids) + 1 :])  # special tokens around differ by kind
    assert {position - len(slow.ids) for position in slow.positions} == {
        position - len(fast.ids) for position in fast.positions
    }


def without_offsets(kind: str, made: dict[str, WithoutOffsets] = {}) -> WithoutOffsets:  # noqa: B006 - a cache
    if kind not in made:
        made[kind] = WithoutOffsets(kind)
    return made[kind]


# Superwords hold several placeholders. Without offsets, a normaliser that strips takes spaces from pieces and not from
# the whole; and the unigram vocabulary has no newline, so that the identity prompt's tokens are not its text.
PLAIN = [
    (kind, name)
    for kind in sorted({*LOSSLESS, *WITH_UNKNOWN} - {"superword", "normalising"})
    for name in ("concept", "sentiment", "refers-to", "identity", "bare", "entity")
    if (kind, name) != ("unigram", "identity")
]


@pytest.mark.parametrize(("kind", "name"), PLAIN)
def test_the_plain_presets_work_with_and_without_offsets(kind: str, name: str) -> None:
    preset = preset_named(name)
    assert preset is not None
    for tokenizer in (tokenizer_of(kind), without_offsets(kind)):
        prompt = build_prompt(tokenizer, preset)
        assert len(prompt.positions) == (5 if preset.placeholder == "_" else 1)


@given(before=words, after=words, placeholder=placeholders)
def test_byt5_overwrites_the_placeholders_bytes(before: str, after: str, placeholder: str) -> None:
    user = f"{before} {placeholder} {after}"
    prompt = build_prompt(ByT5Tokenizer(), Preset("drawn", user, placeholder))
    assert len(prompt.ids) == len(user.encode()) + 1  # one special token at the end
    first = [len(user[:start].encode()) for start in stands_alone(user, placeholder)]
    assert prompt.positions == tuple(position + step for position in first for step in range(len(placeholder.encode())))


@pytest.mark.parametrize(("make", "unit"), [(canine, "characters"), (PerceiverTokenizer, "bytes")])
def test_tokenizers_of_single_characters_and_bytes_overwrite_what_stands_alone(
    make: Callable[[], PreTrainedTokenizerBase], unit: str
) -> None:
    prompt = build_prompt(make(), Preset("drawn", "é é snak_e _"))
    assert [prompt.tokens[position] for position in prompt.positions] == ["_"]
    before = "é é snak_e ".encode() if unit == "bytes" else "é é snak_e "
    assert prompt.positions == (len(before) + 1,)  # one special token in front


def test_a_slow_tokenizer_of_words_and_pieces_overwrites_the_placeholders(tmp_path: Path) -> None:
    vocabulary = ["<unk>", "_", "?", "_?", "a", "the", "cat@@", "s", "c@@", "a@@", "t@@", "_@@"]
    merges = ["#version: 0.2", "_ ?</w>", "t h", "th e</w>", "c a", "ca t", ""]
    (tmp_path / "vocab.json").write_text(json.dumps({token: position for position, token in enumerate(vocabulary)}))
    (tmp_path / "merges.txt").write_text("\n".join(merges))
    tokenizer = CTRLTokenizer(tmp_path / "vocab.json", tmp_path / "merges.txt")
    prompt = build_prompt(tokenizer, Preset("drawn", "the cats _ _ a"))
    assert [tokenizer.convert_ids_to_tokens(prompt.ids[position]) for position in prompt.positions] == ["_", "_"]
    assert prompt.positions == (3, 4)
    with pytest.raises(PlaceholderError, match="cannot be separated from the others"):
        build_prompt(tokenizer, Preset("drawn", "the cats _? a"))


@pytest.mark.parametrize("kind", [*LOSSLESS, *WITH_UNKNOWN])
def test_the_templates_own_placeholders_are_left_alone(kind: str) -> None:
    tokenizer = tokenizer_of(kind, "decoy")
    for placeholder in "_x?":
        prompt = build_prompt(
            tokenizer, Preset("drawn", f"[INST]the {placeholder} of[/INST] and {placeholder} :", placeholder)
        )
        assert prompt.text.startswith("<s>_ x ? Is x _ ?\nUser x _: the")
        assert len(prompt.positions) == 2


@pytest.mark.parametrize("kind", [*LOSSLESS, *WITH_UNKNOWN])
def test_a_chat_turn_has_one_bos_and_plain_text_the_default_special_tokens(kind: str) -> None:
    summarize = Preset("drawn", "[INST]the _ of [/INST] Sure:")
    chat, plain = tokenizer_of(kind, "llama2"), tokenizer_of(kind)
    ids = build_prompt(chat, summarize).ids
    assert ids.count(chat.bos_token_id) == 1
    assert ids[0] == chat.bos_token_id
    assert ids[-1] != chat.eos_token_id
    text = "the _ of"
    assert list(build_prompt(plain, Preset("drawn", text)).ids) == plain(text)["input_ids"]


@pytest.mark.parametrize("kind", ["gpt2", "llama2", "gemma"])
def test_the_templates_own_system_text_is_known_and_can_be_left_out(kind: str) -> None:
    tokenizer = tokenizer_of(kind, "with_system")
    preset = Preset("drawn", "[INST]the city _ of[/INST] is in")
    kept, left_out = build_prompt(tokenizer, preset), build_prompt(tokenizer, preset, system=False)
    assert kept.text == "<s>System: you are _ x, a helper.\nuser: the city _ of</s>\nassistant: is in"
    assert left_out.text == "<s>user: the city _ of</s>\nassistant: is in"
    system_text = "".join(kept.tokens[position] for position in kept.system)
    assert system_text.strip() == "System: you are _ x, a helper."
    assert left_out.system == ()
    assert not set(kept.system) & set(kept.positions)
    assert [left_out.tokens[position].strip() for position in left_out.positions] == ["_"]


@pytest.mark.parametrize("template", sorted({*CHAT_TEMPLATES} - {"with_system", "decoy"}))
def test_a_template_without_a_system_text_of_its_own_gives_the_same_prompt_either_way(template: str) -> None:
    tokenizer = tokenizer_of("gpt2", template)
    preset = Preset("drawn", "[INST]the city _ of[/INST] is in")
    kept = build_prompt(tokenizer, preset)
    assert kept.system == ()
    assert build_prompt(tokenizer, preset, system=False) == kept
    plain = Preset("drawn", "the city _ of")
    assert build_prompt(tokenizer, plain, system=False) == build_prompt(tokenizer, plain)


def test_the_preview_shows_which_tokens_are_system_text() -> None:
    model = replace(build("llama", layers=2), tokenizer=tokenizer_of("gpt2", "with_system"))
    preset = Preset("drawn", "[INST]the city _ of[/INST] is in")
    shown = target_tokens(model, preset)
    assert "".join(token.token.text for token in shown if token.system).strip() == "System: you are _ x, a helper."
    assert not [token for token in target_tokens(model, preset, system=False) if token.system]


def test_the_answers_space_is_dropped_only_where_the_template_ends_in_white_space() -> None:
    preset = Preset("drawn", "[INST]_ _ _ [/INST] Sure, _ :\n\n")
    assert build_prompt(tokenizer_of("gpt2", "chatml"), preset).text.endswith("assistant\nSure, _ :\n\n")
    assert build_prompt(tokenizer_of("gpt2", "stripping"), preset).text == "<s>User: _ _ _\nAssistant: Sure, _ :\n\n"
    assert build_prompt(tokenizer_of("gpt2", "llama2"), preset).text == "<s>[INST] _ _ _ [/INST] Sure, _ :\n\n"


def test_a_template_for_images_takes_the_message_in_parts() -> None:
    prompt = build_prompt(tokenizer_of("gpt2", "in_parts"), Preset("drawn", "[INST]_ _[/INST] Sure:"))
    assert prompt.text == "<s>_ _ </s> Sure:"
    assert [prompt.tokens[position] for position in prompt.positions] == ["_", " _"]


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("refusing", "refuses the message: Conversation roles must alternate"),
        ("shouting", "does not contain the message exactly once and unchanged"),
        ("twice", "does not contain the message exactly once and unchanged"),
    ],
)
def test_a_template_that_refuses_or_rewrites_the_message_is_reported_with_the_way_out(
    template: str, reason: str
) -> None:
    with pytest.raises(PlaceholderError, match=reason) as caught:
        build_prompt(tokenizer_of("gpt2", template), Preset("drawn", "[INST]a _ b[/INST] Sure:"))
    assert "plain text" in caught.value.remedy


def test_text_that_the_message_shares_with_the_template_does_not_confuse_them() -> None:
    prompt = build_prompt(tokenizer_of("gpt2", "decoy"), Preset("drawn", "[INST]x _[/INST] Sure"))
    position = prompt.positions[0]
    assert len(prompt.positions) == 1
    assert "".join(prompt.tokens[: position + 1]) == "<s>_ x ? Is x _ ?\nUser x _: x _"


@pytest.mark.parametrize(
    ("text", "placeholder", "reason"),
    [
        ("no such thing", "_", "no placeholder `_` that stands alone"),
        ("snake_case __init", "?", "no placeholder `\\?` that stands alone"),
        ("", "_", "no placeholder"),
        ("[INST][/INST]", "_", "no placeholder"),
        ("a _ b", "", "empty or blank"),
        ("a _ b", " \n", "empty or blank"),
        ("a \ud800 _ b", "_", "surrogate"),
    ],
)
def test_a_prompt_without_a_placeholder_is_refused_with_what_to_do(text: str, placeholder: str, reason: str) -> None:
    with pytest.raises(PlaceholderError, match=reason) as caught:
        build_prompt(tokenizer_of("gpt2"), Preset("drawn", text, placeholder))
    assert caught.value.remedy


def test_a_placeholder_that_the_tokenizer_drops_or_turns_into_space_is_refused() -> None:
    with pytest.raises(PlaceholderError, match="gives no token"):
        build_prompt(tokenizer_of("llama2"), Preset("drawn", "a ▁ b", "▁"))
    with pytest.raises(PlaceholderError, match="gives no token"):
        build_prompt(tokenizer_of("bert"), Preset("drawn", "a \u200d b", "\u200d"))


@pytest.mark.parametrize(
    ("kind", "placeholder", "count"), [("unigram", "?", 1), ("unigram", "_", 1), ("llama2", "€", 3)]
)
def test_the_space_mark_that_sentencepiece_puts_before_the_text_is_not_overwritten(
    kind: str, placeholder: str, count: int
) -> None:
    prompt = build_prompt(tokenizer_of(kind), Preset("drawn", f"{placeholder} of", placeholder))
    first = prompt.positions[0]
    assert prompt.tokens[first - 1] == " "
    assert prompt.positions == tuple(range(first, first + count))


def test_two_placeholders_in_one_token_are_tokenised_apart() -> None:
    prompt = build_prompt(tokenizer_of("superword"), Preset("drawn", "_ _ _ _ of"))
    assert [prompt.tokens[position].strip() for position in prompt.positions] == ["_"] * 4
    assert "".join(prompt.tokens) == "<s>_ _ _ _ of"
    with pytest.raises(PlaceholderError, match="holds the placeholder"):
        build_prompt(without_offsets("superword"), Preset("drawn", "_ _ _ _ of"))


def test_the_selfie_readme_prompt_is_spaced_where_the_first_placeholder_merges_with_the_bracket() -> None:
    readme = preset_named("summarize")
    assert readme is not None
    tokenizer = tokenizer_of("llama2")  # like Llama 2's own, it has the token `]_`
    prompt = build_prompt(tokenizer, readme)
    assert prompt.text.startswith("[INST] _ _ _ _ _ [/INST] Sure")
    assert [prompt.tokens[position] for position in prompt.positions] == [" _"] * 5


SHARING = [
    ("gpt2", "the ]_ is"), ("gpt2", 'of "_" is'), ("gpt2_prefixed", "the ]_ is"), ("llama3", 'of "_" is'),
    ("superword", "of [_] is"), ("normalising", "the ]_ is"), ("greedy_mask", "the [_] is"), ("llama2", "the ]_ is"),
    ("llama2", 'of "_" is'), ("gemma", 'of "_" is'), ("gemma", "_] is"), ("mistral", "the ]_ is"), ("mistral", '"_"'),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), SHARING)
def test_a_placeholder_that_shares_a_token_is_tokenised_apart_and_the_text_stays_the_same(kind: str, text: str) -> None:
    tokenizer = tokenizer_of(kind)
    prompt = build_prompt(tokenizer, Preset("drawn", text))
    whole = tuple(tokenizer(text)["input_ids"])
    assert prompt.cuts
    assert prompt.ids != whole
    assert prompt.ids[0] == whole[0] == tokenizer.bos_token_id
    assert "".join(prompt.tokens) == "".join(token_texts(tokenizer, whole))
    assert [prompt.tokens[position].strip() for position in prompt.positions] == ["_"]
    (position,) = prompt.positions
    assert {position, position + 1} & set(prompt.cuts)
    assert set(prompt.cuts) <= {position, position + 1}


@pytest.mark.parametrize("template", [None, *CHAT_TEMPLATES])
@pytest.mark.parametrize("kind", LOSSLESS)
def test_the_meaning_preset_works_with_every_tokenizer_that_has_all_bytes(kind: str, template: str | None) -> None:
    preset = preset_named("meaning")
    assert preset is not None
    prompt = build_prompt(tokenizer_of(kind, template), preset)
    assert [prompt.tokens[position].strip() for position in prompt.positions] == ["_", "_"]


@pytest.mark.parametrize("kind", LOSSLESS)
def test_a_prompt_whose_placeholders_have_their_own_tokens_is_not_cut(kind: str) -> None:
    text = "the message _ of ? and _ is"
    prompt = build_prompt(tokenizer_of(kind), Preset("drawn", text))
    if kind != "superword":
        assert prompt.cuts == ()
        assert prompt.ids == tuple(tokenizer_of(kind)(text)["input_ids"])


def test_a_prompt_of_words_that_the_tokenizer_does_not_know_is_refused_where_a_placeholder_is_part_of_one() -> None:
    with pytest.raises(PlaceholderError, match=re.escape("Token 2 `·]_` holds the placeholder `_` and `]`")):
        build_prompt(tokenizer_of("words_between_spaces"), Preset("drawn", "the ]_ is"))


def test_it_is_shown_where_a_text_was_cut() -> None:
    preset = Preset("drawn", "the ]_ is")
    prompt = build_prompt(tokenizer_of("gpt2"), preset)
    shown = target_tokens(replace(build("llama", layers=2), tokenizer=tokenizer_of("gpt2")), preset)
    assert tuple(token.token.position for token in shown if token.cut) == prompt.cuts != ()


def test_compat_hits_four_of_five_placeholders_and_the_bracket_as_selfie_does_on_llama_2() -> None:
    readme = preset_named("summarize")
    assert readme is not None
    prompt = build_prompt(tokenizer_of("llama2"), readme, compat=True)
    assert [prompt.tokens[position] for position in prompt.positions] == [" _"] * 4 + [" [/INST"]


def test_compat_hits_four_of_five_placeholders_and_the_next_word_as_nnsight_selfie_does() -> None:
    concept = preset_named("concept")
    assert concept is not None
    tokenizer = tokenizer_of("gpt2")
    published = build_prompt(tokenizer, concept, compat=True)
    assert [published.tokens[position] for position in published.positions] == [" _"] * 4 + [" represents"]
    exact = build_prompt(tokenizer, concept)
    assert [exact.tokens[position] for position in exact.positions] == [" _"] * 5
    assert published.ids == exact.ids


def test_compat_takes_the_literal_text_also_where_there_is_a_chat_template() -> None:
    readme = preset_named("summarize")
    assert readme is not None
    with_template = build_prompt(tokenizer_of("llama2", "chatml"), readme, compat=True)
    assert with_template == build_prompt(tokenizer_of("llama2"), readme, compat=True)
    assert with_template.text == readme.text


def test_the_tokens_shown_are_the_tokens_overwritten() -> None:
    preset = Preset("drawn", "This _ _ represents")
    model = build("llama", layers=2)
    prompt = build_prompt(model.tokenizer, preset)
    shown = target_tokens(model, preset)
    assert tuple(token.token.id for token in shown) == prompt.ids
    assert [token.token.position for token in shown] == list(range(len(prompt.ids)))
    assert tuple(token.token.position for token in shown if token.overwritten) == prompt.positions
    assert tuple(token.token.text for token in shown) == prompt.tokens


def test_every_preset_has_a_name_of_its_own_a_source_and_placeholders() -> None:
    assert len({preset.name for preset in PRESETS}) == len(PRESETS)
    assert all(preset.source for preset in PRESETS)
    assert all(stands_alone(preset.text, preset.placeholder) for preset in PRESETS)
    assert preset_named("no such preset") is None


def test_listing_the_presets_loads_neither_torch_nor_transformers_nor_a_tokenizer() -> None:
    code = "import sys, selfie_tui.presets; print(sorted({'torch', 'transformers', 'tokenizers'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
