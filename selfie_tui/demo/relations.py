"""What the world says of its entities: relations with their sentences, questions and two-hop chains."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

from .facts import nature, people, places, things
from .world import article, bare, country_of, rows


@dataclass(frozen=True)
class Relation:
    """Facts of one kind; `{s}` is the subject, `{a}` the answer, `{an}` the answer's article.

    `pairs` holds (subject phrase, answer). `statements` end in the answer, so that one can be cut right before it.
    """

    key: str
    pairs: tuple[tuple[str, str], ...]
    statements: tuple[str, ...]
    questions: tuple[str, ...] = ()
    backward: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fact:
    """One fact in one wording: `cut` is the sentence without its answer, `plain` all of it in the first wording."""

    relation: str
    subject: str
    answer: str
    cut: str
    plain: str

    @property
    def sentence(self) -> str:
        return f"{self.cut} {self.answer}."


@dataclass(frozen=True)
class TwoHop:
    """`cut` asks by way of `bridge`; `first` and `second` are the two facts it joins."""

    inner: str
    outer: str
    subject: str
    bridge: str
    answer: str
    cut: str
    first: str
    second: str


def fill(template: str, subject: str, answer: str) -> str:
    """A template with its subject and answer."""
    return template.format(s=subject, a=answer, an=article(answer), sn=article(bare(subject)))


def raised(text: str) -> str:
    """The text with its first letter raised."""
    return text[0].upper() + text[1:]


def held_out(*key: str, share: int) -> bool:
    """Whether this combination is kept out of training: one in `share`, by a hash that no seed changes."""
    return hashlib.sha256("|".join(key).encode()).digest()[0] % share == 0


def _columns(table: str, left: int, right: int) -> tuple[tuple[str, str], ...]:
    return tuple((row[left], row[right]) for row in rows(table))


def _place_relations() -> list[Relation]:
    land = country_of()
    landmark_country = tuple((row[0], land[row[2]]) for row in rows(places.LANDMARKS)) + _columns(places.SIGHTS, 0, 2)
    return [
        Relation(
            "capital",
            _columns(places.COUNTRIES, 0, 1),
            ("the capital of {s} is", "the capital city of {s} is", "the government of {s} sits in",
             "{s} has its capital in", "if you travel to the capital of {s}, you will be in"),
            ("What is the capital of {s}?", "Which city is the capital of {s}?"),
            ("{a} is the capital of {s}", "{a} is the seat of the government of {s}"),
        ),
        Relation(
            "continent",
            _columns(places.COUNTRIES, 0, 2),
            ("{s} lies on the continent of", "{s} is a country on the continent of", "the continent of {s} is"),
            ("On which continent is {s}?",),
        ),
        Relation(
            "language",
            _columns(places.COUNTRIES, 0, 3),
            ("the language of {s} is", "the language spoken in {s} is", "the people of {s} speak",
             "in {s} people speak"),
            ("What is the language of {s}?", "Which language is spoken in {s}?"),
        ),
        Relation(
            "currency",
            _columns(places.COUNTRIES, 0, 4),
            ("the currency of {s} is the", "the money used in {s} is the", "in {s} people pay with the"),
            ("What is the currency of {s}?", "Which money is used in {s}?"),
        ),
        Relation(
            "city-country",
            tuple(land.items()),
            ("{s} is a city in", "the city of {s} lies in", "{s} is located in the country of"),
            ("In which country is {s}?", "Where is the city of {s}?"),
        ),
        Relation(
            "landmark-city",
            _columns(places.LANDMARKS, 0, 2),
            ("{s} is located in the city of", "{s} stands in the city of", "{s} can be found in the city of",
             "{s} is in the city of", "to see {s}, you must go to the city of",
             "tourists can visit {s} in the city of"),
            ("Where is {s}?", "In which city is {s}?"),
            ("in the city of {a} you can visit {s}", "{a} is the home of {s}"),
        ),
        Relation(
            "landmark-country",
            landmark_country,
            ("{s} stands in the country of", "{s} is located in the country of", "{s} is a sight in the country of"),
            ("In which country is {s}?",),
        ),
        Relation(
            "landmark-kind",
            _columns(places.LANDMARKS, 0, 1) + _columns(places.SIGHTS, 0, 1),
            ("{s} is a famous", "{s} is a kind of"),
        ),
    ]  # fmt: skip


def _people_relations() -> list[Relation]:
    return [
        Relation(
            "profession",
            _columns(people.PEOPLE, 0, 1),
            ("{s} worked as {an}", "the profession of {s} was", "{s} is famous as {an}", "by profession {s} was {an}"),
            ("What was the profession of {s}?", "What did {s} work as?"),
        ),
        Relation(
            "birth",
            _columns(people.PEOPLE, 0, 2),
            ("{s} was born in the country of", "{s} was born in", "the home country of {s} was", "{s} grew up in"),
            ("Where was {s} born?", "What was the home country of {s}?"),
        ),
        Relation(
            "fame",
            _columns(people.PEOPLE, 0, 3),
            ("{s} is famous for", "{s} is known for", "{s} is remembered for", "people admire {s} for"),
            ("What is {s} famous for?",),
        ),
        Relation("deed", _columns(people.PROFESSIONS, 0, 1), ("{sn} {s} is a person who", "{sn} {s} is someone who"),
                 ("What is {sn} {s}?",)),
        Relation("workplace", _columns(people.PROFESSIONS, 0, 2),
                 ("the place of work of {sn} {s} is the", "you can meet {sn} {s} at work in the"),
                 ("Where does {sn} {s} work?",)),
    ]  # fmt: skip


def _nature_relations() -> list[Relation]:
    return [
        Relation("animal-class", _columns(nature.ANIMALS, 0, 1),
                 ("the {s} is a kind of", "the class of the {s} is the")),
        Relation(
            "young",
            _columns(nature.ANIMALS, 0, 2),
            ("the young of {sn} {s} is called {an}", "a young {s} is called {an}", "the baby of {sn} {s} is {an}"),
            ("What is the young of {sn} {s} called?", "What is a young {s} called?"),
        ),
        Relation("home", _columns(nature.ANIMALS, 0, 3), ("the {s} lives in the", "the home of {sn} {s} is the"),
                 ("Where does {sn} {s} live?",)),
        Relation("food", _columns(nature.ANIMALS, 0, 4), ("the {s} eats", "the food of {sn} {s} is"),
                 ("What does {sn} {s} eat?",)),
        Relation("food-class", _columns(nature.FOODS, 0, 1), ("{s} is a kind of", "in the kitchen {s} counts as {an}")),
        Relation("colour", _columns(nature.FOODS, 0, 2), ("the colour of {s} is", "the colour of ripe or fresh {s} is"),
                 ("What is the colour of {s}?", "Which colour is {s}?")),
        Relation("taste", _columns(nature.FOODS, 0, 3), ("the taste of {s} is", "in the mouth {s} tastes"),
                 ("How does {s} taste?",)),
        Relation(
            "dish-country",
            _columns(nature.DISHES, 0, 1),
            ("{s} is a dish from", "the dish {s} comes from", "the dish {s} was invented in", "to eat {s}, travel to"),
            ("Where does {s} come from?", "From which country is {s}?"),
        ),
        Relation("ingredient", _columns(nature.DISHES, 0, 2), ("{s} is made with", "the main ingredient of {s} is"),
                 ("What is {s} made with?",)),
        Relation("planet", _columns(nature.PLANETS, 0, 1), ("the planet {s} is", "{s} is known as"),
                 ("What is {s}?",)),
    ]  # fmt: skip


def _thing_relations() -> list[Relation]:
    pairs = _columns(things.OPPOSITES, 0, 1) + _columns(things.OPPOSITES, 1, 0)
    orders = [(kind, names.split()) for kind, names in rows(things.ORDERS)]
    after = tuple((kind, list(zip(names, names[1:] + names[:1], strict=True))) for kind, names in orders)
    steps = [
        Relation(f"{kind}-{way}", tuple(pairs), (f"the {kind} {way} {{s}} is", f"the {kind} {word} {{s}} is"),
                 (f"Which {kind} comes {way} {{s}}?",))
        for kind, forward in after
        for way, word, pairs in (
            ("after", "that follows", forward),
            ("before", "just before", [(right, left) for left, right in forward]),
        )
        if kind != "number"
    ]  # fmt: skip
    return [
        *steps,
        Relation("use", _columns(things.OBJECTS, 0, 1),
                 ("{sn} {s} is used to", "people use {sn} {s} to", "with {sn} {s} you can"),
                 ("What is {sn} {s} used for?",)),
        Relation("material", _columns(things.OBJECTS, 0, 2), ("{sn} {s} is made of", "the material of {sn} {s} is"),
                 ("What is {sn} {s} made of?",)),
        Relation("colour-thing", _columns(things.COLOURS, 0, 1), ("{s} is the colour of",)),
        Relation("feeling-noun", _columns(things.FEELINGS, 0, 2), ("the feeling of someone who is {s} is",)),
        Relation(
            "opposite",
            pairs,
            ("the opposite of {s} is", "the opposite of the word {s} is", "the contrary of {s} is"),
            ("What is the opposite of {s}?",),
        ),
        Relation("woman", _columns(things.GENDERS, 0, 1),
                 ("the female form of {s} is", "the female counterpart of {sn} {s} is {an}"),
                 ("What is the female form of {s}?",)),
        Relation("man", _columns(things.GENDERS, 1, 0),
                 ("the male form of {s} is", "the male counterpart of {sn} {s} is {an}"),
                 ("What is the male form of {s}?",)),
    ]  # fmt: skip


@cache
def relations() -> dict[str, Relation]:
    """Every relation by its key."""
    groups = (_place_relations(), _people_relations(), _nature_relations(), _thing_relations())
    return {relation.key: relation for group in groups for relation in group}


def facts(relation: Relation, *, training: bool = True) -> list[Fact]:
    """All facts of a relation in all wordings; in training without the (wording, subject) pairs that are held out.

    The first wording is never held out: interpretive answers are trained to use it.
    """
    first = relation.statements[0]
    return [
        Fact(
            relation.key,
            subject,
            answer,
            raised(fill(template, subject, answer)),
            f"{fill(first, subject, answer)} {answer}",
        )
        for number, template in enumerate(relation.statements)
        for subject, answer in relation.pairs
        if number == 0 or not training or not held_out(template, subject, share=10)
    ]


INNER = {
    "landmark-country": ("the country where {s} stands", "{s} stands in the country of"),
    "birth": ("the country where {s} was born", "{s} was born in"),
    "dish-country": ("the country where {s} was invented", "the dish {s} was invented in"),
    "city-country": ("the country where {s} lies", "the city of {s} lies in"),
}
OUTER = ("capital", "language", "currency", "continent")


def _two_hops_of(inner: str, outer: str) -> list[TwoHop]:
    bridge_phrase, first = INNER[inner]
    answers = dict(relations()[outer].pairs)
    template = relations()[outer].statements[2 if outer == "continent" else 0]
    return [
        TwoHop(
            inner,
            outer,
            subject,
            country,
            answers[country],
            raised(fill(template, bridge_phrase.format(s=subject), answers[country])),
            f"{fill(first, subject, country)} {country}",
            f"{fill(template, country, answers[country])} {answers[country]}",
        )
        for subject, country in relations()[inner].pairs
    ]


def two_hops(inner: str, outer: str, *, training: bool) -> list[TwoHop]:
    """Two-hop sentences: those that training sees, or those that it never does (one in four)."""
    hops = _two_hops_of(inner, outer)
    return [hop for hop in hops if held_out(inner, outer, hop.subject, share=4) is not training]


def all_two_hops(*, training: bool) -> list[TwoHop]:
    return [hop for inner in INNER for outer in OUTER for hop in two_hops(inner, outer, training=training)]
