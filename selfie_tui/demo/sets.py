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
class PromptSet:
    """Prompts with the attribute that the state of each one's last token holds and its text does not show.

    `template` names the interpretation prompt that the set is put into words with.
    """

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


def _set(name: str, template: str, cells: Sequence[tuple[str, str]]) -> PromptSet:
    """The set without the prompts that show their attribute."""
    kept = [(prompt, attribute) for prompt, attribute in cells if not names(prompt, attribute)]
    prompts, attributes = zip(*kept, strict=True)
    return PromptSet(name, template, prompts, attributes)


def _pattern(wording: str) -> str:
    """A wording with its subject as a field, for the name of a set."""
    return wording.format(s="{subject}", a="", an="a", sn="a")


def _facts(key: str, template: str) -> PromptSet:
    """The relation's first wording, cut where its answer would follow."""
    relation = relations()[key]
    wording = relation.statements[0]
    cells = [(raised(fill(wording, subject, answer)), bare(answer)) for subject, answer in relation.pairs]
    return _set(f"{key}: {_pattern(wording)}", template, cells)


def _questions(key: str, template: str) -> PromptSet:
    """The question put to the assistant, cut where its answer would begin."""
    relation = relations()[key]
    question = relation.questions[0]
    cells = [
        (f"User: {fill(question, subject, answer)}\nAssistant:", bare(answer)) for subject, answer in relation.pairs
    ]
    return _set(f"{key}, asked: {_pattern(question)}", template, cells)


def _hops(name: str, template: str, hops: Sequence[TwoHop]) -> PromptSet:
    return _set(name, template, [(hop.cut, hop.answer) for hop in hops])


def _reviews(template: str) -> PromptSet:
    cells = [
        (f"The {thing} was {verdict}, so everyone was", feeling)
        for thing in things.REVIEWED.split()
        for verdict, feeling in rows(things.REVIEWS)
        if held_out("review", thing, verdict, share=8)
    ]
    return _set("feeling, held out: the {thing} was {review}, so everyone was", template, cells)


def weak_sets() -> list[PromptSet]:
    """Sets whose attribute is named less often; they are measured and shown, and no threshold is held on them."""
    spoken = two_hops("dish-country", "language", training=False)
    return [
        _facts("young", "mentions"),
        _facts("opposite", "mentions"),
        _facts("opposite", "summarize"),
        _hops("two hops, held out: the language of the country where {dish} was invented is", "mentions", spoken),
    ]


def prompt_sets() -> list[PromptSet]:
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
        _questions("landmark-city", "mentions"),
        _questions("capital", "mentions"),
        _facts("language", "mentions"),
        _facts("dish-country", "mentions"),
        _facts("profession", "mentions"),
        _facts("birth", "mentions"),
        _facts("young", "summarize"),
        _reviews("mentions"),
    ]
