"""How many cells say a word: one searched for or tracked, or else the one that a reading owes most to its state."""

from __future__ import annotations

import re

from selfie_tui.measures import BINDING, whole_word
from selfie_tui.records import Interpretation, without_blank_ends
from selfie_tui.tui.views.grid.readings import Readings

WORD = re.compile(r"[^\W_]+")


def warmest_word(interpretation: Interpretation) -> str:
    """The word with the most relevancy that is more than a binding one; "" where none was measured or has any."""
    tokens = without_blank_ends(interpretation.tokens)
    values = [token.relevancy or 0.0 for token in tokens for _ in token.text]
    words = {
        word[0]: max(values[word.start() : word.end()])
        for word in WORD.finditer("".join(token.text for token in tokens))
        if word[0].casefold() not in BINDING.split()
    }
    best = max(words, key=lambda word: words[word], default="")
    return best if best and words[best] > interpretation.relevancy_floor else ""


def how_many_have(readings: Readings, searched: str) -> tuple[int, int]:
    """In how many finished cells a text stands, whatever its case, and how many are finished."""
    texts = [found.text.casefold() for _, found in readings.finished]
    return sum(searched.casefold() in text for text in texts), len(texts)


def how_many_say(readings: Readings, word: str) -> tuple[int, int]:
    """How many finished cells say a word as a whole, and how many are finished."""
    texts = [found.text for _, found in readings.finished]
    return sum(whole_word(word).search(text) is not None for text in texts), len(texts)
