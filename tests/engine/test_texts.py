"""Where a generated answer ends, and what of it is kept."""

from __future__ import annotations

from functools import cache
from typing import Any

from transformers import AutoTokenizer

from selfie_tui.demo import model_path
from selfie_tui.engine.generation.texts import answer, cut_tokens, ends_at

STOPS = (".", "\n")


@cache
def bundled_tokenizer() -> Any:
    """The bundled model's tokenizer."""
    return AutoTokenizer.from_pretrained(model_path())


def ids_of(text: str) -> list[int]:
    return bundled_tokenizer()(text, add_special_tokens=False)["input_ids"]


def test_an_answer_that_begins_in_a_new_paragraph_is_not_empty() -> None:
    ids = ids_of("\n\nthe Tower.\nA")
    assert answer(bundled_tokenizer(), ids, STOPS) == "the Tower"
    assert "".join(cut_tokens(bundled_tokenizer(), ids, STOPS)).strip() == "the Tower"


def test_a_row_ends_at_the_first_stop_after_something_visible() -> None:
    ids = ids_of("\n\nthe Tower.\nA")
    ends = [ends_at(bundled_tokenizer(), ids[:count], STOPS) for count in range(1, len(ids) + 1)]
    text = ["".join(cut_tokens(bundled_tokenizer(), ids[:count], ())) for count in range(1, len(ids) + 1)]
    assert text[ends.index(True)].strip() == "the Tower."


def test_without_stop_texts_nothing_is_cut() -> None:
    ids = ids_of("\nthe Tower. is\n")
    assert not ends_at(bundled_tokenizer(), ids, ())
    assert answer(bundled_tokenizer(), ids, ()) == "the Tower. is"
