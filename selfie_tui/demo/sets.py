"""The sets of cells by which the demo model is judged: prompts whose last token hides an attribute."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .facts import things
from .meanings import MENTIONS, SUMMARIZE
from .relations import TwoHop, fill, held_out, raised, relations, two_hops
from .world import bare, rows

PLACEHOLDERS = "_ _ _ _ _"
TEMPLATES = {
    "mentions": f"User: {PLACEHOLDERS}\nAssistant: {MENTIONS}",
    "summarize": f"User: {PLACEHOLDERS}\nAssistant: {SUMMARIZE}",
}


@dataclass(frozen=True)
class ReadingSet:
    """Prompts with the attribute that each hides, and the interpretation prompt that they are read with."""

    name: str
    template: str
    prompts: tuple[str, ...]
    attributes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.prompts)

    def others(self) -> list[str]:
        """For each prompt the attribute of another one, never the same: the shuffled control."""
        step = len(self) // 2
        turned = self.attributes[step:] + self.attributes[:step]
        pairs = zip(self.attributes, turned, strict=True)
        return [other if other != own else self._different(own) for own, other in pairs]

    def _different(self, own: str) -> str:
        return next(attribute for attribute in self.attributes if attribute != own)


def names(text: str, attribute: str) -> bool:
    """Whether a text names the attribute, as a whole word and in any case."""
    return re.search(rf"\b{re.escape(attribute)}\b", text, re.IGNORECASE) is not None


def _set(name: str, template: str, cells: Sequence[tuple[str, str]]) -> ReadingSet:
    """The set without the prompts that show their attribute."""
    kept = [(prompt, attribute) for prompt, attribute in cells if not names(prompt, attribute)]
    prompts, attributes = zip(*kept, strict=True)
    return ReadingSet(name, template, prompts, attributes)


def _shown(wording: str) -> str:
    return wording.format(s="{subject}", a="", an="a", sn="a")


def _facts(key: str, template: str) -> ReadingSet:
    """The relation's first wording, read where its answer would follow."""
    relation = relations()[key]
    wording = relation.statements[0]
    cells = [(raised(fill(wording, subject, answer)), bare(answer)) for subject, answer in relation.pairs]
    return _set(f"{key}: {_shown(wording)}", template, cells)


def _asked(key: str, template: str) -> ReadingSet:
    """The question put to the assistant, read where its answer would begin."""
    relation = relations()[key]
    question = relation.questions[0]
    cells = [
        (f"User: {fill(question, subject, answer)}\nAssistant:", bare(answer)) for subject, answer in relation.pairs
    ]
    return _set(f"{key}, asked: {_shown(question)}", template, cells)


def _hops(name: str, template: str, hops: Sequence[TwoHop]) -> ReadingSet:
    return _set(name, template, [(hop.cut, hop.answer) for hop in hops])


def _reviews(template: str) -> ReadingSet:
    cells = [
        (f"The {thing} was {said}, so everyone was", feeling)
        for thing in things.REVIEWED.split()
        for said, feeling in rows(things.REVIEWS)
        if held_out("review", thing, said, share=8)
    ]
    return _set("feeling, held out: the {thing} was {review}, so everyone was", template, cells)


def weak_sets() -> list[ReadingSet]:
    """Sets that are read less well; they are measured and shown, and no threshold is held on them."""
    spoken = two_hops("dish-country", "language", training=False)
    return [
        _facts("young", "mentions"),
        _facts("opposite", "mentions"),
        _facts("opposite", "summarize"),
        _hops("two hops, held out: the language of the country where {dish} was invented is", "mentions", spoken),
    ]


def reading_sets() -> list[ReadingSet]:
    """The sets that thresholds are held on.

    Each is over all facts of its relation; two hops and reviews only where training never saw the combination.
    """
    stands, born, spoken = (
        two_hops(inner, outer, training=False)
        for inner, outer in (("landmark-country", "capital"), ("birth", "capital"), ("birth", "language"))
    )
    return [
        _facts("landmark-city", "mentions"),
        _facts("capital", "mentions"),
        _hops("two hops, held out: the capital of the country where {landmark} stands is", "mentions", stands),
        _hops("two hops, held out: the capital of the country where {person} was born is", "mentions", born),
        _hops("two hops, held out: the language of the country where {person} was born is", "mentions", spoken),
        _asked("landmark-city", "mentions"),
        _asked("capital", "mentions"),
        _facts("language", "mentions"),
        _facts("dish-country", "mentions"),
        _facts("profession", "mentions"),
        _facts("birth", "mentions"),
        _facts("young", "summarize"),
        _reviews("mentions"),
    ]
