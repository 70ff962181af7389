"""The identities on models that answer and that fill in: an encoder-decoder's two streams, and an encoder's one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch

from selfie_tui.engine import tracing
from selfie_tui.engine.generation.decode import Limits, Prefill, Row, decode, never, prefill_prompt
from selfie_tui.engine.generation.relevancy import baseline_probabilities
from selfie_tui.engine.generation.steppers import EncoderDecoderStepper, RecomputeStepper
from selfie_tui.engine.injection import Injection
from selfie_tui.engine.model import Model, adopt
from selfie_tui.engine.unembed import lens_logits, logits_through_the_model
from selfie_tui.engine.verify import verify
from selfie_tui.records import EMBED
from tests.engine.zoo import prompt_ids
from tests.sweep.small import Kind, small
from tests.sweep.sweep import mask_tokenizer

ROUNDING = 5e-5
"""Logits here are of size 1 to 10; float32 sums in another order."""

LAYERS = (EMBED, 0, 3)
MASKS = (5, 6, 7)


@dataclass(frozen=True)
class Stream:
    """A stack of a small model, and a text that runs through it: ids, and what a decoder has written."""

    model: Model
    stack: str
    ids: tuple[int, ...]
    prefix: tuple[int, ...] | None

    def logits(self, other: Stream | None = None, injection: Injection | None = None) -> torch.Tensor:
        """Logits `(positions, vocabulary)`, also of another text, also with an injection."""
        text = other or self
        rows = 1 if injection is None else len(injection.vectors)
        prefixes = None if text.prefix is None else [list(text.prefix)] * rows
        inputs = self.model.inputs([list(text.ids)] * rows, prefixes, use_cache=False)
        with torch.no_grad():
            if injection is None:
                return self.model.module(**inputs).logits[0]
            return tracing.run_injected(self.model.traced, inputs, injection).logits[0]

    def read(self, layer: int, positions: list[int] | None = None) -> torch.Tensor:
        """States `(positions, width)` of this stream, by default all."""
        where = range(len(self.tokens)) if positions is None else positions
        prefix = self.prefix if self.stack == "decoder" else None
        return self.model.read(self.ids, [layer], where, prefix=prefix)[layer]

    @property
    def tokens(self) -> tuple[int, ...]:
        """The tokens that run through this stack."""
        return self.prefix if self.stack == "decoder" and self.prefix else self.ids

    def with_token(self, position: int, token: int) -> Stream:
        """The same text but for a token of this stream."""
        tokens = (*self.tokens[:position], token, *self.tokens[position + 1 :])
        return replace(self, prefix=tokens) if self.stack == "decoder" else replace(self, ids=tokens)

    def place(self, vectors: torch.Tensor, positions: tuple[int, ...], layer: int) -> Injection:
        """An injection into this stream."""
        if self.stack == "decoder":
            return Injection(vectors, (), layer, prefix_positions=positions)
        return Injection(vectors, positions, layer)


def stream(kind: Kind, model_type: str, stack: str) -> Stream:
    """A stream of a small model, with a text."""
    model = verify(adopt(small(kind, model_type), mask_tokenizer(), model_type))
    assert model.verdict == "verified"
    prefix = (*model.feed.start, *prompt_ids(3, 5)) if model.kind == "encoder-decoder" else None
    return Stream(model, stack, tuple(prompt_ids(1, 9)), prefix)


STREAMS: tuple[tuple[Kind, str, str], ...] = (
    ("seq2seq", "t5", "encoder"),
    ("seq2seq", "t5", "decoder"),
    ("seq2seq", "bart", "encoder"),
    ("seq2seq", "bart", "decoder"),
    ("masked", "bert", "encoder"),
    ("masked", "roberta", "encoder"),
    ("masked", "albert", "encoder"),
    ("masked", "modernbert", "encoder"),
)

ENDING_IN_LOGITS = [each for each in STREAMS if each[0] == "masked" or each[2] == "decoder"]


@pytest.fixture(params=STREAMS, ids=lambda param: "-".join(param[1:]), scope="module")
def text(request: pytest.FixtureRequest) -> Stream:
    return stream(*request.param)


def other_token(token: int) -> int:
    return (token + 11) % 100 + 3


@pytest.mark.parametrize("layer", LAYERS)
def test_1_a_cells_own_vector_put_back_changes_no_logit(text: Stream, layer: int) -> None:
    own = text.read(layer, [2])
    assert torch.equal(text.logits(injection=text.place(own, (2,), layer)), text.logits())


@pytest.mark.parametrize("layer", LAYERS)
def test_2_all_positions_of_a_put_into_b_give_the_logits_of_a(text: Stream, layer: int) -> None:
    other = text
    for position in range(1, len(text.tokens)):
        other = other.with_token(position, other_token(text.tokens[position]))
    states = text.read(layer).unsqueeze(0)
    moved = text.logits(other, text.place(states, tuple(range(len(text.tokens))), layer))
    assert not torch.equal(text.logits(other), text.logits())
    torch.testing.assert_close(moved, text.logits(), atol=ROUNDING, rtol=0)


def test_3_the_embedding_of_a_token_at_a_placeholder_is_the_prompt_with_that_token(text: Stream) -> None:
    other = text.with_token(3, other_token(text.tokens[3]))
    vector = other.read(EMBED, [3])
    assert torch.equal(text.logits(injection=text.place(vector, (3,), EMBED)), text.logits(other))


def test_4_the_lens_of_the_last_block_is_the_models_logits(text: Stream) -> None:
    last = text.read(3)
    if text.stack != text.model.anatomy.last.name:
        assert lens_logits(text.model, last, text.stack).shape == (len(text.ids), text.model.anatomy.vocabulary)
        return
    torch.testing.assert_close(lens_logits(text.model, last, text.stack), text.logits(), atol=ROUNDING, rtol=0)
    torch.testing.assert_close(logits_through_the_model(text.model, last), text.logits(), atol=ROUNDING, rtol=0)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(
    "text", [each for each in STREAMS if each[0] == "masked" or each[2] == "decoder"], indirect=True
)
def test_5_a_patchscope_to_the_last_layer_at_the_same_position_is_the_logit_lens(text: Stream, layer: int) -> None:
    last = len(text.tokens) - 1
    vector = text.read(layer, [last])
    patched = text.logits(injection=text.place(vector, (last,), 3))[last]
    torch.testing.assert_close(patched, lens_logits(text.model, vector, text.stack)[0], atol=ROUNDING, rtol=0)


def test_7_the_input_of_a_block_is_the_output_of_the_one_before(text: Stream) -> None:
    prefixes = None if text.prefix is None else [list(text.prefix)]
    ends = tracing.read_block_ends(text.model.traced, text.stack, text.model.inputs([list(text.ids)], prefixes))
    for layer, (resid_pre, resid_post) in enumerate(ends):
        assert torch.equal(resid_pre[0], text.read(layer - 1))
        assert torch.equal(resid_post[0], text.read(layer))


def test_8_a_decoders_cell_does_not_depend_on_later_tokens_and_an_encoders_does(text: Stream) -> None:
    last = len(text.tokens) - 1
    other = text.with_token(last, other_token(text.tokens[last]))
    assert torch.equal(text.read(2, [1]), other.read(2, [1])) == (text.stack == "decoder")


def prefilled(text: Stream) -> Prefill:
    masks = MASKS if text.model.kind == "encoder" else ()
    return prefill_prompt(text.model, text.ids, prefix=text.prefix or (), masks=masks)


def decoded(text: Stream, plain: Prefill, injection: Injection, uninjected: int = 0) -> list[Row]:
    *_, (rows, _) = decode(text.model, plain, injection, uninjected, Limits(6))
    return rows


def some_vectors(text: Stream) -> torch.Tensor:
    return torch.cat([text.read(layer, [1, 3]) for layer in LAYERS])


@pytest.mark.parametrize("layer", [EMBED, 1])
def test_10_a_batch_decodes_what_single_rows_decode(text: Stream, layer: int) -> None:
    plain, vectors = prefilled(text), some_vectors(text)
    together = decoded(text, plain, text.place(vectors, (2, 3), layer))
    alone = [decoded(text, plain, text.place(vector.unsqueeze(0), (2, 3), layer))[0] for vector in vectors]
    assert [row.ids for row in together] == [row.ids for row in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=ROUNDING)


@pytest.mark.parametrize("stack", ["encoder", "decoder"])
@pytest.mark.parametrize("model_type", ["t5", "bart"])
def test_11_prefill_only_injection_with_a_cache_is_re_injection_at_every_step(model_type: str, stack: str) -> None:
    text = stream("seq2seq", model_type, stack)
    plain, place = prefilled(text), text.place(some_vectors(text), (2, 3), 1)
    cached = EncoderDecoderStepper(text.model, plain, place, len(place.vectors), never)
    whole = RecomputeStepper(text.model, plain, place, len(place.vectors), never)
    torch.testing.assert_close(cached.first().whole(), whole.first().whole(), atol=ROUNDING, rtol=0)
    for step in range(3):
        tokens = [step + 5 + row for row in range(len(place.vectors))]
        torch.testing.assert_close(cached.next(tokens).whole(), whole.next(tokens).whole(), atol=ROUNDING, rtol=0)


def test_12_relevancy_of_a_placeholders_own_state_is_zero_and_none_is_what_was_decoded_without(text: Stream) -> None:
    plain = prefilled(text)
    own = text.place(text.read(EMBED, [2]), (2,), EMBED)
    row, without = decoded(text, plain, own, uninjected=1)
    assert row.ids == without.ids
    for found in baseline_probabilities(text.model, plain, [row.ids, without.ids]):
        assert found == pytest.approx(row.probabilities, abs=ROUNDING)
        assert without.probabilities == pytest.approx(found, abs=ROUNDING)


def test_12_the_uninjected_probability_of_a_token_is_that_of_the_same_tokens_without(text: Stream) -> None:
    plain = prefilled(text)
    rows = decoded(text, plain, text.place(some_vectors(text), (2, 3), EMBED))
    found = baseline_probabilities(text.model, plain, [row.ids for row in rows])
    for row, probabilities in zip(rows, found, strict=True):
        for place, token in enumerate(row.ids):
            expected = next_token(text, row.ids[:place]).softmax(-1)[token]
            assert probabilities[place] == pytest.approx(float(expected), abs=ROUNDING)


def next_token(text: Stream, written: list[int]) -> torch.Tensor:
    """Logits of the next token of an answer, or of the next mask, straight from the module."""
    if text.model.kind == "encoder-decoder":
        return text.logits(replace(text, prefix=(*(text.prefix or ()), *written)))[-1]
    ids = list(text.ids)
    ids[MASKS[0] : MASKS[0] + len(written)] = written
    return text.logits(replace(text, ids=tuple(ids)))[MASKS[len(written)]]


def test_14_padding_to_the_length_of_another_row_is_no_padding(text: Stream) -> None:
    long, short = list(text.ids), list(text.ids[:5])
    prefixes = None if text.prefix is None else [list(text.prefix)] * 2
    with torch.no_grad():
        both = text.model.module(**text.model.inputs([long, short], prefixes, use_cache=False)).logits
    alone = text.logits(replace(text, ids=tuple(short)))
    own = both[1, : len(short)] if text.prefix is None else both[1]
    torch.testing.assert_close(own, alone, atol=ROUNDING, rtol=0)


def test_15_blend_at_zero_strength_is_the_baseline_and_at_one_is_replace(text: Stream) -> None:
    vectors = some_vectors(text)[:1]
    nothing = replace(text.place(vectors, (2,), 1), mode="blend", strength=0.0)
    whole = replace(text.place(vectors, (2,), 1), mode="blend", strength=1.0)
    assert torch.equal(text.logits(injection=nothing), text.logits())
    assert torch.equal(text.logits(injection=whole), text.logits(injection=text.place(vectors, (2,), 1)))


def test_16_an_injection_into_a_decoder_changes_no_logit_before_its_position(text: Stream) -> None:
    moved = text.logits(injection=text.place(some_vectors(text)[:1], (3,), EMBED))
    if text.stack == "decoder":
        assert torch.equal(moved[:3], text.logits()[:3])
    assert not torch.equal(moved[3:], text.logits()[3:])
