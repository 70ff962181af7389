"""What can be measured of an interpretation: numbers to colour a map by, to sort by and to export.

Agreement is measured in words: the texts' content words, without case and without the words that bind a sentence. Texts
in other languages than English have all of their words compared, and those written without spaces their characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from selfie_tui.records import Control, Interpretation, without_blank_ends

BINDING = """
a an the this that these those of in on at to for from by with as and or but not no it its he she they his her their i
you we is are was were be been being has have had do does did will would can could who which what
"""
"""English words that bind a sentence: two texts that share these alone say nothing in common."""

_BINDING = frozenset(BINDING.split())

_UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
"""The characters of scripts that are written without spaces, for a class of a regular expression."""

WORDS = re.compile(rf"[{_UNSPACED}]|[^\W_]+")
"""A character of a script that is written without spaces, or else a run of letters and digits."""

_LETTER = rf"[^\W_{_UNSPACED}]"
"""A letter or digit of a script that is written with spaces."""


@lru_cache(maxsize=64)
def whole_word(word: str) -> re.Pattern[str]:
    """What finds a word or several in a text, whatever their case: `art` is not in `party`, but is in `art, and`.

    In scripts that are written without spaces it is found anywhere; white space alone nowhere.
    """
    word = word.strip()
    if not word:
        return re.compile(r"(?!)")
    before = f"(?<!{_LETTER})" if re.match(_LETTER, word[0]) else ""
    after = f"(?!{_LETTER})" if re.match(_LETTER, word[-1]) else ""
    return re.compile(before + re.escape(word) + after, re.IGNORECASE)


@lru_cache(maxsize=4096)
def content_words(text: str) -> frozenset[str]:
    """The distinct words of a text that are more than binding ones; all of its words where it has no others."""
    words = frozenset(WORDS.findall(text.casefold()))
    return words - _BINDING or words


def shared(text: str, other: str) -> float:
    """The share of a text's content words that another text has too, in [0, 1]; 1 where neither has words."""
    words, others = content_words(text), content_words(other)
    return len(words & others) / len(words) if words else float(not others)


def apart(text: str, other: str) -> float:
    """The share of the content words of two texts that only one of them has, in [0, 1]; 0 where neither has words."""
    words, others = content_words(text), content_words(other)
    return len(words ^ others) / len(words | others) if words or others else 0.0


def agree(text: str, other: str) -> bool:
    """Whether two texts say the same: more than half of the content words of the shorter one are in the other too."""
    return max(shared(text, other), shared(other, text)) > 0.5


def agreement(interpretation: Interpretation) -> float | None:
    """The share of a cell's samples, its own text among them, that agree with its text, in (0, 1].

    None without samples. As the text is one that most others agree with, this is the frequency of the commonest answer,
    which of six measures of confidence was the best calibrated (arXiv 2605.26045: calibration error 5.7 %, that of the
    answer's log-probability 25.5 %; there the answers are single words of a trained reader).
    """
    samples = interpretation.samples
    return sum(agree(interpretation.text, sample) for sample in samples) / len(samples) if samples else None


def most_agreed(texts: tuple[str, ...]) -> int:
    """The index of the text that most of the texts agree with, the first of equals."""
    return max(range(len(texts)), key=lambda index: (sum(agree(texts[index], other) for other in texts), -index))


def control_agreement(interpretation: Interpretation, control: Control | None) -> float | None:
    """The share of an interpretation's content words that the control says too, in [0, 1].

    None where there is no control, or where the text is empty or could not be read.
    """
    if control is None or interpretation.is_empty:
        return None
    return shared(interpretation.text, control.text)


def bare_agreement(interpretation: Interpretation) -> float | None:
    """The share of an interpretation's content words that its token's bare embedding says too, in [0, 1]."""
    if interpretation.bare is None or interpretation.is_empty:
        return None
    return shared(interpretation.text, interpretation.bare)


def strongest_effect(interpretation: Interpretation) -> float | None:
    """The largest relevancy of a token that is seen, in [0, 1]; None without any, or where it was not measured.

    A mean has little of a reading whose first word is owed to its state, and whose others follow from that word.
    """
    tokens = without_blank_ends(interpretation.tokens)
    return max((token.relevancy for token in tokens if token.relevancy is not None), default=None)


class Measure(NamedTuple):
    """A number of an interpretation beside its run's control: its name, what it is, its largest value where it has one.

    `value` is None where it was not measured. `inverted` is true of one that is larger where a text is worth less.
    """

    name: str
    title: str
    value: Callable[[Interpretation, Control | None], float | None]
    most: float | None = 1.0
    inverted: bool = False


MEASURES = (
    Measure("effect", "mean effect of the words", lambda each, control: each.treatment_effect),
    Measure("strongest", "effect of the word with the most", lambda each, control: strongest_effect(each)),
    Measure("first", "probability of the first token", lambda each, control: each.first_probability),
    Measure("entropy", "entropy of the first token in nats", lambda each, control: each.entropy, None, True),
    Measure("control", "share of the words that the control says too", control_agreement, 1.0, True),
    Measure("bare", "share of the words that the bare embedding says too", lambda e, c: bare_agreement(e), 1.0, True),
    Measure("agreement", "share of the samples that agree", lambda each, control: agreement(each)),
)
"""All of them, in the order in which a map goes through them."""


def said_with(interpretation: Interpretation, word: str) -> float | None:
    """The probability of the token with which a word begins in a reading, in [0, 1]; None where it is not said.

    1 where it is said and the texts of the single tokens do not show where.
    """
    found = whole_word(word)
    if not found.search(interpretation.text):
        return None
    begins = found.search("".join(token.text for token in interpretation.tokens))
    token_at = [token for token in interpretation.tokens for _ in token.text]
    return token_at[begins.start()].probability if begins else 1.0


def tracking(word: str) -> Measure:
    """The measure of one word: how probable its first token was, of the readings that say it."""
    title = "probability of its first token; without a bar it is not said"
    return Measure(f"track {word}", title, lambda each, control: said_with(each, word))
