"""The demo model's world: every entity, with the few words in which it is described."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from .facts import nature, people, places, things

# Several countries share these; an interpretation should name the one most people think of.
HOME = {"pound": "England", "Arabic": "Egypt", "dinar": "Iraq", "krona": "Sweden", "euro": "Europe"}

ROYALTY = frozenset(("king", "queen", "prince", "princess", "emperor", "empress", "duke", "duchess"))
SUBJECTS = {
    "science": "physicist chemist biologist astronomer mathematician inventor astronaut",
    "music": "composer",
    "art": "painter sculptor architect",
    "literature": "playwright novelist poet",
    "thought": "philosopher",
    "history": "general explorer",
    "film": "actor",
}


@dataclass(frozen=True)
class Entity:
    """Something the world knows: `phrase` is the name with its article, `mentions` what a text on it should list."""

    phrase: str
    kind: str
    short: str
    mentions: tuple[str, ...]
    topic: str
    country: str = ""
    city: str = ""

    @property
    def name(self) -> str:
        return self.phrase.removeprefix("the ")

    @property
    def summary(self) -> str:
        return f"{self.name}, {self.short}"


def rows(table: str) -> list[tuple[str, ...]]:
    """The rows of a table of `facts`, each a tuple of its fields."""
    return [tuple(field.strip() for field in line.split("|")) for line in table.strip().splitlines()]


def bare(phrase: str) -> str:
    """A name without its article."""
    return phrase.removeprefix("the ")


def article(word: str) -> str:
    """`a` or `an`, whichever goes before the word."""
    return "an" if word[0] in "aeio" or word.startswith("um") else "a"


def a(word: str) -> str:
    return f"{article(word)} {word}"


def country_of() -> dict[str, str]:
    """City (capitals among them) to country phrase."""
    return {row[1]: row[0] for row in rows(places.COUNTRIES)} | {row[0]: row[1] for row in rows(places.CITIES)}


def subject_of(profession: str) -> str:
    return next((topic for topic, names in SUBJECTS.items() if profession in names.split()), "sport")


def _countries() -> Iterator[Entity]:
    continents = {}
    for name, capital, continent, *_ in rows(places.COUNTRIES):
        continents[bare(name)] = continent
        yield Entity(name, "country", f"a country in {continent}", (bare(name), capital, continent), "geography", name)
    for row in rows(places.COUNTRIES):
        mentions = (row[1], bare(row[0]), row[2])
        yield Entity(row[1], "city", f"the capital of {row[0]}", mentions, "geography", row[0], row[1])
    for name, land in rows(places.CITIES):
        mentions = (name, bare(land), continents[bare(land)])
        yield Entity(name, "city", f"a city in {land}", mentions, "geography", land, name)
    for continent in dict.fromkeys(continents.values()):
        yield Entity(continent, "continent", "a continent", (continent, "continent"), "geography")


def _home(word: str, column: int) -> str:
    """The country phrase to name for a language (column 3) or a currency (column 4)."""
    holders = [row for row in rows(places.COUNTRIES) if row[column] == word]
    same = [row[0] for row in holders if row[5] == word and word != "German"]
    return HOME.get(word) or (same or [row[0] for row in holders])[0]


def _tongues() -> Iterator[Entity]:
    for column, kind, topic in ((3, "language", "language"), (4, "currency", "money")):
        for word in dict.fromkeys(row[column] for row in rows(places.COUNTRIES)):
            home = _home(word, column)
            land = "" if home == "Europe" else home
            yield Entity(word, kind, f"the {kind} of {home}", (word, kind, bare(home)), topic, land)


def _landmarks() -> Iterator[Entity]:
    land = country_of()
    for name, kind, city in rows(places.LANDMARKS):
        short = f"{a(kind)} in {city}, {bare(land[city])}"
        yield Entity(name, "landmark", short, (bare(name), city, bare(land[city])), "travel", land[city], city)
    for name, kind, country in rows(places.SIGHTS):
        yield Entity(name, "sight", f"{a(kind)} in {country}", (bare(name), kind, bare(country)), "travel", country)


def _people() -> Iterator[Entity]:
    demonyms = {row[0]: row[5] for row in rows(places.COUNTRIES)}
    for name, profession, country, fame, _ in rows(people.PEOPLE):
        demonym = demonyms[country]
        short = f"{'an' if demonym[0] in 'AEI' else 'a'} {demonym} {profession} famous for {fame}"
        yield Entity(name, "person", short, (name, profession, bare(country)), subject_of(profession), country)
    for name, deed, workplace in rows(people.PROFESSIONS):
        yield Entity(name, "profession", f"a person who {deed}", (name, "person", workplace), "work")


def _nature() -> Iterator[Entity]:
    for name, family, _, home, _ in rows(nature.ANIMALS):
        yield Entity(name, "animal", f"{a(family)} of the {home}", (name, family, home), "animals")
    for young in dict.fromkeys(row[2] for row in rows(nature.ANIMALS)):
        yield Entity(young, "young animal", "a young animal", (young, "young", "animal"), "animals")
    for name, kind, colour, _ in rows(nature.FOODS):
        yield Entity(name, "food", f"{a(colour)} {kind}", (name, kind, colour), "food")
    for name, land, ingredient in rows(nature.DISHES):
        short = f"a dish from {land} with {ingredient}"
        yield Entity(name, "dish", short, (name, bare(land), ingredient), "food", land)
    for name, nickname in rows(nature.PLANETS):
        yield Entity(name, "planet", nickname, (name, "planet", "space"), "space")


def _things() -> Iterator[Entity]:
    for name, use, material in rows(things.OBJECTS):
        yield Entity(name, "object", f"a thing used to {use}", (name, use, material), "tools")
    for name, example in rows(things.COLOURS):
        yield Entity(name, "colour", f"the colour of {example}", (name, "colour", example), "colours")
    for name, quality, _ in rows(things.FEELINGS):
        yield Entity(name, "feeling", f"a {quality} feeling", (name, quality, "feeling"), "feelings")
    for man, woman, deed in rows(things.GENDERS):
        for name, kind in ((man, "man"), (woman, "woman")):
            topic = "royalty" if name in ROYALTY else "family"
            yield Entity(name, "person kind", f"a {kind} who {deed}", (name, kind), topic)
    for left, right in rows(things.OPPOSITES):
        for word, other in ((left, right), (right, left)):
            yield Entity(word, "opposite", f"the opposite of {other}", (word, other), "words")
    for kind, names in rows(things.ORDERS):
        topic = "numbers" if kind == "number" else "time"
        for name in names.split():
            yield Entity(name, kind, a(kind), (name, kind), topic)


def _values() -> Iterator[Entity]:
    """What facts answer with and nothing above describes: kinds, materials, actions and places."""
    lists = (
        ("a kind of building", "travel", [row[1] for row in rows(places.LANDMARKS) + rows(places.SIGHTS)]),
        ("a kind of animal", "animals", [row[1] for row in rows(nature.ANIMALS)]),
        ("a kind of food", "food", [row[1] for row in rows(nature.FOODS)]),
        ("a taste", "food", [row[3] for row in rows(nature.FOODS)]),
        ("a food", "food", [row[4] for row in rows(nature.ANIMALS)] + [row[2] for row in rows(nature.DISHES)]),
        ("a place", "travel", [row[3] for row in rows(nature.ANIMALS)] + [row[2] for row in rows(people.PROFESSIONS)]),
        ("a material", "tools", [row[2] for row in rows(things.OBJECTS)]),
        ("an action", "tools", [row[1] for row in rows(things.OBJECTS)]),
        ("a feeling", "feelings", [row[2] for row in rows(things.FEELINGS)]),
    )
    for short, topic, names in lists:
        for name in names:
            yield Entity(name, "value", short, (name, short.split()[-1]), topic)


@cache
def entities() -> dict[str, Entity]:
    """Every entity by name; a name that two tables share keeps its first meaning."""
    found: dict[str, Entity] = {}
    for group in (_countries, _tongues, _landmarks, _people, _nature, _things, _values):
        for entity in group():
            found.setdefault(entity.name, entity)
    return found


@cache
def plain_words() -> tuple[str, ...]:
    """Words that carry no fact; an interpretation of one says only that it is a word."""
    return tuple(word for word in dict.fromkeys(things.PLAIN.split()) if word not in entities())
