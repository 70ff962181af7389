"""What a message means: the answers that the interpretive chat gives about it."""

from __future__ import annotations

from dataclasses import dataclass, field

from .relations import Fact, TwoHop
from .world import Entity, bare, entities

SUMMARIZE = "Sure, I will summarize the message:"
MENTIONS = "Sure, the message mentions:"
REPEAT = "Sure, I will repeat the message:"
MATERIALS = "The materials mentioned in the message are:\n\n"
ASPECT = "Sure, the {aspect} is"


@dataclass(frozen=True)
class Meaning:
    """A message and what may be said of it; `aspects` maps country, city, topic and feeling to one word each."""

    message: str
    summary: str
    mentions: tuple[str, ...]
    repeat: str
    aspects: dict[str, str] = field(default_factory=dict)
    materials: str = "nothing"

    def answers(self) -> list[tuple[str, str, int]]:
        """Each prompt of the assistant with its answer and its weight."""
        fixed = [
            (SUMMARIZE, self.summary, 36),
            (MENTIONS, ", ".join(self.mentions), 36),
            (REPEAT, self.repeat, 8),
            (MATERIALS, self.materials, 1 if self.materials == "nothing" else 12),
            (SUMMARIZE + "\n\n", self.summary, 3),
        ]
        return fixed + [(ASPECT.format(aspect=aspect), word, 8) for aspect, word in self.aspects.items()]


def _aspects(entity: Entity) -> dict[str, str]:
    known = {"country": bare(entity.country), "city": entity.city, "topic": entity.topic}
    if entity.kind == "feeling":
        known["feeling"] = entity.name
    return {aspect: word for aspect, word in known.items() if word}


def of_entity(entity: Entity, message: str) -> Meaning:
    materials = entity.mentions[2] if entity.kind == "object" else "nothing"
    if entity.short == "a material":
        materials = entity.name
    return Meaning(message, entity.summary, entity.mentions, entity.name, _aspects(entity), materials)


def of_two(first: Entity, second: Entity, message: str) -> Meaning:
    both = f"{first.name} and {second.name}"
    return Meaning(message, both, (first.name, second.name), both)


def of_word(word: str, message: str) -> Meaning:
    description = f"the word {word}"
    return Meaning(message, description, (description,), word)


def of_part(word: str, message: str) -> Meaning:
    return Meaning(message, f"{word}, a part of names", (word, "name"), word)


def of_mark(mark: str, message: str) -> Meaning:
    return Meaning(message, "a mark", ("a mark",), mark)


def of_nothing(message: str) -> Meaning:
    return Meaning(message, "the message is empty", ("nothing",), "nothing")


def of_fact(fact: Fact, message: str) -> Meaning:
    subject = entities().get(bare(fact.subject))
    aspects = _aspects(subject) if subject else {}
    materials = fact.answer if fact.relation == "material" else "nothing"
    mentions = (bare(fact.subject), bare(fact.answer))
    return Meaning(message, fact.plain, mentions, fact.sentence.rstrip("."), aspects, materials)


def of_two_hop(hop: TwoHop, message: str) -> Meaning:
    aspects = {"country": bare(hop.bridge)}
    mentions = (bare(hop.subject), bare(hop.bridge), hop.answer)
    second = hop.second[0].lower() + hop.second[1:]
    return Meaning(message, second, mentions, f"{hop.cut} {hop.answer}", aspects)


def of_review(thing: str, verdict: str, feeling: str, message: str) -> Meaning:
    summary = f"everyone was {feeling} about the {thing}"
    return Meaning(message, summary, (thing, verdict, feeling), message.rstrip("."), {"feeling": feeling})


def of_event(name: str, event: str, feeling: str, message: str) -> Meaning:
    summary = f"{name} was {feeling}"
    return Meaning(message, summary, (name, feeling), message.rstrip("."), {"feeling": feeling})
